"""The parameters of exploring: what is given replaces the configuration's values, and nothing else does."""

import pytest

from mirror.exploration.settings import ExploreSettings
from mirror.settings.errors import SettingsError

GIVEN = {
    "configuration": "params/counsel/pocket-llava.yaml",
    "checkpoint": None,
    "cot": "",
    "client": "",
    "turns": 1,
    "cue": "",
    "words": "",
    "seed": 0,
}


def checked(**changes):
    return ExploreSettings.checked(GIVEN | changes, "parameter")


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({}, {"seed": 0}),
        ({"checkpoint": "", "seed": 4}, {"seed": 4}),
        ({"checkpoint": "c", "cot": "ec"}, {"seed": 0, "checkpoint": "c", "cot": "ec"}),
    ],
)
def test_what_is_left_open_replaces_nothing(given, changes):
    assert checked(**given).changes == changes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"configuration": "nowhere.yaml"}, "configuration: no such file .*nowhere.yaml; name one of params/counsel/"),
        ({"configuration": "params"}, "configuration: no such file"),
        ({"turns": 0}, "turns must be greater than or equal to 1, found 0"),
        ({"against": "nowhere.yaml"}, "against: no such file .*nowhere.yaml; name one of params/counsel/"),
        ({"against": "params/counsel/pocket-ec.yaml", "turns": 2}, "turns is 2, and against compares two counselors"),
        ({"rater": "Ann B."}, "rater must be an id of up to 31 of a-z, 0-9, - and _, found the text 'Ann B.'"),
        ({"run": "a/b"}, "run must be one folder name of letters"),
        ({"seed": -1}, "seed must be greater than or equal to 0, found -1"),
    ],
)
def test_what_cannot_be_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        checked(**values)


@pytest.mark.parametrize(
    ("against", "runs"),
    [
        ("", ("explored",)),
        ("params/counsel/pocket-ec.yaml", ("explored-pocket-llava", "explored-pocket-ec")),
        ("params/counsel/pocket-llava.yaml", ("explored-pocket-llava", "explored-pocket-llava-2")),
    ],
)
def test_every_counselor_has_a_run_of_its_own(against, runs):
    settings = checked(against=against)
    assert settings.runs == runs and settings.votes == "explored-votes"
