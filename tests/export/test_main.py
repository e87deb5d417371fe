"""The command line of the export, in this process: what it writes, says and refuses."""

import json
import sys

import pytest

from mirror.export.__main__ import main
from tests.rated_exports import rated_run


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["export", *map(str, words)])
    main()


def test_it_exports_both_formats_and_imports_an_edit(output, monkeypatch, capsys):
    folder = rated_run(output)
    run(monkeypatch, "messages", "results/llava")
    run(monkeypatch, "inspect", folder, "--side", "0")
    (path,) = folder.glob("inspect/*.json")
    said = capsys.readouterr().out
    assert "results/llava/messages.jsonl (0.0 MB)" in said and path.name in said
    log = json.loads(path.read_text())
    log["samples"][0]["scores"]["ctrs by gpt-4o"]["value"]["focus"] = 6
    path.write_text(json.dumps(log))
    run(monkeypatch, "scores", "results/llava", path)
    assert "1 ratings written, 0 known before" in capsys.readouterr().out


def test_missing_pictures_are_told(output, monkeypatch, capsys):
    folder = rated_run(output)
    (folder / "sessions/60/faces/02.png").unlink()
    run(monkeypatch, "messages", folder)
    assert "1 turns are without their picture" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["messages"], ["inspect"], ["scores"]])
def test_what_is_no_run_is_one_sentence_and_status_2(output, monkeypatch, capsys, command):
    (output / "results/none").mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, *command, "results/none", *(["x.json"] if command == ["scores"] else []))
    assert ended.value.code == 2 and "has no settings.yaml" in capsys.readouterr().err
