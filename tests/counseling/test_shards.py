"""Shares of one table become one run, or are refused with the reason; what the shares hold stays."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from mirror.counseling.settings import CounselSettings
from mirror.counseling.shards import Merged, ShardError, merge_shards, shard_run
from mirror.files.lock import FolderInUse
from mirror.run_folder import Run
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.turn import Turn
from tests.sessions import CLIENT

TURN = Turn(number=1, cue="nods", words="Bye.", ended=True, client_raw="Client: [nods] Bye. [/END]")


def share(number, total, clients, status="complete", table=(), **settings):
    """One share's run with a session for each client."""
    values = {"run": "a", "seed": 0, "shard": f"{number}/{total}"} | settings
    run = Run(shard_run("a", number, total), values, CounselSettings.MACHINE).open()
    for client in clients:
        session = SessionFolder(run.folder / "sessions" / client)
        session.begin(replace(CLIENT, idx=client))
        session.append(TURN, {}, {})
        if "+s" in client:
            (session.folder / "session.json").write_text("{}")
        if status == "complete":
            session.end("complete", "the client ended it")
    run.record(status, cast={"client": {"client": "scripted"}}, clients=list(table or clients))
    return run.folder


def contents(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_shares_become_one_run_and_stay(output):
    shares = [share(1, 2, ["60", "62"]), share(2, 2, ["61"])]
    before = [contents(folder) for folder in shares]
    assert merge_shards("a") == Merged(shares=2, clients=3, sessions=3, unfinished=())
    assert [contents(folder) for folder in shares] == before
    merged = output / "results/a"
    for folder in shares:
        for session in (folder / "sessions").iterdir():
            assert contents(merged / "sessions" / session.name) == contents(session)
    record = json.loads((merged / "provenance.json").read_text())
    assert record["status"] == "complete" and record["merged"].keys() == {"a-1of2", "a-2of2"}
    settings = yaml.safe_load((merged / "settings.yaml").read_text())
    assert settings == {"run": "a", "seed": 0, "shard": "1/1"}
    Run("a", settings, CounselSettings.MACHINE).open()  # the whole run can go on there


def test_clients_without_a_complete_session_are_named(output):
    """One was broken off, one never began: the table of its share names it."""
    share(1, 2, ["60"], table=["60", "62"])
    share(2, 2, ["61"], status="running", table=["61"])
    merged = merge_shards("a")
    assert merged == Merged(shares=2, clients=3, sessions=3, unfinished=("62", "61"))
    assert "1 sessions complete; not complete: 62, 61" in str(merged)
    assert json.loads((output / "results/a/provenance.json").read_text())["status"] == "incomplete"


@pytest.mark.parametrize("file", ["turns.jsonl", "client.json", "end.json"])
def test_a_share_with_a_damaged_session_is_not_merged(output, file):
    session = share(1, 2, ["60"]) / "sessions/60"
    share(2, 2, ["61"])
    data = bytearray((session / file).read_bytes())
    data[data.index(b"ended" if file == "end.json" else b"e")] ^= 1
    (session / file).write_bytes(data)
    with pytest.raises((ShardError, TranscriptError), match=f"results/a-1of2/sessions/60/{file}"):
        merge_shards("a")
    assert not (output / "results/a").exists()


def test_a_share_that_is_being_counseled_is_not_merged(output, another_process):
    folder = share(1, 1, ["60"]).rename(output / "results/a-1of1")
    with another_process(folder), pytest.raises(FolderInUse, match="results/a-1of1 is in use by process"):
        merge_shards("a")
    assert not (output / "results/a").exists()


def test_a_merge_that_is_killed_leaves_no_run(output, monkeypatch):
    share(1, 1, ["60"]).rename(output / "results/a-1of1")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            merge_shards("a")
    assert not (output / "results/a").exists()
    merge_shards("a")
    assert sorted(path.name for path in (output / "results").iterdir() if path.is_dir()) == ["a", "a-1of1"]


def test_a_folder_with_another_kind_of_number_is_no_share(output):
    share(1, 1, ["60"]).rename(output / "results/w-02of2")
    with pytest.raises(ShardError, match="no share of w in results"):
        merge_shards("w")


@pytest.mark.parametrize(
    "shares, message",
    [
        ([], "no share of a in results"),
        ([(1, 3, ["60"])], "2 of 3 shares are missing in results: a-2of3, a-3of3"),
        ([(1, 1, ["60"])], "results/a exists already"),
        ([(1, 2, ["60"]), (2, 2, ["60"])], "client 60 is in results/a-1of2 and in results/a-2of2"),
        ([(1, 2, ["60"]), (2, 3, ["61"])], r"shares of different numbers \(2 and 3\)"),
    ],
)
def test_what_makes_no_whole_is_refused(output, shares, message):
    for one in shares:
        share(*one)
    before = contents(output / "results")
    with pytest.raises(ShardError, match=message):
        merge_shards("a")
    assert contents(output / "results") == before


def test_shares_of_other_settings_are_refused(output):
    share(1, 2, ["60"])
    share(2, 2, ["61"], seed=1)
    with pytest.raises(ShardError, match="a-2of2 has other settings than results/a-1of2 .seed was 0 and is 1"):
        merge_shards("a")
    assert not (output / "results/a").exists()


@pytest.mark.slow
def test_one_command_merges(output):
    share(1, 1, ["60"]).rename(output / "results/a-1of1")
    command = [sys.executable, "-m", "mirror.counseling.shards", "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1 shares, 1 clients, 1 sessions complete\n"
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2 and "results/a exists already" in again.stderr


@pytest.mark.parametrize("content", [None, b"", b"- run", b"run: [", b"\xff\xfe"])
def test_settings_that_cannot_be_read_are_named(output, content):
    share(1, 2, ["60"])
    path = share(2, 2, ["61"]) / "settings.yaml"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ShardError, match="results/a-2of2(/settings.yaml is damaged| has no settings)"):
        merge_shards("a")
    assert not (output / "results/a").exists()


def test_a_share_whose_record_is_missing_is_named(output):
    """Without it, nothing says which clients the share had, and one that never began would not be missed."""
    share(1, 2, ["60"])
    (share(2, 2, ["61"], table=["61", "63"]) / "provenance.json").unlink()
    with pytest.raises(ShardError, match="results/a-2of2/provenance.json is missing"):
        merge_shards("a")
    assert not (output / "results/a").exists()


def test_later_sessions_of_a_client_are_sessions_of_the_run(output):
    share(1, 2, ["60", "60+s2"], table=["60"], sessions_per_client=2)
    share(2, 2, ["61"], table=["61"], sessions_per_client=2)
    merged = merge_shards("a")
    assert merged == Merged(shares=2, clients=2, sessions=4, unfinished=("61+s2",))
    assert str(merged).startswith("2 shares, 2 clients, 3 sessions complete; not complete: 61+s2.")
    assert json.loads((output / "results/a/provenance.json").read_text())["clients"] == ["60", "61"]
