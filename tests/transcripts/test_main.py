"""The command line that prints a session, in this process."""

import shutil
import sys

import pytest

from mirror.transcripts.__main__ import main
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.text import format_session
from tests.sessions import append, full_turn


def run(monkeypatch, folder):
    monkeypatch.setattr(sys, "argv", ["transcripts", str(folder)])
    main()


def test_a_session_is_printed(session, monkeypatch, capsys):
    session.end("failed", "the server is gone")
    run(monkeypatch, session.folder)
    assert capsys.readouterr().out == format_session(session) + "\n"


def test_of_a_run_all_sessions_are_printed_in_natural_order(session, tmp_path, monkeypatch, capsys):
    append(session, full_turn(1))
    run_folder = tmp_path / "a-run"
    for idx in ("10", "9"):
        shutil.copytree(session.folder, run_folder / "sessions" / idx)
    (run_folder / "sessions/11").mkdir()  # has not begun
    run(monkeypatch, run_folder)
    printed = capsys.readouterr().out
    wanted = [format_session(SessionFolder(run_folder / "sessions" / idx)) for idx in ("9", "10")]
    assert printed == "\n\n\n".join(wanted) + "\n"


def test_signs_of_risk_stand_in_their_turn_and_change_nothing_else(session, monkeypatch, capsys):
    append(session, full_turn(1))
    append(session, full_turn(2, words="I have been saving pills."))
    run(monkeypatch, session.folder)
    printed = capsys.readouterr().out
    line = "  risk       client · self harm · plan or means: saving pills\n"
    assert printed.count("  risk ") == 1 and printed.index("\n2.\n") < printed.index(line)
    assert printed.replace(line, "") == format_session(session) + "\n"


def test_a_classifier_that_is_missing_is_one_sentence_and_status_2(session, monkeypatch, capsys):
    append(session, full_turn(1))
    monkeypatch.setattr(
        sys, "argv", ["transcripts", str(session.folder), "--classifier", "no/such", "--unsafe-labels", "a"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "no/such" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "there is no folder {}; with $MIRROR_OUTPUT set, results lie below that"),
        ({}, "{} is neither a session (it contains neither turns.jsonl nor end.json) nor a run"),
        ({"notes.txt": ""}, "{} is neither a session (it contains neither turns.jsonl nor end.json) nor a run"),
        ({"turns.jsonl": "{}\n"}, "turns.jsonl"),
    ],
)
def test_what_is_no_session_is_one_sentence_and_status_2(files, message, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "7"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, folder)
    assert ended.value.code == 2 and message.format(folder) in capsys.readouterr().err
