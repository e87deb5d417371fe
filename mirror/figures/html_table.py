"""Parts of HTML tables: style, cells and faces. All text is escaped."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from mirror.files.image_file import data_url, open_picture

FACE = 112  # pixels, the side of a face in a table
TABLE_STYLE = (
    "<style>.wide td, .wide th {text-align: left !important; vertical-align: top; max-width: 24em; "
    "white-space: normal; padding: .5em .8em} "
    ".wide pre {text-align: left; white-space: pre-wrap; margin: 0; font-size: 90%}</style>"
)


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Builds a table with its style.

    Args:
        heads: the column headings.
        rows: the cells of each row as HTML.
    """
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"{TABLE_STYLE}<table class='wide'><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>"


def escaped(text: str) -> str:
    """Escapes text for HTML and keeps its line breaks."""
    return html.escape(text).replace("\n", "<br>")


def face(path: Path) -> str:
    """Embeds an image file as an `<img>` element of `FACE` pixels, stored at twice that size."""
    return f"<img src='{data_url(open_picture(path), 2 * FACE)}' width={FACE} alt='face'>"
