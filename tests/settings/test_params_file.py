"""Params files: one mapping, read strictly; every fault names the file."""

import pytest

from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params

SOUND = "run: a\nseed: 42\nrate: 3.0e-3\nprices: ''\nreference: null\n"
VALUES = {"run": "a", "seed": 42, "rate": 0.003, "prices": "", "reference": None}
FAULTS = {
    "empty": (b"", "must contain one `name: value` per line, found an empty file"),
    "a list": (b"- a\n", "must contain one `name: value` per line, found list"),
    "a text": (b"hello", "must contain one `name: value` per line, found str"),
    "a tab": (b"a:\n\t- b\n", "invalid YAML: .*indent with spaces, not tabs"),
    "twice": (b"a: 1\na: 2\n", "a is given twice, in lines 1 and 2"),
    "base 8": (b"seed: 010\n", "010"),
    "base 60": (b"seed: 1:30\n", "1:30"),
    "an object": (b"a: !!python/object/apply:os.getcwd []\n", "invalid YAML"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_values_are_read_in_every_encoding_with_every_line_end(tmp_path, encoding, end):
    (tmp_path / "a.yaml").write_bytes(SOUND.replace("\n", end).encode(encoding))
    assert read_params(tmp_path / "a.yaml") == VALUES


@pytest.mark.parametrize("content, message", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_the_name_of_the_file(tmp_path, content, message):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=f"(?s)a.yaml: .*{message}"):
        read_params(tmp_path / "a.yaml")


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read: .*; give a params file"):
            read_params(path)
