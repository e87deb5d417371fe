"""A text file is read by its byte order mark; odd characters are told by their place."""

import codecs

import pytest

from mirror.files.text_file import TextFileError, control_character, lone_surrogate, read_text

TEXT = 'idx,Zoë\r\n"a",„😢“\n'


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    ],
    ids=["UTF-8", "UTF-8 with mark", "UTF-16", "UTF-16 big-endian", "UTF-32", "UTF-32 big-endian"],
)
def test_a_text_is_read_by_its_mark(data, tmp_path):
    (tmp_path / "a").write_bytes(data)
    assert read_text(tmp_path / "a") == TEXT


@pytest.mark.parametrize("data, name", [(b"Zo\xeb", "UTF-8"), (TEXT.encode("utf-16")[:-1], "UTF-16")])
def test_another_encoding_is_told_by_its_first_byte(data, name, tmp_path):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(TextFileError, match=rf"is not {name} text, found byte 0x\w\w at position \d+"):
        read_text(tmp_path / "a")


def test_half_a_surrogate_pair_is_read_and_told(tmp_path):
    for data in ("ab\ud83d".encode("utf-8", "surrogatepass"), "ab\ud83d".encode("utf-16", "surrogatepass")):
        (tmp_path / "a").write_bytes(data)
        told = lone_surrogate(read_text(tmp_path / "a"))
        assert told == "half a character (a lone surrogate, \\ud83d) at position 2"
    assert lone_surrogate("weint 😢 né") == lone_surrogate("") == ""


@pytest.mark.parametrize("character", ["\0", "\x07", "\x0b", "\x1b", "\x7f", "\x85"])
def test_a_control_character_is_told(character):
    assert control_character(f"a\t{character}") == f"a control character (U+{ord(character):04X}) at position 2"


def test_tabs_line_ends_and_letters_are_no_control_characters():
    assert control_character("a\tb\r\nc\u2028\u200d😢é") == ""
