"""One turn as a page: every intermediate result in order, and no text that becomes markup."""

import re

import pytest
from PIL import Image

from mirror.exploration.view.step import STYLE, step_page
from mirror.faces.view import Seen
from tests.explored_steps import READ, ending, step
from tests.sessions import REJECTED

SCRIPT = "<script>alert(1)</script>"


def labels(page):
    return re.findall(r"<b>([^<]*)</b><div>", page)


def test_a_turn_is_shown_in_the_order_in_which_it_happened():
    page = step_page(step())
    assert page.startswith(STYLE)
    assert labels(page) == [
        "the client",
        "the description",
        "painted with",
        "the faces",
        "emotion recognition",
        "response",
        "the plan",
        "the counselor",
        "time",
    ]
    assert page.count("<img") == 3 and page.count("class='chosen'") == 1
    assert "<li>Draw it.</li><li>Share it out.</li>" in page and "client 0.50 s, face 2.00 s" in page
    assert "same person: 0.33 ✗" in page and "safe: 0.30 ✓" in page
    assert "attempt 2 is shown; limits: safe 0.50, same person 0.62" in page


def test_what_the_counselor_saw_in_place_of_the_face_follows_the_faces():
    page = step_page(step(seen=Seen(Image.new("RGB", (8, 8)), "swapped", source="other/7/2")))
    assert labels(page)[3:5] == ["the faces", "the counselor saw"] and page.count("<img") == 4
    assert "<b>swapped</b><br>other/7/2" in page
    read = step_page(step(seen=Seen(Image.new("RGB", (8, 8)), "cue", words=SCRIPT)))
    assert "<b>cue</b><br>“&lt;script&gt;" in read and SCRIPT not in read


def test_a_client_who_ends_the_session_has_neither_face_nor_reply():
    page = step_page(ending())
    assert labels(page) == ["the client", "", "time"] and "the client ends the session" in page and "<img" not in page


def test_a_silent_client_without_a_cue_is_said_to_be_silent():
    page = step_page(step(words="", cue=""))
    assert "<span class='said'>(silent)</span>" in page
    assert "lexicon read the words alone, without a cue as “sad look”" in page


@pytest.mark.parametrize("field", ["cue", "words"])
def test_what_the_client_shows_and_says_is_no_markup(field):
    page = step_page(step(**{field: f"{SCRIPT}\nx"}))
    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;<br>x" in page


def test_what_models_say_is_no_markup():
    reply = {"words": SCRIPT, "technique": SCRIPT, "plan": (SCRIPT,), "prompts": {"response": SCRIPT}}
    page = step_page(step(description=READ | {"model": SCRIPT}, reply=reply | {"raw": {"response": SCRIPT}}))
    assert "<script" not in page and page.count("&lt;script&gt;") == 6


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ({}, "lexicon read the cue “lowers the eyes” as “sad look”"),
        ({"relevance_text": ""}, "lexicon read the cue “lowers the eyes”<br>"),
        ({"fallback": True}, "<b>lexicon could read nothing of the cue “lowers the eyes”: the face is neutral</b>"),
        (
            {"fallback": True, "relevance_text": ""},
            "<b>no description could be read of what lexicon answered: painted from the cue “lowers the eyes”</b>",
        ),
    ],
)
def test_the_page_says_what_was_read(read, said):
    assert said in step_page(step(description=READ | read))


def test_an_exhausted_search_and_a_cut_context_are_said():
    reply = {"cut_off": ("planning", "response"), "dropped_utterances": 3, "cut_characters": 70}
    page = step_page(step(verdicts=(REJECTED,), reply=reply))
    assert "none was accepted; the best is shown; limits:" in page
    assert "ran out of tokens: planning, response" in page
    assert "not read: the first 3 utterances and the first 70 characters of the newest one" in page
    whole = step_page(step(reply={"plan": ()}))
    assert "not read" not in whole and "ran out" not in whole and "the plan" not in labels(whole)
