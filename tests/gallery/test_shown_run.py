"""Runs in a gallery: their names, the key of a reader's notes, the order of their sessions and how they are divided."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery.shown_run import ShownSession, pages_of, read_runs, sessions_in_order
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of


def names(sessions):
    return [(one.run, one.folder.folder.name) for one in sessions]


def test_names_are_told_apart_also_of_folders_with_one_name(tmp_path):
    for folder in ("a/mirror-ec", "a/mirror-base", "b/mirror-ec"):
        write_run(tmp_path / folder, ["1"], 1, 5)
    assert [run.name for run in read_runs([tmp_path / "a/mirror-ec", tmp_path / "a/mirror-base"])] == ["ec", "base"]
    first, second = read_runs([tmp_path / "a/mirror-ec", tmp_path / "b/mirror-ec"])
    assert first.name != second.name and first.name.endswith("a/mirror-ec")


def test_the_key_is_that_of_the_run_not_of_its_machine_or_its_folder(tmp_path):
    write_run(tmp_path / "run", ["1"], 1, 5)
    record = {"started": "2026-01-01T00:00:00+00:00", "machine_settings": ["size"]}
    (tmp_path / "run/provenance.json").write_text(json.dumps(record))
    key = read_runs([tmp_path / "run"])[0].key
    settings = (tmp_path / "run/settings.yaml").read_text()
    (tmp_path / "run/settings.yaml").write_text(settings.replace("size: pocket", "size: 7b"))
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert read_runs([moved])[0].key == key
    (moved / "settings.yaml").write_text(settings.replace("seed: 5", "seed: 6"))
    assert read_runs([moved])[0].key != key
    (moved / "settings.yaml").write_text(settings)
    (moved / "provenance.json").write_text(json.dumps(record | {"started": "2026-01-02T00:00:00+00:00"}))
    assert read_runs([moved])[0].key != key


def test_the_sessions_of_a_client_stand_together_in_natural_order(tmp_path):
    write_run(tmp_path / "a", ["10", "9", "9+s2"], 1, 5)
    write_run(tmp_path / "b", ["9", "11"], 1, 6)
    runs = read_runs([tmp_path / "a", tmp_path / "b"])
    assert names(sessions_in_order(runs)) == [(0, "9"), (1, "9"), (0, "9+s2"), (0, "10"), (1, "11")]


@given(st.lists(st.integers(1, 4), max_size=12), st.integers(1, 6))
def test_pages_hold_every_session_once_and_no_client_is_divided(counts, most):
    clients = [str(client) for client, number in enumerate(counts) for _ in range(number)]
    sessions = [ShownSession(0, SessionFolder(Path(client))) for client in clients]
    pages = pages_of(sessions, most)
    assert [one for page in pages for one in page] == sessions and all(pages)
    of_pages = [{client_of(one.folder.folder.name) for one in page} for page in pages]
    assert sum(map(len, of_pages)) == len(set(clients))
    assert all(len(page) <= most or len(of_page) == 1 for page, of_page in zip(pages, of_pages, strict=True))
