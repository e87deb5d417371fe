"""The parameters of a comparison: what fills what is left open, and every conflict and lack with its message."""

import pytest

from mirror.faces.settings import SERVICES
from mirror.painting.presets import PRESETS
from mirror.painting.settings import file_name
from mirror.settings.errors import SettingsError
from tests.painted_comparisons import settings


@pytest.fixture(autouse=True)
def no_services(monkeypatch):
    for variable in SERVICES.values():
        monkeypatch.delenv(variable, raising=False)


def refused(check_files=False, **changes):
    with pytest.raises(SettingsError) as error:
        settings(check_files, **changes)
    return str(error.value).replace("\n", " | ")


def test_the_pocket_configuration_is_complete():
    found = settings(check_files=True)
    assert list(found.painters) == ["6 steps", "3 steps", "2 steps", "2 steps distilled"]
    assert len(found.cues) == 12 and found.cues[0] == "skeptical"


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_left_open_is_filled_by_the_preset(preset):
    found = settings(preset=preset, painters=None, steps=None, expressions=None, run=None, table=None)
    assert found.steps == {"published": 50, "pocket": 6}[preset] and found.run == f"paint-{preset}"
    assert found.painters == PRESETS[preset]["painters"] and len(found.cues) == 12


def test_a_painter_has_the_common_parameters_but_for_its_own():
    found = settings(painters={"default": {}, "fast": {"steps": 2, "merge_at": 0.0}})
    assert found.of("default") == found
    fast = found.of("fast")
    assert (fast.steps, fast.merge_at, fast.guidance_scale, found.steps) == (2, 0.0, 1.5, 6)


def test_another_verifier_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    assert settings(check_files=True).verifier == "local"


@pytest.mark.parametrize(
    "painters, message",
    [
        ({}, "painters must be painters by name, each with the parameters in which it differs, found {}"),
        (
            "fast",
            "painters must be painters by name, each with the parameters in which it differs, found the text 'fast'",
        ),
        ({"a": {"stepz": 2}}, "painters: a: unknown parameter stepz; did you mean steps?"),
        ({"a": {"attempts": 2}}, "painters: a: unknown parameter attempts"),
        (
            {"a": {"steps": "2"}},
            "painters: a: steps must be a whole number, found the text '2'; write it without quotes",
        ),
        ({"a": {"steps": 0}}, "painters: a: steps must be"),
        ({"a": {"image_size": 100}}, "painters: a: image_size must be"),
        ({"a": {"guidance_scale": 0.5}}, "painters: a: guidance_scale must be 0 or 1 (no guidance), or above 1"),
        ({"a": {"scheduler": "lcm", "spacing": "trailing"}}, "painters: a: spacing must be model with scheduler lcm"),
        ({"a": {"scheduler": "eular"}}, "painters: a: scheduler must be one of ddim"),
        ({"a": 4}, "painters: a: must give parameters by name, found 4; {} changes none"),
        ({"a": None}, "painters: a: must give parameters by name, found None"),
        ({"a/b": {}}, "painters: a/b: the name must be at most 60 letters"),
        ({"a": {}, "A": {"steps": 2}}, "painters: A and a name the same folder"),
        ({"a": {}, "b": {"steps": 6}}, "painters: b paints exactly as a does; change a parameter, or leave one out"),
        ({"a": {}, "b": {"steps": 2}, "c": {"steps": 2}}, "painters: c paints exactly as b does"),
        ({8: {}}, "painters must be text, found 8"),
    ],
)
def test_painters_that_cannot_be_compared_are_refused_by_name(painters, message):
    found = refused(painters=painters)
    assert message in found and "|" not in found


def test_a_secret_in_a_url_is_refused_and_not_shown():
    found = refused(True, painters={"a": {"painter": "https://me:hunter2@models.example/sdxl"}, "b": {"steps": 0}})
    assert "painters: a: painter" in found and "hunter2" not in found and "steps" not in found


def test_all_faults_of_all_painters_are_named():
    found = refused(painters={"a": {"steps": 0, "stepz": 1}, "b": {"merge_at": 2.0}})
    assert found.count("painters: a: ") == 2 and "painters: b: merge_at must be" in found


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"expressions": " , "}, "expressions must name what faces show"),
        ({"expressions": "sad, sad"}, "expressions: sad is there twice; name it once"),
        ({"expressions": "looks away, looks-away"}, "expressions: looks-away is there twice"),
        ({"expressions": "sad, xylophone"}, "expressions: no word of 'xylophone' is in the lexicon"),
        ({"precision": "bf16"}, "precision bf16 is for a GPU, found device cpu"),
        ({"identity_margin": -0.1}, "identity_margin must be"),
        ({"level": 1.0}, "level must be"),
        ({"face_size": 4}, "face_size must be"),
        ({"preset": "big"}, "preset must be one of published, pocket"),
    ],
)
def test_other_parameters_are_refused_by_name(changes, message):
    assert message in refused(**changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"table": "no.csv"}, "table: no such file"),
        ({"portraits": "no"}, "portraits: no such folder"),
        ({"face_pack": "no"}, "face_pack: no such folder"),
        ({"painters": {"a": {}, "b": {"painter": "./no"}}}, "painter: no such folder"),
        ({"painters": {"a": {}, "b": {"distilled": "no.safetensors"}}}, "distilled: no such file"),
    ],
)
def test_what_is_missing_is_named_once(changes, message):
    assert refused(True, **changes).count(message) == 1


def test_a_cue_may_be_more_than_a_name():
    assert settings(expressions="deeply  sad,looks away").cues == ("deeply sad", "looks away")


def test_the_name_of_a_file_holds_no_sign():
    assert file_name("looks away, / smiles.") == "looks-away-smiles"
