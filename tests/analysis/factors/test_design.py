"""2 × 2 designs among arms: which are found, in which order, and which arms are left out."""

from pathlib import Path

import pytest

from mirror.analysis.factors.design import NOT_SHOWN, cell_of, designs, same_levels
from mirror.transcripts.arm import Arm


def arm(name, cot="base", face="shown", checkpoint="c", **settings):
    return Arm(Path(name), {"size": "7b", "cot": cot, "face": face, "checkpoint": checkpoint} | settings, {})


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        (arm("a"), ("MIRROR 7b", "base", "shown")),
        (arm("a", "ec", "swapped", ""), ("untuned LLaVA 7b", "ec", "swapped")),
        (arm("a", base_model="llava-hf/llava-1.5-7b-hf"), ("MIRROR 7b", "base", "shown")),
        (arm("a", base_model="own/llava"), ("MIRROR 7b (own/llava)", "base", "shown")),
        (arm("a", size="other", base_model="Qwen/Qwen3-VL-8B"), ("MIRROR Qwen3-VL-8B", "base", "shown")),
        (arm("a", size="other", base_model="Qwen/Qwen3-8B", sees_face=False), ("MIRROR Qwen3-8B", "base", NOT_SHOWN)),
        (arm("a", counselor="openai", counselor_model="m", base_model="x"), ("m", "base", "shown")),
        (arm("a", counselor="openai", counselor_model="m", sees_face=False), ("m", "base", NOT_SHOWN)),
    ],
)
def test_the_levels_of_an_arm(given, cell):
    assert cell_of(given) == cell


def test_a_cross_of_two_factors_is_one_design_with_its_cells_in_order():
    crossed = [arm("bs"), arm("es", "ec"), arm("bw", face="swapped"), arm("ew", "ec", "swapped")]
    (found,) = designs(crossed)
    assert (found.factor, found.level, found.other_level) == ("cot", "ec", "base")
    assert (found.by, found.by_level, found.by_other) == ("face", "swapped", "shown")
    assert found.cells == ("ew", "es", "bw", "bs") and found.within == "MIRROR 7b"
    (turned,) = designs(crossed, reference="ew")
    assert turned.cells == ("bs", "bw", "es", "ew")


def test_every_level_is_compared_with_the_first_one():
    arms = [
        arm(f"{cot}{face}", cot, face) for cot in ("base", "ec", "planning") for face in ("shown", "blank", "swapped")
    ]
    found = designs(arms)
    assert (
        len(found) == 4
        and {one.other_level for one in found} == {"base"}
        and {one.by_other for one in found} == {"shown"}
    )


def test_three_factors_give_designs_within_each_level_of_the_third():
    arms = [
        arm(f"{cot}{face}{tuned}", cot, face, tuned)
        for cot in ("base", "ec") for face in ("shown", "blank") for tuned in ("c", "")
    ]  # fmt: skip
    assert len(designs(arms)) == 6


def test_a_missing_cell_and_two_arms_in_one_cell_make_no_design():
    crossed = [arm("bs"), arm("es", "ec"), arm("bw", face="swapped")]
    assert designs(crossed) == []
    twice = [*crossed, arm("ew", "ec", "swapped"), arm("again", "ec", "swapped")]
    assert designs(twice) == [] and same_levels(twice) == [["ew", "again"]]
