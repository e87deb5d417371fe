"""Writes the pocket LLaVA's model card: measures it untuned, tunes each variant by its params file, measures again."""

import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from scipy.stats import binomtest

from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import LlavaSpeaker
from mirror.files.digests import sha256
from mirror.models.llava import Llava, load
from mirror.paths import repository_root
from mirror.prompts import VARIANTS, Variant, own_prompts
from mirror.provenance import commit
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from pocket.llava.counselor_evaluation import Answer, counsel, write_evaluation_dialogues
from pocket.llava.evaluation import SEED as EVALUATION_SEED
from pocket.llava.evaluation import SIZE, BaseScores, Rate, captions_right, evaluate
from pocket.llava.model import FOLDER, SEED, SMALL
from pocket.pictures.portraits import draw_portraits
from pocket.texts.dialogues import EXCHANGES

FACES = 480
CLIENTS = 60


@dataclass(frozen=True)
class TunedScores:
    """What a tuned model scored on `FACES` faces and in the sessions of `CLIENTS` clients.

    Attributes:
        seconds: of processor time that the fine-tuning took, its held-out losses included.
        captions: captions right; None without EC.
        answers: a reply to each utterance.
    """

    seconds: float
    captions: Rate | None
    answers: list[Answer]

    @property
    def named(self) -> Rate:
        return Rate.of([answer.names_expression for answer in self.answers])

    @property
    def wellformed(self) -> Rate:
        return Rate.of([not answer.faults for answer in self.answers])


def tune(cot: str, base_model: Path = FOLDER, **changes) -> tuple[Llava, float]:
    """The model tuned by `params/train/pocket-<cot>.yaml` with `changes`, and the seconds of processor time it took."""
    file = repository_root() / "params" / "train" / f"pocket-{cot}.yaml"
    names = {"run": f"exam-pocket-{cot}", "checkpoint_folder": "checkpoints/exam", "base_model": str(base_model)}
    training = Training.open(TrainSettings.from_file(file, **names, fresh=True, **changes))
    start = time.process_time()
    training.fit()
    training.llava.model.eval()
    return training.llava, time.process_time() - start


def make_counselor(llava: Llava, cot: str) -> Counselor:
    """The counselor as `params/counsel/pocket-<cot>.yaml` has it sampled."""
    file = repository_root() / "params" / "counsel" / f"pocket-{cot}.yaml"
    s = CounselSettings.from_file(file, check_files=False)
    speaker = LlavaSpeaker(llava, s.temperature, s.top_p, s.max_new_tokens, s.reply_batch)
    return Counselor(speaker, own_prompts(cot), Variant.of(cot), s.context, s.planning_max_tokens)


def evaluate_tuned(llava: Llava, cot: str, seconds: float, faces: int = FACES, clients: int = CLIENTS) -> TunedScores:
    """Measures a tuned model on faces and clients that no training set knows."""
    captions = None
    if Variant.of(cot).ec:
        shown = draw_portraits("exam", faces, 1, SIZE, EVALUATION_SEED)
        captions = captions_right(llava, [Image.fromarray(image) for image in shown.images], shown.expressions)
    return TunedScores(seconds, captions, counsel(make_counselor(llava, cot), write_evaluation_dialogues(clients)))


def write_card(folder: Path = FOLDER) -> None:
    """Measures, tunes, measures (some minutes on one core), and writes `README.md`."""
    base = evaluate(load(str(folder)), FACES)
    tuned = {}
    for cot in VARIANTS:
        llava, seconds = tune(cot, folder)
        tuned[cot] = evaluate_tuned(llava, cot, seconds)
    (folder / "README.md").write_text(model_card(folder, base, tuned), encoding="utf-8")


def sign_test(one: TunedScores, other: TunedScores) -> str:
    """How often only one of two counselors names what shows, of the same clients and faces (exact sign test)."""
    pairs = [(a.names_expression, b.names_expression) for a, b in zip(one.answers, other.answers, strict=True)]
    first, second = pairs.count((True, False)), pairs.count((False, True))
    p = binomtest(first, first + second).pvalue if first + second else 1.0
    return f"{first} times only the first, {second} times only the second, p = {p:.2g}"


