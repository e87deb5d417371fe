"""The committed training set is what the builder writes of the committed sources with `params/build/pocket.yaml`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mirror.building.pictures import OwnStudio, Pictures
from mirror.building.run import Building
from mirror.building.settings import BuildSettings
from mirror.building.training_set.check import check_set
from mirror.building.training_set.records import make_records
from mirror.prompts import VARIANTS
from tests import ROOT

DATA = ROOT / "pocket/data"
ROUNDING = 4  # mean difference of pixels, 0…255, between machines; any two faces of one person differ by more


@pytest.fixture(scope="module")
def building(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(tmp_path_factory.mktemp("output")))
        building = Building(BuildSettings.from_file("params/build/pocket.yaml")).open()
        _ = building.matched
        yield building


@pytest.fixture(scope="module")
def matched(building):
    return {one.idx: one for one in building.matched.training.kept}


def rows(name):
    return pd.read_csv(DATA / name, dtype=str, keep_default_na=False)


@pytest.mark.slow
def test_the_set_is_sound_and_small():
    assert (check_set(DATA)["reproduced"] == 1).all()
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 6 << 20
    for path in (DATA / "images").rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (112, 112)


def test_the_clients_and_their_portraits_are_those_of_the_build(building, matched):
    """The filter of pictures drops a few dialogues, and nothing else is left out."""
    dialogues, dropped = rows("dialogues.csv"), rows("dropped.csv")
    gone = dropped[dropped["what"] == "dialogue"]
    assert set(gone["reason"]) <= {"no_face"} and len(gone) <= 4
    for split, wanted in (("train", matched.values()), ("test", building.matched.test.kept)):
        due = {one.idx: one.portrait.name for one in wanted if one.idx not in set(gone["idx"])}
        found = dialogues[dialogues["split"] == split]
        assert dict(zip(found["idx"], found["portrait"], strict=True)) == due


@pytest.mark.parametrize("cot", VARIANTS)
def test_the_records_are_those_of_the_build(cot, building, matched):
    found = json.loads((DATA / f"mirror_{cot}.json").read_text(encoding="utf-8"))
    kept = dict.fromkeys(record["question_id"].split(":")[0] for record in found)
    painted = (
        replace(matched[idx], pictures=dict.fromkeys(matched[idx].client_lines, Path("face.png"))) for idx in kept
    )
    options = building.settings.record_options()
    assert [record for one in painted for record in make_records(one, cot, options)] == found


def test_the_pictures_are_those_of_the_build(building, matched, tmp_path):
    """Paints the first two pictures of a dialogue again."""
    whole = next(iter(matched.values()))
    s = building.settings
    pictures = Pictures(
        tmp_path, OwnStudio(*building.tools), seed=s.seed, attempts=s.attempts, on_exhaustion=s.on_exhaustion
    )
    (made,) = pictures.make([replace(whole, lines=whole.lines[:4])]).kept
    painted = [pixels(made.pictures[line]) for line in (0, 2)]
    shown = [pixels(DATA / f"images/{whole.idx}/turn-{line}_{whole.portrait.name}.png") for line in (0, 2)]
    apart = [[np.abs(one - other).mean() for other in shown] for one in painted]
    assert max(apart[0][0], apart[1][1]) < ROUNDING < min(apart[0][1], apart[1][0])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype=float)
