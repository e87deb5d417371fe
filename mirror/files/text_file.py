"""Text files that a user brings: UTF-8, or UTF-16 and UTF-32 by their byte order mark; and odd characters in them."""

import codecs
import re
from pathlib import Path

MARKS = (  # the longer before those that they begin with
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8-sig"),
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class TextFileError(ValueError):
    """A file that is no text in an encoding that is read; the message says what was found, without the file's name."""


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark; line ends as they are. It may hold half surrogate pairs.

    Raises:
        OSError: it cannot be read.
        TextFileError: it is not in the encoding that its first bytes tell.
    """
    data = path.read_bytes()
    encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "UTF-8")
    try:
        return data.decode(encoding, "surrogatepass")  # half a pair is the fault of its record, not of the file
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        name = encoding.removesuffix("-sig")
        raise TextFileError(f"is not {name} text, found {found}") from None


def lone_surrogate(text: str) -> str:
    """The first half of a surrogate pair in a text, in words; empty where there is none.

    Programs that count in UTF-16 leave it where they cut a text inside an emoji; it can be neither tokenized nor saved.
    """
    found = None if text.isascii() else _SURROGATE.search(text)
    return f"half a character (a lone surrogate, \\u{ord(found[0]):04x}) at position {found.start()}" if found else ""


def without_halves(text: str) -> str:
    """`text` with U+FFFD in place of each half of a surrogate pair, so that it can be written."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def control_character(text: str) -> str:
    """The first control character in a text that is neither tab nor line end, in words; empty where there is none."""
    found = _CONTROL.search(text)
    return f"a control character (U+{ord(found[0]):04X}) at position {found.start()}" if found else ""
