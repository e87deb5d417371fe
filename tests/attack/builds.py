"""The building of a training set as a stage: two clients, two kinds of resistance, written and described by a vendor.

What is left is judged by the set's own check, by a training that takes the set, and by what the set says was left out.
"""

import csv
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

from mirror.building.pictures.journal import DESCRIPTIONS, PICTURES
from mirror.building.settings import BuildSettings
from mirror.building.training_set.check import DROPPED, IMAGES, SetError, check_set, records_file
from mirror.files.digests import DIGESTS
from mirror.paths import input_path
from mirror.prompts import VARIANTS
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from tests import ROOT
from tests.attack.files import Snapshot
from tests.killed_builds import build, profiles

TINY = str(ROOT / "tests/data/llava-tiny/llava-v1.5-tiny")
RUN = "results/build"
CLIENTS = 2
PORTRAITS = ("060-calm.png", "062-calm.png", "100-calm.png", "102-calm.png", "112-calm.png", "114-calm.png")
TEST_CLIENTS = ("60", "62")
WRITTEN = "written.jsonl"
OF_ALL = ("texts.jsonl", "provenance.json")  # files of a run that speak of every dialogue


def prepare_building(folder: Path, url: str) -> None:
    """The tables and the portraits."""
    sources = input_path("pocket/sources")
    profiles(folder / "profiles.csv", CLIENTS)
    (folder / "portraits").mkdir()
    for name in PORTRAITS:
        shutil.copyfile(sources / "portraits" / name, folder / "portraits" / name)
    _some_rows(sources / "portraits.csv", folder / "portraits.csv", "file", PORTRAITS)
    _some_rows(sources / "test_clients.csv", folder / "test.csv", "idx", TEST_CLIENTS, img_path="")


def _some_rows(table: Path, copy: Path, column: str, values: tuple[str, ...], **cells: str) -> None:
    """Copies the rows of a table that have one of these values."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | cells for row in rows if row[column] in values)
    copy.write_text(text.getvalue(), encoding="utf-8")


def build_set(folder: Path, url: str) -> None:
    """The whole build, with members that paint and verify at once."""
    values = {"source": "profiles", "table": str(folder / "profiles.csv"), "resistances": "emotional, no"}
    values |= {"writer_model": "some-model", "writer_url": url, "describer": "openai"}
    values |= {"describer_model": "some-model", "describer_url": url, "concurrency": 2, "seed": 7}
    values |= {"portraits": str(folder / "portraits"), "portrait_table": str(folder / "portraits.csv")}
    values |= {"test_table": str(folder / "test.csv"), "attempts": 3, "on_exhaustion": "keep_best", "paint_batch": 4}
    building = build(BuildSettings.from_file(input_path("params/build/pocket.yaml"), **values, run="build"))
    print(building.left_out())


# What is left ---------------------------------------------------------------------------------------------------------


def set_faults(case: Path) -> list[str]:
    """What the check of the set says; nothing while there is none."""
    folder = case / "output" / RUN / "set"
    if not folder.exists():
        return []
    try:
        check_set(folder)
    except SetError as error:
        return [f"{RUN}/set/{fault}" for fault in error.faults]
    return []


def is_of_set(case: Path, path: Path) -> bool:
    """Whether a file is one of the written set, or was."""
    return path.is_relative_to(case / "output" / RUN / "set")


def taken_with(case: Path, path: Path) -> str:
    """The file of records with which a training takes this file of the set too; empty if none does."""
    name = path.relative_to(case / "output" / RUN / "set").as_posix()
    if name in map(records_file, VARIANTS):
        return name
    return records_file("base") if name.startswith(f"{IMAGES}/") else ""


def take(case: Path, records: str) -> None:
    """Opens a training with the set; what it writes stays beside the build's output."""
    os.environ["MIRROR_OUTPUT"] = str(case / "taken")
    folder = case / "output" / RUN / "set"
    values = {"base_model": TINY, "data": str(folder / records), "image_folder": str(folder / IMAGES)}
    values |= {"max_new_tokens": 4, "lora_rank": 4, "held_out": 0.25, "run": "taken"}
    values["cot"] = records.removeprefix("mirror_").removesuffix(".json")
    Training.open(TrainSettings.from_file(input_path("params/train/pocket-base.yaml"), **values))


def unexplained(reference: Snapshot, mine: Snapshot, differing: list[str]) -> list[str]:
    """The files among the differing ones that the answers of a faulty vendor do not explain.

    It may have cost an attempt: then the answers that count are the same. It may have described a face in no usable
    way: then the journal says that the cue stands in its place, and this face is another one. Or it left a session
    unwritten, which the set must name: then what is of this session is missing, and nothing else.
    """
    given = {Path(name).parent.name: _lines(mine.raw[name]) for name in mine.raw if name.endswith(DESCRIPTIONS)}
    replaced = {(idx, line) for idx, of in given.items() for line, one in of.items() if one["description"]["fallback"]}
    missing = {row["idx"] for row in _left_out(mine) if row["step"] == "write"}
    return [name for name in differing if not _is_explained(name, missing, replaced, reference, mine)]


def _is_explained(
    name: str, missing: set[str], replaced: set[tuple[str, int]], reference: Snapshot, mine: Snapshot
) -> bool:
    path, idx = Path(name), Path(name).parent.name
    if missing & {*path.parts}:
        return name not in mine.raw
    if name not in mine.raw or name not in reference.raw:
        return False
    if path.name in (WRITTEN, DESCRIPTIONS, PICTURES):
        before, after = _answers(reference.raw[name]), _answers(mine.raw[name])
        left_out = missing | {line for of, line in replaced if of == idx}
        return {key: one for key, one in before.items() if key not in left_out} == {
            key: one for key, one in after.items() if key not in left_out
        }
    if path.suffix == ".png":
        return (idx, int(path.stem.removeprefix("turn-").partition("_")[0])) in replaced
    if path.is_relative_to(f"{RUN}/set"):
        return bool(missing) or path.name == DIGESTS and bool(replaced)
    return bool(missing) and path.name in OF_ALL


def _answers(journal: bytes) -> dict[Any, Any]:
    """What came of the answers: the last that could be used to each question, or what was painted."""
    found: dict[Any, Any] = {}
    for line in map(json.loads, journal.splitlines()):
        if "description" in line:
            found[line["line"]] = [line["description"][name] for name in ("expression", "contrast")]
        elif "prompt" in line:
            found[line["line"]] = line
        elif not line["fault"] and "Client:" in line["raw"]:
            found[line["idx"]] = line["raw"]
    return found


def _lines(journal: bytes) -> dict[int, Any]:
    return {line["line"]: line for line in map(json.loads, journal.splitlines())}


def _left_out(mine: Snapshot) -> list[dict[str, str]]:
    text = mine.raw.get(f"{RUN}/set/{DROPPED}", b"").decode()
    return list(csv.DictReader(io.StringIO(text)))
