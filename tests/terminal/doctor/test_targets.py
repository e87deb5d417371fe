"""What a machine can be checked for: params files that exist, and the needs that the documentation tells."""

import re

import pytest

from mirror.terminal.doctor.targets import BF16, MODELS, TARGETS, target_of
from tests import ROOT


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_params_files_of_a_target_are_read(target):
    assert target.training.size == target.counseling.size
    assert (target.need is None) == (target.training.size == "pocket") == (target.base_bytes == 0)


def test_a_card_of_24_gb_needs_room_for_weights_at_rest():
    """Of the painter, and of the larger of describer (building) and counselor."""
    assert TARGETS["24gb"].resting_bytes / 1e9 == pytest.approx(23.7, abs=0.05)
    assert TARGETS["80gb"].resting_bytes == TARGETS["laptop"].resting_bytes == 0


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_what_a_build_loads_is_what_the_counseling_loads_but_for_the_describer(target):
    if building := target.building:
        for name in ("painter", "painter_revision", "adapter", "safety_model", "relevance_model", "face_pack"):
            assert getattr(building, name) == getattr(target.counseling, name)


@pytest.mark.parametrize(
    "name, row",
    [("24gb", "7b, nf4, 4"), ("80gb", "7b, bf16, 1")],
)
def test_the_need_is_that_of_the_table_of_training(name, row):
    (line,) = re.findall(rf"^\| {row}.*$", (ROOT / "docs/train.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert float(line.split("|")[-2]) == pytest.approx(TARGETS[name].need.total / 1e9, abs=0.05)


def test_the_13b_model_has_the_weights_of_the_table():
    model = MODELS["13b"]
    assert BF16 * (model.linear + model.other) / 1e9 == pytest.approx(26.6, abs=0.05)


@pytest.mark.parametrize(
    "gpus, name",
    [
        ([], "laptop"),
        ([12_000_000_000], "laptop"),
        ([25_700_000_000], "24gb"),
        ([85_000_000_000] * 7, "80gb"),
        ([85_000_000_000] * 8, "8x80gb"),
    ],
)
def test_gpus_suggest_a_target(gpus, name):
    assert target_of(gpus) == name
