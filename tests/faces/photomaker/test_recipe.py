"""Recipes that cannot work are refused by the name of the value."""

from dataclasses import replace

import pytest

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
