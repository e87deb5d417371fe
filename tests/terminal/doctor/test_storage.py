"""Folders that runs write to: full ones, and those that cannot be written."""

import errno
import tempfile

import pytest

from mirror.terminal.doctor.storage import Storage, checks
from tests.checks import one

GB = 10**9


def storage(tmp_path, free=10**12, disk=1, obstacle=""):
    return Storage(tmp_path, free, disk, obstacle)


def test_folders_with_room_lack_nothing(tmp_path):
    found = list(checks(storage(tmp_path), storage(tmp_path, disk=2), 5 * GB, 30 * GB))
    assert [check.name for check in found] == ["results and checkpoints", "downloads"]
    assert all(check.is_met for check in found)


def test_a_full_disk_is_told_where_it_is(tmp_path):
    results = one(checks(storage(tmp_path, 5 * GB), storage(tmp_path, disk=2), 5 * GB, 30 * GB))
    assert results.found == "5.0 GB free" and results.needed == "0.5 GB for results and 5.0 GB for checkpoints"
    assert results.mend == f"free some at {tmp_path}, or export MIRROR_OUTPUT=/a/folder/on/another/disk"
    models = one(checks(storage(tmp_path), storage(tmp_path, 29 * GB, disk=2), 5 * GB, 30 * GB))
    assert models.needed == "30.0 GB to download" and "export HF_HOME=" in models.mend


def test_a_set_that_is_still_to_be_built_needs_room(tmp_path):
    found = one(checks(storage(tmp_path, 11 * GB), None, 5 * GB, 0, pictures=6 * GB))
    assert found.needed == "0.5 GB for results, 5.0 GB for checkpoints and 6.0 GB for a set of 1,000 dialogues"
    assert all(check.is_met for check in checks(storage(tmp_path, 12 * GB), None, 5 * GB, 0, pictures=6 * GB))


def test_what_is_downloaded_to_the_same_disk_counts_there_too(tmp_path):
    both = storage(tmp_path, 35 * GB)
    assert one(checks(both, both, 5 * GB, 30 * GB)).needed.endswith("5.0 GB for checkpoints and 30.0 GB to download")


def test_the_folder_of_models_counts_where_one_is_not_here(tmp_path):
    """Also where the Hub could not tell its size."""
    lost = storage(tmp_path, obstacle="/models: Read-only file system")
    check = one(checks(storage(tmp_path), lost, 0, 0))
    assert check.found == "cannot be written, /models: Read-only file system" and "export HF_HOME=" in check.mend
    assert [check.name for check in checks(storage(tmp_path), None, 0, 0)] == ["results and checkpoints"]


def test_a_laptop_needs_room_for_its_results(tmp_path):
    assert "MIRROR_OUTPUT" in one(checks(storage(tmp_path, GB // 4), storage(tmp_path), 0, 0)).mend


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    def refused(dir):
        raise OSError(errno.EACCES, "Permission denied", str(dir))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    check = one(checks(Storage.at(tmp_path / "a/b"), storage(tmp_path), 0, 0))
    assert check.found == f"cannot be written, {tmp_path}: Permission denied"
    assert "export MIRROR_OUTPUT=" in check.mend and f'chown -R "$USER" {tmp_path / "a/b"}' in check.mend


def test_a_folder_that_is_not_there_yet_is_as_its_parent_and_stays_empty(tmp_path):
    found = Storage.at(tmp_path / "a/b")
    assert found.obstacle == "" and found.disk == tmp_path.stat().st_dev and found.free > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [Storage.of_results, Storage.of_models])
def test_the_folders_of_this_machine_are_found(output, place):
    assert place().free > 0
