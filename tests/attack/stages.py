"""The stages of the work at the smallest size: what each needs, how it is started, and which files it leaves.

A stage runs in a process of its own, with `$MIRROR_OUTPUT` set to a folder of its own.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mirror.analysis.run import Analysis
from mirror.analysis.settings import AnalyseSettings
from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.counseling.shards import merge_shards
from mirror.models.merge import merge
from mirror.paths import input_path
from mirror.prompts import own_template
from mirror.rating.run import Judging
from mirror.rating.settings import RateSettings
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from tests.attack import builds
from tests.attack.faults import ChildFault, Writes
from tests.rated_runs import write_run

CHECKPOINT = "checkpoints/llava-v1.5-pocket-mirror_base-task-lora-epoch2"
ARMS = ("arm-a", "arm-b")
SMALL_SESSION = {"sessions": 2, "max_turns": 3, "attempts": 1, "steps": 1, "max_new_tokens": 8, "concurrency": 2}


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        prepare: makes what the stage needs in a folder; with the stand-in's URL.
        work: the command itself.
        asks: whether it asks the stand-in for a vendor.
        faults: what a check of its own says of the files in a folder, in sentences.
    """

    prepare: Callable[[Path, str], None]
    work: Callable[[Path, str], None]
    asks: bool = False
    faults: Callable[[Path], list[str]] = lambda folder: []


def start(name: str, folder: str, url: str, fault: ChildFault, count, log_name: str) -> None:
    """Runs a stage in this process, where `fault` happens; its words go to the file `log_name` in the folder."""
    _say_to(f"{folder}/{log_name}")
    os.environ["MIRROR_OUTPUT"] = f"{folder}/output"
    Writes(f"{folder}/output", fault, count).begin()
    STAGES[name].work(Path(folder), url)
    print("the command has ended", flush=True)


def prepare(name: str, folder: str, url: str, fault: ChildFault, count, log_name: str) -> None:
    """Makes what a stage needs."""
    os.environ["MIRROR_OUTPUT"] = f"{folder}/output"
    (Path(folder) / "output").mkdir(parents=True)
    STAGES[name].prepare(Path(folder), url)


def take(name: str, folder: str, url: str, fault: ChildFault, count, log_name: str) -> None:
    """Opens a training with the built set; `name` is the file of its records."""
    _say_to(f"{folder}/{log_name}")
    builds.take(Path(folder), name)


def _say_to(log: str) -> None:
    sys.stdin.close()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)


# Training -------------------------------------------------------------------------------------------------------------


def prepare_training(folder: Path, url: str) -> None:
    """Eight records: four dialogues of two turns."""
    data, rows = folder / "data", []
    data.mkdir()
    for number in range(4):
        Image.new("RGB", (40, 56), (60 * number, 0, 90)).save(data / f"{number}.png")
        for turn in range(2):
            human = own_template("response", "base").render(
                personal_information=f"client {number}",
                reason_for_counseling=f"I worry, {number} times a day.",
                dialogue=f"Client: Hm, {turn}.",
            )
            said = [{"from": "human", "value": human}, {"from": "gpt", "value": f"You look {turn} times sad."}]
            rows.append({"question_id": f"c{number}:{turn}:response", "image": f"{number}.png", "conversations": said})
    (data / "records.json").write_text(json.dumps(rows))


def train(folder: Path, url: str) -> None:
    small = {"base_model": builds.TINY, "data": str(folder / "data/records.json"), "image_folder": str(folder / "data")}
    small |= {"held_out": 0.25, "epochs": 2, "batch_size": 2, "lora_rank": 4, "save_steps": 1, "keep": 2, "show": 1}
    settings = input_path("params/train/pocket-base.yaml")
    Training.open(TrainSettings.from_file(settings, **small, max_new_tokens=4, run="train")).fit()


# Merging a checkpoint -------------------------------------------------------------------------------------------------


def prepare_merging(folder: Path, url: str) -> None:
    prepare_training(folder, url)
    train(folder, url)


def merge_checkpoint(folder: Path, url: str) -> None:
    output = folder / "output"
    merge(output / CHECKPOINT, output / "merged", dtype="float32")


# Counseling -----------------------------------------------------------------------------------------------------------


def counsel(folder: Path, url: str) -> None:
    chat = {"client": "openai", "client_model": "some-model", "client_url": url}
    settings = input_path("params/counsel/pocket-llava.yaml")
    Counseling(CounselSettings.from_file(settings, **SMALL_SESSION, **chat, run="counsel")).counsel()


def write_sessions(folder: Path, name: str, clients: Sequence[str], replies: str = "I hear you.") -> Path:
    """A complete run of counseling, without models."""
    for idx in clients:
        profile = Profile(idx, "Ada, 30, a nurse", "none", "I fail.", "I worry.", "Woman", ())
        SessionFolder(folder / "output/results" / name / "sessions" / idx).begin(profile)
    run = write_run(folder / "output", name, clients, 2, replies, faces=True)
    (run / "provenance.json").write_text(json.dumps({"status": "complete", "clients": list(clients)}))
    return run


# Merging shares -------------------------------------------------------------------------------------------------------


def prepare_shares(folder: Path, url: str) -> None:
    settings = CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), run="share")
    for number in (1, 2):
        name = f"share-{number}of2"
        run = write_sessions(folder, name, (str(60 + number), str(70 + number)))
        own = settings.model_dump() | {"shard": f"{number}/2"}
        (run / "settings.yaml").write_text(json.dumps(own))


def merge_shares(folder: Path, url: str) -> None:
    merged = merge_shards("share")
    print(merged)
    sys.exit(1 if merged.unfinished else 0)


# Rating and analysis --------------------------------------------------------------------------------------------------


def prepare_arms(folder: Path, url: str) -> None:
    for number, name in enumerate(ARMS):
        replies = ("I hear that you are sad.", "Why?")[number]
        write_sessions(folder, name, ("60", "61", "62"), replies)


def rate(folder: Path, url: str) -> None:
    values = {"runs": ",".join(f"results/{name}" for name in ARMS), "judge": "openai", "judge_model": "some-model"}
    values |= {"judge_url": url, "retries": 0, "timeout": 10.0, "concurrency": 2, "attempts": 1, "repeats": 1}
    values |= {"instruments": "helpfulness", "pairs": True, "run": "rate"}
    settings = RateSettings.from_file(input_path("params/rate/pocket.yaml"), **values)
    Judging(settings, settings.folders).rate()


def analyse(folder: Path, url: str) -> None:
    values = {"runs": ",".join(f"results/{name}" for name in ARMS), "reference": ARMS[0], "resamples": 200}
    settings = AnalyseSettings.from_file(input_path("params/analyse/pocket.yaml"), **values, run="study")
    analysis = Analysis(settings, settings.folders).open()
    for finding in (analysis.arms, analysis.counselors, analysis.comparison):
        finding()
    print(analysis.finish())


def nothing(folder: Path, url: str) -> None:
    """A stage that needs nothing."""


STAGES = {
    "build": Stage(builds.prepare_building, builds.build_set, asks=True, faults=builds.set_faults),
    "train": Stage(prepare_training, train),
    "merge": Stage(prepare_merging, merge_checkpoint),
    "counsel": Stage(nothing, counsel, asks=True),
    "shares": Stage(prepare_shares, merge_shares),
    "rate": Stage(prepare_arms, rate, asks=True),
    "analyse": Stage(prepare_arms, analyse),
}
