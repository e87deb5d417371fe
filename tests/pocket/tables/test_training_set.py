"""The committed training set is made of the committed sources: its texts are those of the pocket dialogues."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mirror.building.portrait import Portrait
from mirror.building.training_set.options import RecordOptions
from mirror.building.training_set.records import make_records
from mirror.prompts import VARIANTS
from pocket.texts.screenplays import make_dialogues, make_screenplay
from tests import ROOT

DATA = ROOT / "pocket/data"


def read(cot):
    return json.loads((DATA / f"mirror_{cot}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def screenplays():
    """As if every face was painted."""
    made = map(make_screenplay, make_dialogues())
    somebody = Portrait("portrait", (), "somebody")
    return [replace(one, portrait=somebody, pictures=dict.fromkeys(one.client_lines, Path("face.png"))) for one in made]


@pytest.mark.parametrize("cot", VARIANTS)
def test_the_texts_are_those_of_the_sources(cot, screenplays):
    """The filter of pictures may drop a few dialogues as a whole; nothing else is left out, and the order stays."""
    dialogues = [[r["conversations"] for r in make_records(one, cot, RecordOptions())] for one in screenplays]
    found = [record["conversations"] for record in read(cot)]
    kept = [dialogue for dialogue in dialogues if dialogue[-1] in found]
    assert [conversation for dialogue in kept for conversation in dialogue] == found
    assert len(kept) >= 0.9 * len(dialogues)


def test_every_face_is_there_once_and_small():
    named = {record["image"] for record in read("base")}
    files = {path.relative_to(DATA / "images").as_posix() for path in (DATA / "images").rglob("*.png")}
    assert named == files and len(files) >= 0.9 * 240
    assert sum((DATA / "images" / name).stat().st_size for name in files) < 4 << 20
    for name in files:
        with Image.open(DATA / "images" / name) as image:
            assert image.size == (112, 112)
