"""Ratings that are withdrawn count no more, are kept, and do not come back by themselves."""

import sys

import pytest

from mirror.files.json_lines import append_line, read_lines
from mirror.rating.forms.__main__ import main
from mirror.rating.forms.intake import import_files, withdraw_rater
from mirror.rating.forms.key import KeyFileError, read_key
from mirror.rating.preferences import FILE as PREFERENCES
from mirror.rating.preferences import PreferenceRecord, read_preferences
from mirror.rating.ratings import FILE, RatingRecord, read_ratings
from mirror.rating.revision.withdrawal import judges, withdraw, withdrawn
from tests.filled_forms import RUNS, drawn, filled, save, study, write_runs

VALUES = {"idx": "60", "instrument": "ctrs", "repeat": 1, "status": "rated", "raw": "", "run": "r", "attempts": 1}


def rated(folder, judge, asked, **changes):
    append_line(folder / FILE, RatingRecord(**VALUES | {"scores": {"a": 1}, "judge": judge, "asked": asked} | changes))


def test_one_judge_is_taken_out_and_kept(tmp_path):
    for judge, asked in (("m", "1"), ("other", "2"), ("m", "3")):
        rated(tmp_path, judge, asked, idx=asked)
    before = (tmp_path / FILE).read_bytes().splitlines()
    (found,) = withdraw([tmp_path], "m")
    assert (found.path, found.lines) == (tmp_path / FILE, 2)
    assert (tmp_path / FILE).read_bytes().splitlines() == [before[1]]
    assert found.kept.read_bytes().splitlines() == [before[0], before[2]] and "withdrawn-" in found.kept.name
    assert withdrawn(tmp_path) == {"1", "3"} and judges(tmp_path) == {"other"}
    assert set(read_ratings(tmp_path)["judge"]) == {"other"}
    assert withdraw([tmp_path], "m") == []
    rated(tmp_path, "m", "4")
    assert withdraw([tmp_path], "m")[0].kept != found.kept, "two withdrawals in one second are two files"


def test_one_instrument_alone(tmp_path):
    rated(tmp_path, "m", "1")
    rated(tmp_path, "m", "2", instrument="safety")
    withdraw([tmp_path], "m", "safety")
    assert [line.instrument for line in read_lines(tmp_path / FILE, RatingRecord)] == ["ctrs"]


def test_preferences_are_taken_out_too(tmp_path):
    values = VALUES | {"first": "a", "second": "b", "scores": {"x": "first"}, "asked": "1", "kind": "human"}
    append_line(tmp_path / PREFERENCES, PreferenceRecord(**values, judge="human anna"))
    assert [one.lines for one in withdraw([tmp_path], "human anna")] == [1]
    assert read_preferences(tmp_path).empty and len(list(tmp_path.glob("preferences.withdrawn-*"))) == 1


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["forms", *map(str, words)])
    main()


def test_a_rater_leaves_a_study_and_is_not_imported_again(output, tmp_path, monkeypatch, capsys):
    folder = study(output, write_runs(output))
    key = read_key(folder)
    anna, ben = (save(tmp_path / f"{name}.json", filled(folder, name, drawn(key))) for name in ("anna", "ben"))
    import_files(folder, [anna, ben])
    run(monkeypatch, "withdraw", "results/forms", "--rater", "anna")
    assert capsys.readouterr().out.count("ratings withdrawn, kept in results/") == len(RUNS)
    for name in RUNS:
        assert set(read_ratings(output / "results" / name)["judge"]) == {"human ben"}
    answers = (folder / "answers.csv").read_text()
    assert ",ben," in answers and ",anna," not in answers
    (again,) = import_files(folder, [anna])
    assert "the ratings of anna were withdrawn" in again.faults[0]
    for kept in output.glob("results/*/ratings.withdrawn-*"):
        kept.unlink()
    assert import_files(folder, [anna])[0].written == 6


def test_an_unknown_rater_is_refused_with_the_names_of_those_there_are(output, monkeypatch, capsys):
    folder = study(output, write_runs(output))
    with pytest.raises(KeyFileError, match="has no rater cleo; it has anna, ben"):
        withdraw_rater(folder, "cleo")
    rated(output / "results" / RUNS[0], "m", "1")
    with pytest.raises(SystemExit):
        run(monkeypatch, "withdraw", f"results/{RUNS[0]}", "--judge", "cleo")
    assert "no rating by cleo there; there are m" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, "withdraw", "results/none", "--judge", "m")
    assert "no such folder results/none" in capsys.readouterr().err
