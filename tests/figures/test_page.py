"""HTML tables of a run: one row per turn, facts that stay readable, and no text that becomes markup."""

import re

import pandas as pd

from mirror.figures import page
from mirror.transcripts.session_folder import SessionFolder
from tests.sessions import TURNS, append, full_turn, run_to_the_end

HASH = "0123456789abcdef" * 4


def rows(markup):
    return markup.split("<tr>")[2:]  # without what stands before the table, and its heads


def test_a_session_has_one_row_per_turn_and_its_plan_where_it_changes(tmp_path):
    run_to_the_end(tmp_path)
    found = rows(page.session(SessionFolder(tmp_path)))
    assert len(found) == len(TURNS)
    assert ["the plan: Pie Chart" in row for row in found] == [True, False, False, False]
    assert "<li>Draw it.</li><li>Share it out.</li>" in found[0]
    assert ["attempt 2 of 2" in row for row in found] == [True, True, True, False]
    assert all("<img" in row for row in found[:3]) and "<img" not in found[3]
    assert "not accepted" not in "".join(found)


def test_a_face_that_no_attempt_was_accepted_for_is_said_to_be_so(tmp_path):
    session = SessionFolder(tmp_path)
    face = full_turn(1).face
    append(session, full_turn(1, face=face.model_copy(update={"exhausted": True})))
    assert "attempt 2 of 2, not accepted" in page.session(session)


def test_words_never_become_markup(tmp_path):
    hostile = "<script>alert('x')</script>"
    session = SessionFolder(tmp_path)
    fields = dict.fromkeys(("cue", "words", "caption", "technique", "reply"), hostile)
    append(session, full_turn(1, plan=(hostile,), **fields))
    for markup in (
        page.session(session),
        page.table(pd.DataFrame({hostile: [hostile]})),
        page.facts({hostile: {hostile: hostile, "long": hostile * 9, "nested": {hostile: {hostile: hostile}}}}),
    ):
        assert "<script" not in markup and "&lt;script" in markup


def test_a_table_holds_every_row_in_full():
    markup = page.table(pd.DataFrame({"words": ["x" * 300] * 80}))
    assert markup.count("x" * 300) == 80


def test_a_missing_value_is_a_dash_and_a_column_of_them_is_left_out():
    markup = page.table(pd.DataFrame({"a": [1.5, None], "b": [None, None], "c": ["x", "y"]}))
    assert re.findall("<t[hd]>(.*?)</t[hd]>", markup) == ["a", "c", "1.5", "x", "–", "y"]
    assert page.table(pd.DataFrame({"a": []})) == "<p>No rows.</p>"


def test_a_run_is_shown_by_its_faces_or_says_that_it_has_none(tmp_path):
    assert page.faces(tmp_path) == "<p>No session has a turn yet.</p>"
    run_to_the_end(tmp_path / "sessions/60")
    assert "<img src='data:image/png;base64," in page.faces(tmp_path)


def test_a_table_that_a_notebook_could_not_hold_shows_its_first_rows_and_says_how_many_more_there_are(monkeypatch):
    monkeypatch.setattr(page, "MOST_ROWS", 3)
    markup = page.table(pd.DataFrame({"words": list("abcde")}))
    assert [word in markup for word in ("<td>c</td>", "<td>d</td>")] == [True, False]
    assert "… and 2 more rows" in markup and "more rows" not in page.table(pd.DataFrame({"words": list("abc")}))


def test_facts_without_a_value_are_left_out():
    markup = page.facts({"painter": {"model": "sdxl", "revision": "", "adapter": None, "guidance_scale": 0}})
    assert "revision" not in markup and "adapter" not in markup
    assert "model: <b>sdxl</b>" in markup and "guidance scale: <b>0</b>" in markup


def test_a_digest_is_shortened_and_a_long_fact_folded():
    words = "a long sentence " * 20
    markup = page.facts({"counselor": {"sha256": HASH, "prompt": words, "tags": list(range(90)), "lora": {"rank": 8}}})
    assert f"<b title='{HASH}'>{HASH[:12]} …</b>" in markup
    assert markup.count("<details>") == 2 and f"<pre>{words}</pre>" in markup
    assert "<div class='inner'><div>rank: <b>8</b></div></div>" in markup
