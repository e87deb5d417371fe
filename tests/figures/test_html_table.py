"""Parts of HTML tables: cells in their order, escaped text, and faces inside the page."""

import base64
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mirror.figures.html_table import FACE, TABLE_STYLE, escaped, face, html_table


def test_a_table_has_its_style_heads_and_rows_in_order():
    page = html_table(["a", "b"], [["1", "2"], ["<b>3</b>", "4"]])
    assert page.startswith(TABLE_STYLE)
    assert page.removeprefix(TABLE_STYLE) == (
        "<table class='wide'><tr><th>a</th><th>b</th></tr>"
        "<tr><td>1</td><td>2</td></tr><tr><td><b>3</b></td><td>4</td></tr></table>"
    )
    assert html_table(["a"], []).endswith("<tr><th>a</th></tr></table>")


@given(st.text() | st.sampled_from(["<br>\n&amp;", "'\"<script>"]))
def test_escaped_text_holds_no_markup_but_its_line_breaks(text):
    found = escaped(text)
    assert not set(found.replace("<br>", "")) & set("<>\"'") and found.count("<br>") == text.count("\n")


@pytest.mark.parametrize(("size", "stored"), [((448, 336), (2 * FACE, 168)), ((40, 30), (40, 30))])
def test_a_face_is_stored_at_twice_its_size_at_most(size, stored, tmp_path):
    Image.new("RGB", size, (200, 30, 30)).save(tmp_path / "face.png")
    (url,) = re.fullmatch(
        rf"<img src='data:image/png;base64,([^']+)' width={FACE} alt='face'>", face(tmp_path / "face.png")
    ).groups()
    with Image.open(io.BytesIO(base64.b64decode(url, validate=True))) as image:
        assert image.size == stored and image.getpixel((5, 5)) == (200, 30, 30)
