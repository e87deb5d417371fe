"""The command line of the gallery, in this process: what it writes, says and refuses."""

import sys

import pytest

from mirror.gallery.__main__ import main
from tests.rated_runs import write_run


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["gallery", *map(str, words)])
    main()


def test_the_page_of_each_run_is_written_and_named_with_its_size(output, monkeypatch, capsys):
    folders = [write_run(output, name, ["60"], turns=1) for name in ("a", "b")]
    run(monkeypatch, "results/a", folders[1])
    pages = [folder / "gallery.html" for folder in folders]
    assert all("<!doctype html>" in page.read_text().lower() for page in pages)
    lines = capsys.readouterr().out.splitlines()
    sizes = [f"({page.stat().st_size / 1e6:.1f} MB)" for page in pages]
    assert [line.endswith(f"{name}/gallery.html {size}") for line, name, size in zip(lines, "ab", sizes, strict=True)]


def test_what_is_no_run_is_one_sentence_and_status_2(output, monkeypatch, capsys):
    (output / "results/none").mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "results/none")
    assert ended.value.code == 2 and "has no settings.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["ratings.jsonl", "sessions/60/turns.jsonl"])
def test_a_damaged_file_is_one_sentence_and_status_2(file, output, monkeypatch, capsys):
    folder = write_run(output, "a", ["60"], turns=1)
    (folder / file).write_text("{}\n")
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, folder)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and file.rpartition("/")[2] in error and "Traceback" not in error


def test_without_a_run_the_usage_is_shown(monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch)
    assert ended.value.code == 2 and "required: runs" in capsys.readouterr().err


def test_runs_together_are_one_gallery(output, monkeypatch, capsys):
    folders = [write_run(output, name, ["60"], turns=1) for name in ("a", "b")]
    run(monkeypatch, *folders, "--together", "results/both")
    assert "results/both/gallery.html (" in capsys.readouterr().out
    assert (output / "results/both/gallery.html").is_file() and not (folders[0] / "gallery.html").exists()
    with pytest.raises(SystemExit):
        run(monkeypatch, *folders, "--together", "results/a")
    assert "is a counseling run; give the gallery" in capsys.readouterr().err
