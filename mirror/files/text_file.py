"""Text files from users: UTF-8, or UTF-16 and UTF-32 with a byte order mark; and invalid characters in them."""

import codecs
import re
from pathlib import Path

MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (codecs.BOM_UTF8, "UTF-8-sig"),
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class TextFileError(ValueError):
    """A file that cannot be decoded. The message says what was found; it does not name the file."""


def read_text(path: Path) -> str:
    """Read a text file, without its byte order mark and with its line ends unchanged.

    The text may contain lone surrogates; see `lone_surrogate`.

    Raises:
        OSError: the file cannot be read.
        TextFileError: it is not in the encoding that its first bytes declare.
    """
    data = path.read_bytes()
    encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "UTF-8")
    try:
        return data.decode(encoding, "surrogatepass")  # reported per record by its reader, not for the whole file
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        name = encoding.removesuffix("-sig")
        raise TextFileError(f"is not {name} text, found {found}") from None


def lone_surrogate(text: str) -> str:
    """Describe the first lone surrogate in a text; empty if there is none.

    Programs that count in UTF-16 leave one when they truncate a text inside an emoji. It can be neither tokenized nor
    saved as UTF-8.
    """
    found = None if text.isascii() else _SURROGATE.search(text)
    return f"half a character (a lone surrogate, \\u{ord(found[0]):04x}) at position {found.start()}" if found else ""


def replace_lone_surrogates(text: str) -> str:
    """Replace each lone surrogate by U+FFFD, so that the text can be saved."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def control_character(text: str) -> str:
    """Describe the first control character in a text that is neither tab nor line end; empty if there is none."""
    found = _CONTROL.search(text)
    return f"a control character (U+{ord(found[0]):04X}) at position {found.start()}" if found else ""
