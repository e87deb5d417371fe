"""Figures and tables of a training: the title is the claim, the axes say what they carry, no text becomes markup."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from mirror import figures
from mirror.figures.style import VARIANT_COLORS
from mirror.prompts import CountedTemplate, PromptSet, PromptTemplate


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


LOSSES = pd.DataFrame(
    {
        "epoch": [0.0, 0.5, 1.0, 1.5, 2.0],
        "train": [np.nan, 5.0, 4.0, 3.0, 2.0],
        "held_out": [6.126, np.nan, 4.5, np.nan, 3.254],
    }
)


# Losses ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cot", ["base", "planning", "ec", "ec_planning"])
def test_the_loss_curve(cot, ax):
    assert figures.loss_curve(LOSSES, ax, cot) is ax
    assert ax.get_title("left") == "The held-out loss falls: 6.13 → 3.25"
    assert ax.get_xlabel() == "epochs"
    assert ax.get_ylabel() == "loss, nats per answer token\n(lower is better)"
    train, held_out = ax.get_lines()
    assert train.get_xydata().tolist() == [[0.5, 5], [1, 4], [1.5, 3], [2, 2]]
    assert held_out.get_xydata().tolist() == [[0, 6.126], [1, 4.5], [2, 3.254]]
    assert held_out.get_marker() == "o" and train.get_marker() == "None"
    assert {to_hex(line.get_color()).upper() for line in (train, held_out)} == {VARIANT_COLORS[cot]}
    assert legend(ax) == ["trained on, each step", "held out"]
    assert ax.get_ylim()[0] == 0


def test_a_loss_that_rises_is_not_said_to_fall(ax):
    figures.loss_curve(LOSSES.assign(held_out=[3.0, np.nan, 2.5, np.nan, 3.1]), ax, "base")
    assert ax.get_title("left") == "The held-out loss does not fall: 3.00 → 3.10"


@pytest.mark.parametrize("nothing", [np.nan, None])
def test_a_loss_curve_without_held_out_dialogues(nothing, ax):
    losses = LOSSES.iloc[1:].assign(held_out=nothing)
    figures.loss_curve(losses, ax, "ec")
    assert ax.get_title("left") == "The training loss falls: 5.00 → 2.00"
    assert ax.get_lines()[0].get_ydata().tolist() == [5, 4, 3, 2]


def test_the_legend_names_only_what_is_shown(ax):
    figures.loss_curve(LOSSES.iloc[1:].assign(held_out=np.nan), ax, "ec")
    assert legend(ax) == ["trained on, each step"]


# Lengths --------------------------------------------------------------------------------------------------------------


def lengths(**tokens):
    return pd.DataFrame([{"kind": kind, "tokens": n} for kind, counts in tokens.items() for n in counts])


def test_the_lengths_of_the_records(ax):
    table = lengths(response=[700, 800, 1234], emotion_recognition=[600])
    assert figures.token_lengths(table, ax, 2048) is ax
    assert ax.get_title("left") == "The longest record has 1,234 of at most 2,048 tokens"
    assert ax.get_xlabel() == "tokens in a record, with the image's"
    assert ax.get_ylabel() == "records"
    assert legend(ax) == ["emotion_recognition", "response"]
    counted = [sum(patch.get_height() for patch in bars) for bars in ax.containers]
    assert counted == [1, 3]
    assert len({to_hex(bars[0].get_facecolor()) for bars in ax.containers}) == 2


@pytest.mark.parametrize("kinds", [1, 5, 7])
def test_any_number_of_kinds_has_its_lengths_shown(kinds, ax):
    figures.token_lengths(lengths(**{f"kind{i}": [600 + i, 700] for i in range(kinds)}), ax, 2048)
    assert legend(ax) == [f"kind{i}" for i in range(kinds)]


# Tables ---------------------------------------------------------------------------------------------------------------

SCRIPT = "<script>alert('1 & 2')</script>"
ESCAPED = "&lt;script&gt;alert(&#x27;1 &amp; 2&#x27;)&lt;/script&gt;"


@pytest.fixture
def face(tmp_path):
    path = tmp_path / "face.jpg"
    Image.new("RGB", (448, 336), (200, 30, 30)).save(path, quality=95)
    return path


def row(face, **values):
    texts = {"kind": "response", "prompt": "Client: Hi.", "expected": "a", "before": "b", "after": "c"}
    return {"image": str(face)} | texts | values


def table(*rows):
    return figures.replies(pd.DataFrame(rows))


def cells(html):
    return re.findall(r"<td>(.*?)</td>", html, re.DOTALL)


def test_replies_stand_side_by_side_in_order(face):
    html = table(row(face), row(face, expected="x", before="y", after="z\nz"))
    heads = re.findall("<th>(.*?)</th>", html)
    assert heads == ["the client's face", "last said", "in the data", "before training", "after training"]
    found = cells(html)
    assert found[1:5] == ["Client: Hi.", "a", "b", "c"]
    assert found[6:10] == ["Client: Hi.", "x", "y", "z<br>z"]
    assert html.count("<tr>") == html.count("</tr>") == 3
    assert "face" in found[0] and found[0].endswith("response")


@pytest.mark.parametrize("column", ["kind", "expected", "before", "after"])
def test_text_in_replies_is_no_markup(column, face):
    html = table(row(face, **{column: SCRIPT}))
    assert "<script" not in html and ESCAPED in html


def test_the_prompt_in_replies_is_no_markup(face):
    html = table(row(face, prompt=f"Client: {SCRIPT}"))
    assert "<script" not in html and f"Client: {ESCAPED}" in html


@pytest.mark.parametrize(
    "prompt, said",
    [
        ("The image.\nTherapist: Hello.\nClient: I failed.\nWhat would you say?", "Client: I failed."),
        ("Client: a\nTherapist: Hello.", "Therapist: Hello."),
        ("How does the client feel?", "(nothing yet)"),
    ],
)
def test_of_the_prompt_the_last_words_are_shown(prompt, said, face):
    assert cells(table(row(face, prompt=prompt)))[1] == said


def test_faces_are_inside_the_page(face):
    html = table(row(face))
    face.unlink()  # the page needs no file
    (url,) = re.findall("<img src='data:image/png;base64,([^']+)' width=112 alt='face'>", html)
    with Image.open(io.BytesIO(base64.b64decode(url, validate=True))) as image:
        assert image.format == "PNG" and image.size == (224, 168)
        assert all(
            abs(a - b) < 12 for a, b in zip(image.convert("RGB").getpixel((100, 80)), (200, 30, 30), strict=True)
        )


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "CMYK", "1"])
def test_faces_of_any_mode_are_shown(mode, tmp_path):
    path = tmp_path / "face.tiff"
    Image.new("RGB", (30, 30), "red").convert(mode).save(path)
    assert "data:image/png;base64," in table(row(path))


def test_small_faces_are_not_enlarged(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "small.png")
    (url,) = re.findall("base64,([^']+)'", table(row(tmp_path / "small.png")))
    with Image.open(io.BytesIO(base64.b64decode(url))) as image:
        assert image.size == (40, 30)


def test_templates_show_the_most_common_and_the_share_reproduced():
    counted = [
        CountedTemplate(PromptTemplate("response", f"{i} {SCRIPT} {{dialogue}}"), n) for i, n in ((1, 6), (2, 3))
    ]
    prompts = PromptSet({"response": tuple(counted), "planning": ()}, {"response": 12, "planning": 2})
    html = figures.templates(prompts)
    heads = re.findall("<th>(.*?)</th>", html)
    assert heads == ["kind", "worded by", "records", "reproduced", "templates", "the most common one"]
    assert cells(html) == ["response", "the data", "12", "75.0%", "2", f"<pre>1 {ESCAPED} {{dialogue}}</pre>"]
    own = PromptSet({"planning": (CountedTemplate(PromptTemplate("planning", "Plan."), 0),)}, {"planning": 0})
    assert cells(figures.templates(own)) == ["planning", "this project", "0", "–", "1", "<pre>Plan.</pre>"]
    assert "<script" not in html


def test_kinds_in_the_table_of_templates_are_no_markup():
    template = CountedTemplate(PromptTemplate(SCRIPT, "{dialogue}"), 1)
    html = figures.templates(PromptSet({SCRIPT: (template,)}, {SCRIPT: 1}))
    assert "<script" not in html and ESCAPED in html
