"""Digests: every changed file of a folder is named, and nothing else."""

import hashlib
import json

import pytest

from mirror.files.digests import (
    DIGESTS,
    are_digests,
    changed_files,
    file_names,
    folder_faults,
    matches_own_digest,
    require_intact,
    sha256,
    with_own_digest,
    write_digests,
)


@pytest.fixture
def folder(output):
    folder = output / "checkpoints/c"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "config.json").write_text("{}")
    (folder / ".c.lock").write_text("")
    write_digests(folder)
    return folder


def test_the_hash_of_a_file(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "x").write_bytes(content)
    assert sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()


def test_a_folder_as_it_was_written_has_no_faults(folder):
    assert folder_faults(folder) == folder_faults(folder, thorough=True) == []
    require_intact(folder)
    assert json.loads((folder / DIGESTS).read_text())["config.json"] == {
        "bytes": 2,
        "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    }


def test_files_that_were_added_and_folders_without_digests_are_no_fault(folder):
    (folder / "note.txt").write_text("mine")
    assert folder_faults(folder, thorough=True) == []
    (folder / DIGESTS).unlink()
    (folder / "weights.bin").write_bytes(b"")
    require_intact(folder)


@pytest.mark.parametrize("place", [0, 100, 255])
def test_one_flipped_bit_is_found_by_the_thorough_check_only(folder, place):
    data = bytearray((folder / "weights.bin").read_bytes())
    data[place] ^= 4
    (folder / "weights.bin").write_bytes(data)
    assert folder_faults(folder) == []
    assert folder_faults(folder, thorough=True) == [
        "checkpoints/c/weights.bin was changed since the folder was written"
    ]
    with pytest.raises(ValueError, match="weights.bin was changed .* Restore .* remove checkpoints/c/digests.json"):
        require_intact(folder)


@pytest.mark.parametrize("size", [0, 255, 257])
def test_another_size_is_found_at_once(folder, size):
    (folder / "weights.bin").write_bytes(bytes(size))
    assert folder_faults(folder) == [
        f"checkpoints/c/weights.bin has {size} bytes, and had 256 when the folder was written"
    ]


def test_every_missing_file_is_named(folder):
    (folder / "weights.bin").unlink()
    (folder / "config.json").unlink()
    assert folder_faults(folder) == ["checkpoints/c/config.json is missing", "checkpoints/c/weights.bin is missing"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"weights.bin": 3}', '{"weights.bin": {"bytes": "1"}}'])
def test_damaged_digests_are_named(folder, content):
    (folder / DIGESTS).write_text(content)
    (fault,) = folder_faults(folder)
    assert fault.startswith("checkpoints/c/digests.json is damaged")


def test_a_record_knows_its_own_content():
    record = with_own_digest({"status": "complete", "turns": 3, "text": "Zoë"})
    assert matches_own_digest(record)
    assert matches_own_digest(dict(reversed(record.items())))
    assert matches_own_digest({"status": "complete"})
    assert not matches_own_digest(record | {"turns": 4})
    assert not matches_own_digest(record | {"more": None})
    assert not matches_own_digest(record | {"sha256": "0" * 64})


def test_subfolders_count_where_they_are_asked_for(folder):
    (folder / "images/.cache").mkdir(parents=True)
    for name in ("images/turn:0.png", "images/.hidden", "images/.cache/x", "images/digests.json"):
        (folder / name).write_text(name)
    assert file_names(folder, subfolders=False) == ["config.json", "weights.bin"]
    write_digests(folder, subfolders=True)
    names = ["config.json", "images/digests.json", "images/turn:0.png", "weights.bin"]
    assert list(json.loads((folder / DIGESTS).read_text())) == names == file_names(folder, subfolders=True)
    (folder / "images/turn:0.png").write_text("images/turn:1.png")
    (fault,) = folder_faults(folder, thorough=True)
    assert fault.endswith("images/turn:0.png was changed since the folder was written")


def test_of_some_files_the_changed_ones_are_named_and_none_that_the_folder_does_not_know(folder, tmp_path):
    weights, config, other = folder / "weights.bin", folder / "config.json", tmp_path / "other"
    other.write_text("elsewhere")
    assert changed_files(folder, [weights, config, other]) == {}
    weights.write_bytes(bytes(256))
    config.unlink()
    other.write_text("changed")
    assert changed_files(folder, [weights, config, other]) == {
        weights: "checkpoints/c/weights.bin was changed since the folder was written",
        config: "checkpoints/c/config.json is missing",
    }
    assert changed_files(folder, [config]).keys() == {config}
    (folder / DIGESTS).unlink()
    assert changed_files(folder, [weights]) == {}


@pytest.mark.parametrize("content", ["{", "[]", '{"config.json": 3}'])
def test_some_files_cannot_be_compared_with_damaged_digests(folder, content):
    (folder / DIGESTS).write_text(content)
    with pytest.raises(ValueError, match=r"checkpoints/c/digests\.json is damaged"):
        changed_files(folder, [folder / "config.json"])


@pytest.mark.parametrize(
    "name", ["", ".", "/etc/passwd", "../a", "b/../../a", "a\0", "x" * 256, "é" * 128, "a/" * 2100 + "b"]
)
def test_digests_of_what_is_no_file_in_the_folder_are_none(name):
    entry = {"bytes": 1, "sha256": "0" * 64}
    assert not are_digests({"a": entry, name: entry})


def test_digests_of_files_in_folders_are_digests():
    names = ["a", "b/c.png", "images/cactus-1/turn:3_004711.png", "é" * 127, ".hidden"]
    assert are_digests(dict.fromkeys(names, {"bytes": 1, "sha256": "0" * 64}))
