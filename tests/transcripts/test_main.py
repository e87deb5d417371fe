"""The command line that prints a session, in this process."""

import sys

import pytest

from mirror.transcripts.__main__ import main
from mirror.transcripts.text import format_session


def run(monkeypatch, folder):
    monkeypatch.setattr(sys, "argv", ["transcripts", str(folder)])
    main()


def test_a_session_is_printed(session, monkeypatch, capsys):
    session.end("failed", "the server is gone")
    run(monkeypatch, session.folder)
    assert capsys.readouterr().out == format_session(session) + "\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "there is no folder {}; with $MIRROR_OUTPUT set, results lie below that"),
        ({}, "{} is not a session: it contains neither turns.jsonl nor end.json"),
        ({"notes.txt": ""}, "{} is not a session: it contains neither turns.jsonl nor end.json"),
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
