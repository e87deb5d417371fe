"""The parameters of rating: what is left open, what does not go together, and what is not there."""

import pytest
import yaml

from mirror.rating.settings import RateSettings
from mirror.settings.errors import SettingsError
from tests import ROOT
from tests.rated_runs import write_run

OPENAI = {"judge": "openai", "judge_model": "m", "run": "rate", "faces": False, "runs": "results/a", "repeats": 3}
RULES = OPENAI | {"judge": "rules", "judge_model": "", "repeats": 1, "instruments": "resistance"}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def checked(values, check_files=False, **changes):
    published = yaml.safe_load((ROOT / "params/rate/helpfulness-faces.yaml").read_text(encoding="utf-8"))
    return RateSettings.checked(published | values | changes, "parameter", check_files=check_files)


@pytest.mark.parametrize(("values", "repeats"), [(OPENAI, 3), (RULES, 1)], ids=["openai", "rules"])
def test_what_is_left_open_depends_on_the_judge(values, repeats):
    settings = checked(values, repeats=None, run=None)
    assert (settings.repeats, settings.run) == (repeats, f"rate-{values['judge']}")
    assert checked(values | {"judge": "openai", "judge_model": "m"}, repeats=7).repeats == 7


def test_names_are_separated_by_commas(output):
    settings = checked(OPENAI, runs=" results/a , results/b,", instruments="ctrs, resistance")
    assert settings.folders == [output / "results/a", output / "results/b"]
    assert [instrument.name for instrument in settings.read_instruments()] == ["ctrs", "resistance"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (OPENAI | {"runs": "results/a,results/a"}, "runs names a twice"),
        (OPENAI | {"run": "a"}, "run a is one of the rated runs; give this one a name of its own"),
        (OPENAI | {"instruments": " , "}, "instruments names none; give at least one, such as ctrs"),
        (OPENAI | {"judge_model": ""}, "judge_model must name a model where judge is openai, found the empty text"),
        (OPENAI | {"judge_model": "rules"}, "judge_model 'rules' is the name of the offline judge; serve the model"),
        (OPENAI | {"pairs": True}, "pairs compares each two of at least 2 runs, and runs names 1; name more"),
        (OPENAI | {"prices": "n 1/2"}, "prices"),
        (RULES | {"instruments": "ctrs"}, "judge rules has no rules for ctrs; it knows resistance, helpfulness"),
        (RULES | {"faces": True, "instruments": "helpfulness"}, "judge rules sees no faces; use judge openai"),
        (RULES | {"repeats": 2}, "judge rules is deterministic, and repeats is 2; use 1"),
        (OPENAI | {"temperature": -0.1}, "temperature"),
        (OPENAI | {"repeats": 0}, "repeats"),
    ],
)
def test_what_does_not_go_together_is_refused(values, message):
    with pytest.raises(SettingsError, match="(?s)" + message.replace("'", ".")) as refused:
        checked(values)
    assert len(str(refused.value).strip().splitlines()) == 1


def test_the_rules_need_no_key_and_a_model_does(output, monkeypatch):
    write_run(output, "a")
    assert checked(RULES, check_files=True).judge == "rules"
    with pytest.raises(
        SettingsError, match="judge is openai, and OPENAI_API_KEY is not set; set it, or give judge_url"
    ):
        checked(OPENAI, check_files=True)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    assert checked(OPENAI, check_files=True).judge == "openai"


def test_a_run_and_an_instrument_that_are_not_there_are_named(output):
    with pytest.raises(SettingsError, match="runs: .*results/a") as refused:
        checked(RULES, check_files=True, instruments="resistance")
    assert "instruments" not in str(refused.value)
    write_run(output, "a")
    with pytest.raises(SettingsError, match="instruments: .*nowhere"):
        checked(OPENAI, check_files=True, instruments="nowhere", judge_url="http://127.0.0.1:8000/v1")
    with pytest.raises(SettingsError, match="wording: no such file .*/nowhere.txt"):
        checked(OPENAI, check_files=True, wording="nowhere.txt", judge_url="http://127.0.0.1:8000/v1")
