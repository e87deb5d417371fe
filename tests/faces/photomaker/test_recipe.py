"""Recipes that cannot work are refused by the name of the value."""

from dataclasses import replace

import pytest

from mirror.faces.photomaker.recipe import PaintRecipe
from tests.tiny_photomaker import RECIPE


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"guidance_scale": 0.5},
        {"guidance_scale": -1.0},
        {"merge_step": -2},
        {"merge_at": 1.5},
        {"merge_at": float("nan")},
        {"size": 60},
        {"output_size": 0},
        {"scheduler": "euler a"},
        {"spacing": "karras"},
        {"spacing": "trailing", "scheduler": "tcd"},
        {"steps": 51, "scheduler": "lcm"},
    ],
)
def test_a_recipe_that_cannot_work_is_refused(change):
    with pytest.raises(ValueError, match=f"^{next(iter(change))} must be"):
        replace(RECIPE, **change)


def test_all_that_cannot_work_is_told_with_what_was_found():
    with pytest.raises(ValueError) as refused:
        replace(RECIPE, steps=0, size=60, output_size=0)
    message = str(refused.value)
    assert message.startswith("steps must be 1 or more; size must be a multiple of 8, 8 or more; output_size must be 1")
    assert "; found PaintRecipe(steps=0," in message


@pytest.mark.parametrize(("scale", "guided"), [(0.0, False), (1.0, False), (1.5, True)])
def test_a_negative_prompt_guides_above_1_only(scale, guided):
    assert replace(RECIPE, guidance_scale=scale).guided is guided


def test_the_bounds_themselves_work_and_the_defaults_are_the_published_recipe():
    replace(RECIPE, steps=1, merge_step=-1, size=8, output_size=1, merge_at=0.0)
    published = PaintRecipe()
    assert (published.steps, published.guidance_scale, published.merge_step, published.size) == (50, 5.0, 10, 1024)
