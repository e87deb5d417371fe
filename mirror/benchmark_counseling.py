"""How fast sessions go: the same clients at several concurrencies, side by side in one run.

    python -m mirror.benchmark_counseling                # the pocket models, on any machine
    python -m mirror.benchmark_counseling --size 7b      # LLaVA-7b, SDXL and the filters' real shapes, on a GPU

`7b` has random weights in bf16 at the real shapes and needs no download; its client is scripted, its describer the
lexicon. Writes `counseling-<size>.md` and `.json`.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from mirror.casting import make_cast
from mirror.client import ScriptedClient
from mirror.counselor import Counselor
from mirror.description import LexiconDescriber
from mirror.llava import Llava, make_processor, random_model
from mirror.photomaker import PaintRecipe, PhotoMaker
from mirror.photomaker.real_shapes import random_encoder, random_pipeline
from mirror.profile import Profile, read_profiles
from mirror.prompts import Variant, own_prompts
from mirror.run import input_path, output_path, versions, write_json, write_text
from mirror.session import Cast, run_sessions
from mirror.settings import CounselSettings
from mirror.speaker import LlavaSpeaker
from mirror.transcript import SessionFolder
from mirror.verification import Finding, LocalVerifier, RelevanceFilter, SafetyFilter, VerificationRequest

STAGES = ("client", "description", "face", "counselor")
REPLY = 64  # tokens at the most
PUBLISHED = {"face": 4.5, "counselor": 1.98}  # seconds of the original, one after another, on its own machine
POCKET = Path("pocket/models")


@dataclass(frozen=True)
class Measurement:
    """What one concurrency did; `stages` are seconds a turn, `other` what lies between them (disk, mostly)."""

    concurrency: int
    sessions: int
    turns: int
    seconds: float
    stages: dict[str, float]
    attempts: float
    reply_tokens: float

    @property
    def turns_an_hour(self) -> float:
        return 3600 * self.turns / self.seconds

    @property
    def sessions_an_hour(self) -> float:
        return 3600 * self.sessions / self.seconds

    @property
    def other(self) -> float:
        return self.seconds / self.turns - sum(self.stages.values())


class AnyPerson:
    """Stands for the identity filter where faces are noise, in which no face would be found."""

    def check(self, requests: Sequence[VerificationRequest]) -> list[Finding]:
        return [Finding(None) for _ in requests]


def pocket_cast(cot: str) -> Cast:
    """The cast of the pocket configuration, as the params file has it."""
    return make_cast(CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), cot=cot))


def real_shapes_cast(cot: str, steps: int, scheduler: str, folder: Path) -> Cast:
    """Random weights at the real shapes, on the GPU. `folder` is for the filters' files."""
    device, dtype = "cuda", torch.bfloat16
    model = random_model("7b", dtype, device).eval()
    images = CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    tokenizer = AutoTokenizer.from_pretrained(input_path(POCKET / "llava-v1.5-pocket"))
    llava = Llava(model, make_processor(model.config, tokenizer, images), "random weights, 7b", "")
    recipe = PaintRecipe(steps, 5.0, steps // 5, 1024, 336, scheduler)
    pipeline = random_pipeline(input_path(POCKET / "sdxl-pocket/tokenizer"), dtype, device)
    painter = PhotoMaker(pipeline, random_encoder(dtype, device), recipe, {}, compile="blocks")
    write_random_filters(folder)
    verifier = LocalVerifier(
        SafetyFilter(str(folder / "classifier"), device),
        RelevanceFilter(str(folder / "clip"), -1.0, device),
        AnyPerson(),
    )
    counselor = Counselor(LlavaSpeaker(llava, max_tokens=REPLY), own_prompts(cot), Variant.of(cot))
    return Cast(ScriptedClient(), LexiconDescriber(), painter, verifier, counselor)


def write_random_filters(folder: Path) -> None:
    """CLIP ViT-B/32 and a ViT-B/16 classifier at their real shapes, which call everything safe."""
    CLIPModel(CLIPConfig()).save_pretrained(folder / "clip")
    AutoTokenizer.from_pretrained(input_path(POCKET / "clip-pocket")).save_pretrained(folder / "clip")
    CLIPImageProcessorPil().save_pretrained(folder / "clip")
    labels = {"id2label": {0: "normal", 1: "nsfw"}, "label2id": {"normal": 0, "nsfw": 1}}
    classifier = ViTForImageClassification(ViTConfig(**labels))
    classifier.classifier.bias.data = torch.tensor([9.0, -9.0])
    classifier.save_pretrained(folder / "classifier")
    ViTImageProcessorPil().save_pretrained(folder / "classifier")


def measure(cast: Cast, profiles: Sequence[Profile], concurrency: int, turns: int) -> Measurement:
    """The sessions of `profiles`, `turns` long, after one unmeasured turn of as many as go together."""
    with tempfile.TemporaryDirectory() as folder:
        run_sessions(cast, profiles[:concurrency], Path(folder), 1, concurrency, 1)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcomes = run_sessions(cast, profiles, Path(folder), 0, concurrency, turns)
        taken = time.perf_counter() - start
        if failed := [outcome.reason for outcome in outcomes if outcome.status == "failed"]:
            raise RuntimeError(f"{len(failed)} sessions failed; the first: {failed[0]}")
        sessions = [SessionFolder(Path(folder) / profile.idx) for profile in profiles]
        made = [turn for session in sessions for turn in session.turns()]
        seconds: Counter[str] = Counter()
        for session in sessions:
            for stages in session.timings().values():
                seconds.update(stages)
    faces = [turn.face for turn in made if turn.face]
    tokens = sum(turn.tokens.get("counselor_completion", 0) for turn in made)
    return Measurement(
        concurrency,
        len(sessions),
        len(made),
        taken,
        {stage: seconds[stage] / len(made) for stage in STAGES},
        sum(len(face.attempts) for face in faces) / len(faces),
        tokens / len(faces),
    )


def table(measurements: Sequence[Measurement]) -> str:
    """A row a concurrency; ratios are to the first."""
    heads = (
        "sessions at a time",
        "sessions an hour",
        "turns an hour (ratio)",
        *(f"{stage}, s a turn" for stage in STAGES),
    )
    lines = [f"| {' | '.join((*heads, 'other', 'attempts a face', 'tokens a reply'))} |", "|---" * 10 + "|"]
    first = measurements[0].turns_an_hour
    for m in measurements:
        cells = [
            str(m.concurrency),
            f"{m.sessions_an_hour:.0f}",
            f"{m.turns_an_hour:.0f} ({m.turns_an_hour / first:.2f})",
        ]
        cells += [f"{m.stages[stage]:.3f}" for stage in STAGES] + [f"{m.other:.3f}"]
        lines.append(f"| {' | '.join((*cells, f'{m.attempts:.1f}', f'{m.reply_tokens:.0f}'))} |")
    return "\n".join(lines)


REPORT = """# Counseling: sessions and turns an hour

`{command}`

{machine}, {versions}. {what} Sessions of up to {turns} turns, variant `{cot}`, each concurrency after one unmeasured
turn of its own.

{table}

The stages' seconds are shared among the turns that are taken together, so that a row's add up to its time a turn.
For scale: the published original took {face} s a face and {counselor} s a reply of 64 tokens, one after another, on its
own machine; that is {published:.0f} turns an hour if every face is accepted at once.
"""
WHAT = {
    "pocket": "The pocket models of this repository, float32.",
    "7b": "Random weights in bf16 at the shapes of LLaVA-1.5-7b, SDXL with PhotoMaker v1 (1024 × 1024, {steps} steps "
    "of {scheduler}, guidance 5, `compile` `blocks`), CLIP ViT-B/32 and ViT-B/16; scripted client, lexicon; each face "
    "is accepted at once and not looked at for identity (noise has no face).",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmark_counseling", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(WHAT), default="pocket")
    parser.add_argument("--cot", default="base", help="variant of the counselor")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument(
        "--clients", type=int, default=16, help="sessions at each concurrency, of the 16 pocket clients"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50, help="7b: denoising steps a face")
    parser.add_argument("--scheduler", choices=("ddim", "dpmsolver++"), default="ddim", help="7b")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    if given.size == "7b" and not torch.cuda.is_available():
        sys.exit("--size 7b needs an NVIDIA GPU, and PyTorch sees none")
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    with tempfile.TemporaryDirectory() as folder:
        if given.size == "pocket":
            cast = pocket_cast(given.cot)
        else:
            cast = real_shapes_cast(given.cot, given.steps, given.scheduler, Path(folder))
        measurements = []
        for concurrency in given.concurrency:
            measurements.append(measure(cast, profiles[: max(given.clients, concurrency)], concurrency, given.turns))
            print(table(measurements), flush=True)
            report(given, measurements)


def report(given: argparse.Namespace, measurements: Sequence[Measurement]) -> None:
    has_gpu = torch.cuda.is_available()
    name = f"counseling-{given.size}" + "-fast" * (given.scheduler != "ddim")
    write_json(output_path(given.out) / f"{name}.json", [asdict(measurement) for measurement in measurements])
    text = REPORT.format(
        command=" ".join(["python -m mirror.benchmark_counseling", *sys.argv[1:]]),
        machine=torch.cuda.get_device_name() if has_gpu else f"{torch.get_num_threads()} threads of a CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        what=WHAT[given.size].format(steps=given.steps, scheduler=given.scheduler),
        turns=given.turns,
        cot=given.cot,
        table=table(measurements),
        published=3600 / sum(PUBLISHED.values()),
        **PUBLISHED,
    )
    write_text(output_path(given.out) / f"{name}.md", text)


if __name__ == "__main__":
    main()
