"""The command line of forms, in this process: what it writes, says and refuses."""

import sys

import pytest

from mirror.rating.forms.__main__ import main
from mirror.rating.forms.key import read_key
from tests.filled_forms import drawn, filled, save, write_runs


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["forms", *map(str, words)])
    main()


@pytest.fixture
def folder(output, monkeypatch, capsys):
    runs = write_runs(output, ["60", "61"], turns=1)
    run(
        monkeypatch,
        "write",
        *runs,
        "--instrument",
        "helpfulness",
        "--raters",
        "anna",
        "ben",
        "--formats",
        "html",
        "csv",
    )
    written = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0].rpartition("/")[2] for line in written[:-1]] == [
        f"{rater}{ending}" for rater in ("anna", "ben") for ending in (".html", "-ratings.csv", "-sessions.csv")
    ]
    assert written[-1] == "The key stays here: results/forms-helpfulness/key.json"
    return output / "results/forms-helpfulness"


def test_forms_are_written_imported_and_compared(folder, monkeypatch, capsys, tmp_path):
    key = read_key(folder)
    files = [save(tmp_path / f"{name}.json", filled(folder, name, drawn(key))) for name in ("anna", "ben")]
    run(monkeypatch, "import", "results/forms-helpfulness", *files)
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "anna: complete, 4 rated parts written",
        "ben: complete, 4 rated parts written",
    ]
    run(monkeypatch, "import", "results/forms-helpfulness", files[0])
    assert "anna: complete, nothing new" in capsys.readouterr().out
    run(monkeypatch, "agreement", "results/forms-helpfulness")
    assert "helpfulness: empathy" in capsys.readouterr().out


def test_an_incomplete_form_names_what_is_missing(folder, monkeypatch, capsys, tmp_path):
    key = read_key(folder)
    record = filled(folder, "anna", drawn(key), leave=lambda code, turn, item: item == "empathy")
    run(monkeypatch, "import", folder, save(tmp_path / "a.json", record))
    out = capsys.readouterr().out
    assert "anna: incomplete, 4 rated parts written; not rated:" in out and out.count(": empathy") == 4


def test_a_refused_file_ends_with_status_1(folder, monkeypatch, capsys, tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "import", folder, tmp_path / "a.json")
    out = capsys.readouterr().out
    assert ended.value.code == 1 and "refused, nothing was imported" in out and "no export of a form" in out


@pytest.mark.parametrize(
    "words, message",
    [
        (("write", "results/none", "--raters", "anna"), "no such folder results/none"),
        (("write", "results/llava-7b-base", "--raters", "Anna"), "rater 'Anna'"),
        (("write", "results/llava-7b-base", "--raters", "anna", "--overlap", "9"), "overlap is 9"),
        (("import", "results/none", "x.json"), "key.json is missing"),
        (("agreement", "results/none"), "key.json is missing"),
        (("write", "results/llava-7b-base"), "required: --raters"),
        ((), "required"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(words, message, folder, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *words)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and message in error and "Traceback" not in error
