"""Writing a study: the same forms from the same settings, the key beside them, and what is refused."""

import json

import pandas as pd
import pytest
import yaml

from mirror.rating.forms.key import read_key
from mirror.rating.forms.study import FormsError, FormSettings, write_study
from mirror.rating.instrument import InstrumentError
from tests.filled_forms import study, write_runs
from tests.rated_runs import write_run


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "forms").iterdir()}


def test_the_same_settings_give_the_same_files(output):
    runs = write_runs(output)
    first = contents(study(output, runs, formats=("html", "csv", "label-studio", "qualtrics")))
    key = read_key(output / "results/forms")
    again = contents(study(output, runs, formats=("html", "csv", "label-studio", "qualtrics")))
    assert first == again and read_key(output / "results/forms") == key
    assert set(first) == {"label-studio.xml"} | {
        f"{rater}{ending}"
        for rater in ("anna", "ben")
        for ending in (".html", "-ratings.csv", "-sessions.csv", "-label-studio.json", "-qualtrics.txt")
    }


def test_the_study_is_a_run_with_its_record(output):
    folder = study(output, write_runs(output), overlap=1)
    settings = yaml.safe_load((folder / "settings.yaml").read_text())
    assert (settings["raters"], settings["overlap"], settings["faces"]) == (["anna", "ben"], 1, "counselor")
    record = json.loads((folder / "provenance.json").read_text())
    assert (record["status"], record["sessions"], record["forms"]) == ("complete", 6, 2)
    assert record["instrument"]["name"] == "helpfulness"


def test_other_settings_need_another_name_so_that_no_key_is_lost(output):
    runs = write_runs(output)
    folder = study(output, runs)
    before = read_key(folder)
    with pytest.raises(FormsError, match="seed was 42 and is 7.*--name NAME.*--fresh"):
        study(output, runs, seed=7)
    assert read_key(folder) == before


def test_a_further_rater_gets_a_form_and_the_others_keep_theirs(output):
    runs = write_runs(output)
    folder = study(output, runs)
    before, forms = read_key(folder), contents(folder)
    (folder / "forms/anna.html").write_text("as it was sent")
    study(output, runs, raters=("cleo",))
    key = read_key(folder)
    assert key.sessions == before.sessions and before.forms.items() < key.forms.items()
    assert set(contents(folder)) == {*forms, "cleo.html", "cleo-ratings.csv", "cleo-sessions.csv"}
    assert (folder / "forms/anna.html").read_text() == "as it was sent"
    assert yaml.safe_load((folder / "settings.yaml").read_text())["raters"] == ["anna", "ben", "cleo"]
    divided = study(output, runs, name="divided", overlap=1)
    with pytest.raises(FormsError, match="a rater can be added only where all rate all clients"):
        study(output, runs, name="divided", overlap=1, raters=("anna", "ben", "cleo"))
    assert {form.rater for form in read_key(divided).forms.values()} == {"anna", "ben"}


def test_runs_with_more_sessions_need_another_name_so_that_no_key_is_lost(output):
    runs = write_runs(output, ["60"])
    folder = study(output, runs)
    before = read_key(folder), contents(folder)
    write_runs(output, ["61"])
    with pytest.raises(FormsError, match="other sessions than when its forms were written"):
        study(output, runs)
    assert (read_key(folder), contents(folder)) == before
    write_study("forms", FormSettings(tuple(runs), "ctrs", "", ("anna",), None, 0, "none", 1), fresh=True)
    assert len(read_key(folder).sessions) == 4
    assert set(contents(folder)) == {"anna.html", "anna-ratings.csv", "anna-sessions.csv"}


def test_forms_are_told_apart(output):
    runs = write_runs(output)
    ids = [id for name, seed in (("a", 1), ("b", 2)) for id in read_key(study(output, runs, name, seed=seed)).forms]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    "changes, error, message",
    [
        ({"instrument": "none"}, InstrumentError, "no instrument none"),
        ({"instrument": "panas"}, InstrumentError, "its wording is licensed"),
    ],
)
def test_an_instrument_that_cannot_be_used_is_refused(changes, error, message, output):
    with pytest.raises(error, match=message):
        study(output, write_runs(output), **changes)
    assert not (output / "results/forms").exists()


def test_a_form_holds_one_moment_and_does_not_say_which(output):
    runs = write_runs(output, turns=4)
    with pytest.raises(
        FormsError, match="affect rates 2 moments .* --instrument affect:start and --instrument affect:end"
    ):
        study(output, runs, instrument="affect")
    for moment in ("start", "end"):
        folder = study(output, runs, moment, instrument=f"affect:{moment}")
        assert read_key(folder).instrument == f"affect-{moment}"
        table = pd.read_csv(folder / "forms/anna-sessions.csv")
        assert set(table["turn"]) == {1, 2}
        page = (folder / "forms/anna.html").read_text()
        assert f"affect-{moment}" not in page and "These turns are a part of a longer session." in page


def test_licensed_wording_is_in_the_forms_and_not_in_the_record(output, tmp_path):
    words = {f"item_{number}": f"statement number {number}" for number in range(1, 13)}
    (tmp_path / "wording.yaml").write_text(yaml.safe_dump({"wai-short": words}))
    folder = study(output, write_runs(output), instrument="wai-short", wording=str(tmp_path / "wording.yaml"))
    assert "statement number 12" in (folder / "forms/anna.html").read_text()
    assert not any("statement number" in (folder / name).read_text() for name in ("provenance.json", "key.json"))


def test_runs_without_a_session_or_named_twice_are_refused(output):
    write_run(output, "empty", clients=("60",), status="failed")
    with pytest.raises(FormsError, match="empty: no complete session to rate"):
        study(output, ["results/empty"])
    runs = write_runs(output)
    with pytest.raises(FormsError, match="is named twice"):
        study(output, [*runs, runs[0]])