def model_card(folder: Path, base: BaseScores, tuned: dict[str, TunedScores]) -> str:
    """The text of `README.md`."""
    weights = folder / "model.safetensors"
    rows = "\n".join(
        f"| {cot} | {exam.captions or '–'} | {exam.named} | {exam.wellformed} | {exam.seconds:.0f} |"
        for cot, exam in tuned.items()
    )
    said = "\n".join(
        f"- *{answer.exchange.expression}*, “{answer.exchange.client}” – **{cot}**: {answer.reply.words}"
        for cot in tuned
        for answer in tuned[cot].answers[CLIENTS : CLIENTS + 2]
    )
    return f"""# llava-v1.5-pocket

A LLaVA-1.5 in the folder format of `llava-hf`, small enough for two CPU cores. It speaks simple English about everyday
worries and can say what moves in a drawn face, but not which feeling that shows: this is left to fine-tuning. It knows
the drawn faces of this repository and no photographs of people, and it is no help to anyone in need of care.

| file | bytes | SHA-256 |
| --- | --- | --- |
| `{weights.name}` (float16) | {weights.stat().st_size:,} | `{sha256(weights)}` |

## Made by

`python -m pocket llava` (`pocket/llava/model.py`), seed {SEED}, on one core of a CPU in about 25 minutes; code of commit
`{commit()["commit"]}`. {SMALL.faces:,} drawn people, half of them with a mixture of two expressions, and texts:
stories, chats, cards to look things up in, accounts of worries, sentences of therapists and clients, looks and
movements of the drawn faces, sessions with replies that go by the words alone. The vision tower learns action units
({SMALL.tower_steps:,} batches of {SMALL.tower_batch} faces, worn by blur, noise, tint and bending); then the language
model and the projector learn {SMALL.language_steps:,} batches of about {SMALL.batch_tokens:,} tokens of texts, and
{SMALL.drill_steps:,} batches of which half are drills in taking up words that stand above.

## Measured untuned

On {FACES} faces of people whom nothing learned from (`python -m pocket card`), exam seed {EVALUATION_SEED}. Model and recipe
were chosen on faces and clients of another seed, 91; these here were looked at once. In brackets: exact 95 % interval.

| what | score |
| --- | --- |
| captions of the face that name a feeling of its expression | {base.captions} |
| the same where it must choose one of the twelve names | {base.forced} |
| expressions that a linear probe reads from the tower's features | {base.probe} |
| the same from worn faces: moved, bent, soft, noisy, tinted | {base.degraded_probe} |
| loss a token on other texts of the kinds that it knows | {base.general:.2f} nats |
| loss a token on therapists' replies in pocket dialogues | {base.dialogues:.2f} nats |

## Measured tuned

After fine-tuning by `params/train/pocket-<cot>.yaml`, sampled as in `params/counsel`. Captions: on the same faces.
Replies: to {CLIENTS} clients whom no training set knows, {EXCHANGES} each. A reply *names* the feeling if the first
feeling in it is one of the expression that shows; it is *well-formed* by `pocket/llava/wellformed.py`. The last column is
processor time of the training on one core.

| cot | captions right | replies that name the feeling | well-formed replies | seconds |
| --- | --- | --- | --- | --- |
{rows}

The same clients and faces with two variants (exact sign test):

- ec and base: {sign_test(tuned["ec"], tuned["base"])};
- ec_planning and planning: {sign_test(tuned["ec_planning"], tuned["planning"])}.

{said}

## Limits

Some eight hundred words, twelve expressions, eighteen worries. Words outside of them are read in pieces and hardly
understood. Replies are put together from few patterns, and often speak of another worry than the client's or by another
name. Clients' words are those of the pocket dialogues and faces are drawn: faces of a painter were not measured here.
The sign test takes the replies to one client for independent, which they are not quite.
"""
