"""Locks: one process a folder; the second is told who holds it, and a crash leaves nothing locked."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from mirror.files.json_file import write_json
from mirror.files.lock import STALE, FolderInUse, Holder, holder_file, holder_of, locked
from tests.conftest import HOLD


def test_a_second_process_is_refused_and_told_who_holds_the_folder(output, another_process):
    folder = output / "results/a"
    with another_process(folder) as process:
        with pytest.raises(FolderInUse) as error:
            with locked(folder, "counseling"):
                raise AssertionError("held by another process")
        told = str(error.value)
        assert f"results/a is in use by process {process.pid} on {platform.node()} (counseling, since 20" in told
        assert "wait until it has ended" in told
    with locked(folder, "counseling"):
        assert json.loads(holder_file(folder).read_text())["pid"] == os.getpid()
    assert not holder_file(folder).exists()


def test_other_folders_are_free(output, another_process):
    with another_process(output / "results/a"), locked(output / "results/b", "counseling"):
        pass


def test_a_killed_process_leaves_nothing_locked(output, caplog, another_process):
    folder = output / "results/a"
    with another_process(folder) as process:
        process.kill()
        process.wait()
        assert holder_file(folder).exists()
        with locked(folder, "training"):
            assert f"process {process.pid} on {platform.node()}" in caplog.text
    with locked(folder, "training"):
        assert caplog.text.count("taken over") == 1


def test_the_same_process_may_take_a_folder_again(output):
    folder = output / "results/a"
    with locked(folder, "counseling"):
        with locked(output / "results/../results/a", "opening"):
            pass
        assert _elsewhere_refused(folder), "the inner block gave it back"
    assert not _elsewhere_refused(folder)


def _elsewhere_refused(folder):
    """Whether another process is refused now."""
    done = subprocess.run([sys.executable, "-c", HOLD, str(folder)], input="", capture_output=True, text=True)
    assert done.returncode == 0 or "FolderInUse" in done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("age, refused", [(STALE - 60, True), (STALE + 60, False)])
def test_a_holder_on_another_host_counts_by_its_heartbeat(output, age, refused):
    """Not every shared file system passes locks on between hosts."""
    folder = output / "results/a"
    path = holder_file(folder)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"pid": 7, "host": "node-17", "since": "2026-01-01T00:00:00+00:00", "work": "training"}))
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))
    if not refused:
        with locked(folder, "training"):
            return
    with pytest.raises(FolderInUse, match="process 7 on node-17.*delete results/.a.holder.json"):
        with locked(folder, "training"):
            raise AssertionError("that process is alive")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_torn_note_of_a_crash_is_no_holder(output, text):
    folder = output / "results/a"
    holder_file(folder).parent.mkdir(parents=True)
    holder_file(folder).write_text(text)
    with locked(folder, "training"):
        pass


def test_an_error_within_the_block_gives_the_folder_back(output):
    with pytest.raises(ZeroDivisionError):
        with locked(output / "results/a", "training"):
            raise ZeroDivisionError
    assert not _elsewhere_refused(output / "results/a")


def test_what_a_process_killed_while_it_wrote_its_name_left_is_removed(output):
    folder = output / "results/a [1]"
    holder = holder_file(folder)
    holder.parent.mkdir(parents=True)
    left = holder.with_name(f".{holder.name}.0123.partial")
    other = holder.with_name(".results.json.0123.partial")
    for file in (left, other):
        file.write_text('{"pid"')
    with locked(folder, "building"):
        assert not left.exists() and other.exists()


def test_the_holder_is_told_while_it_lives(tmp_path):
    assert holder_of(tmp_path / "run") is None
    with locked(tmp_path / "run", "training"):
        assert holder_of(tmp_path / "run").work == "training"
    assert holder_of(tmp_path / "run") is None


def test_a_holder_on_this_machine_that_died_is_none(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    write_json(holder_file(tmp_path / "run"), asdict(replace(Holder.here("training"), pid=int(dead.stdout))))
    assert holder_of(tmp_path / "run") is None


def test_a_holder_elsewhere_lives_as_long_as_its_heart_beats(tmp_path):
    path = holder_file(tmp_path / "run")
    write_json(path, asdict(replace(Holder.here("training"), host="elsewhere")))
    assert holder_of(tmp_path / "run").host == "elsewhere"
    os.utime(path, (0, 0))
    assert holder_of(tmp_path / "run") is None
