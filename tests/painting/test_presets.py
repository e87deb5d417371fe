"""What a comparison of painters takes where nothing else is said."""

import pytest

from mirror.clients.lexicon import lexicon
from mirror.painting.presets import EXPRESSIONS, PRESETS
from mirror.painting.settings import PaintSettings
from mirror.paths import input_path


def test_both_sizes_fill_in_the_same_parameters():
    """All that a painter needs, without who describes: the expressions are given, and the filters are always local."""
    assert PRESETS["published"].keys() == PRESETS["pocket"].keys()
    assert PRESETS["pocket"].keys() - PaintSettings.model_fields.keys() == {"describer", "describer_model", "verifier"}


@pytest.mark.parametrize("name", ["table", "portraits"])
def test_the_pocket_clients_are_there(name):
    assert input_path(PRESETS["pocket"][name]).exists()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_first_painter_is_the_default_one_and_no_two_are_alike(preset):
    painters = list(PRESETS[preset]["painters"].values())
    assert painters[0] == {} and all(painters.count(painter) == 1 for painter in painters)


def test_each_expression_is_one_that_the_lexicon_tells_from_the_others():
    faces = [lexicon().face(name) for name in EXPRESSIONS.split(", ")]
    assert all(faces) and len({face.look for face in faces}) == 12
