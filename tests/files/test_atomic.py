"""Files are written completely or not at all."""

import errno
import os

import pytest

from mirror.files.atomic import write_text


def test_text_is_written_with_the_folders_above_it(tmp_path):
    path = tmp_path / "a/b/text.txt"
    write_text(path, "first")
    write_text(path, "Größe 😊\n")
    assert path.read_bytes() == "Größe 😊\n".encode()
    assert list(path.parent.iterdir()) == [path]


def disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=["in the text", "on the disk", "at the last moment"])
def crashing(request, monkeypatch):
    """A text whose writing fails, and what fails with it."""
    if request.param == "in the text":
        return "x" * 100_000 + "\ud800", UnicodeEncodeError
    monkeypatch.setattr(os, "fsync" if request.param == "on the disk" else "replace", disk_full)
    return "x" * 100_000, OSError


def test_a_crash_in_the_middle_leaves_the_old_file(crashing, tmp_path):
    text, error = crashing
    path = tmp_path / "losses.csv"
    path.write_text("old")
    with pytest.raises(error):
        write_text(path, text)
    assert path.read_text() == "old"


def test_a_crash_in_the_middle_of_a_new_file_leaves_none(crashing, tmp_path):
    text, error = crashing
    with pytest.raises(error):
        write_text(tmp_path / "losses.csv", text)
    assert not (tmp_path / "losses.csv").exists()


def test_a_failed_write_leaves_no_scrap(crashing, tmp_path):
    """It would stand in the table of what was written, and nothing ever removes it."""
    text, error = crashing
    with pytest.raises(error):
        write_text(tmp_path / "losses.csv", text)
    assert list(tmp_path.iterdir()) == []
