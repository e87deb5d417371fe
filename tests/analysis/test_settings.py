"""The parameters of the analysis: what cannot work is refused before anything is read."""

import pytest
import yaml

from mirror.analysis.settings import AnalyseSettings
from mirror.settings.errors import SettingsError
from tests.parameters import ANALYSE_DEFAULTS, analyse_settings
from tests.preferences import answer, write_answers


def write(folder):
    (folder / "sessions/60").mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump({"cot": "base"}))


def test_the_run_is_called_after_those_that_it_compares(output):
    assert analyse_settings().run == "analyse-pocket"
    assert analyse_settings(runs="results/a, results/b").run == "analyse-a-b"
    assert analyse_settings(run="mine").run == "mine"
    assert [f.name for f in analyse_settings(runs="results/a, results/b,").folders] == ["a", "b"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"runs": "results/a,other/a"}, "runs: a is the name of 2 runs"),
        (
            {"runs": "results/a", "reference": "b"},
            "reference must be the folder name of one of the runs .a., found 'b'",
        ),
        ({"runs": "results/a", "run": "a"}, "run: a is one of the runs that are compared"),
        ({"level": 0.5}, "level"),
        ({"resamples": 0}, "resamples"),
        ({"run": "a/b"}, "run"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        analyse_settings(**changes)


def test_a_run_that_is_not_there_is_refused_with_what_to_do(output):
    write(output / "results/a")
    AnalyseSettings.checked(ANALYSE_DEFAULTS | {"runs": "results/a"}, "parameter")
    with pytest.raises(SettingsError, match="runs: no such folder results/b; counsel first: mirror counsel"):
        AnalyseSettings.checked(ANALYSE_DEFAULTS | {"runs": "results/a,results/b"}, "parameter")
    with pytest.raises(SettingsError, match="instruments: no such file .*mine.yaml"):
        AnalyseSettings.checked(ANALYSE_DEFAULTS | {"instruments": "ctrs,mine.yaml"}, "parameter")


def test_folders_of_preferences_must_hold_some(output):
    for name in ("a", "b"):
        write(output / "results" / name)
    write_answers(output / "results/votes", answer("60", "a", "b", "first"))
    named = ANALYSE_DEFAULTS | {"runs": "results/a,results/b", "preferences": "results/votes, results/votes"}
    assert AnalyseSettings.checked(named, "parameter").preference_folders == [output / "results/votes"]
    with pytest.raises(SettingsError, match="preferences: no such file results/a/preferences.jsonl; name folders of"):
        AnalyseSettings.checked(named | {"preferences": "results/votes,results/a"}, "parameter")


def test_one_run_under_two_names_is_refused(output):
    write(output / "results/a")
    (output / "results/b").symlink_to(output / "results/a")
    with pytest.raises(SettingsError, match="runs: a and b are one folder .*name it once"):
        AnalyseSettings.checked(ANALYSE_DEFAULTS | {"runs": "results/a,results/b"}, "parameter")


@pytest.mark.parametrize(
    "file, content, message",
    [
        ("settings.yaml", b"cot: [", "results/a/settings.yaml is damaged"),
        ("settings.yaml", b"\xff\xfe", "results/a/settings.yaml is damaged"),
        ("settings.yaml", b"- cot", "results/a/settings.yaml is damaged .must hold settings by name"),
        ("settings.yaml", b"", "results/a/settings.yaml is damaged .must hold settings by name"),
        ("settings.yaml", b"judge: openai", "results/a is not a counseling run"),
        ("provenance.json", b"{", "results/a/provenance.json is damaged"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_in_words(output, file, content, message):
    write(output / "results/a")
    (output / "results/a" / file).write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        AnalyseSettings.checked(ANALYSE_DEFAULTS | {"runs": "results/a"}, "parameter")


def test_a_registration_is_read_before_anything_is_analysed(output, tmp_path):
    write(output / "results/a")
    (tmp_path / "study.yaml").write_text("title: x\n")
    for name, message in (("none.yaml", "registration: no such file"), ("study.yaml", "registration: .*study.yaml: ")):
        with pytest.raises(SettingsError, match=message):
            AnalyseSettings.checked(
                ANALYSE_DEFAULTS | {"runs": "results/a", "registration": str(tmp_path / name)}, "parameter"
            )
