"""A reader's notes and tags: kept in the browser by run, told where they cannot be, saved to a file and read again."""

import json

import pytest

from mirror.gallery import write_gallery
from tests.browser import wait_for
from tests.galleries import SCRIPT, change, click, forget, go, put, shown, texts, write_arms

BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
NO_DATABASE = "Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('no', 'SecurityError') }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"


@pytest.fixture
def begun(opened):
    """Adds scripts that run before those of the page, until the end of the test."""
    added = []

    def begin(*scripts):
        added.extend(opened.call("Page.addScriptToEvaluateOnNewDocument", source=one)["identifier"] for one in scripts)
        opened.open(opened.evaluate("location.href"))

    yield begin
    for one in added:
        opened.call("Page.removeScriptToEvaluateOnNewDocument", identifier=one)


def write(page, words, tags=""):
    put(page, ".notes textarea", words)
    put(page, ".notes input", tags)


def written(page):
    return page.evaluate("[...document.querySelectorAll('.notes textarea, .notes input')].map((one) => one.value)")


def again(page):
    """Opens the page a second time; waits until it has read its notes."""
    page.open(page.evaluate("location.href"))
    page.evaluate("restored")


def test_notes_and_tags_are_there_again_and_filter_the_list(opened):
    write(opened, f"calm {SCRIPT}", "good, calm , good")
    wait_for(lambda: "Kept in this browser" in texts(opened, "#kept")[0])
    again(opened)
    assert written(opened) == [f"calm {SCRIPT}", "good, calm"]
    assert texts(opened, ".noted")[0] == " · ✎ good, calm"
    put(opened, "#tag", "calm")
    assert shown(opened) == ["60"]
    put(opened, "#tag", "")
    click(opened, "#noted")
    assert shown(opened) == ["60"]


def test_two_runs_do_not_mix_and_two_galleries_of_one_run_share(page, opened, tmp_path):
    write(opened, "of the first run")
    folders = write_arms(tmp_path)
    page.open(write_gallery(folders[0]).as_uri())
    page.evaluate("restored")
    assert written(page) == ["", ""]
    write(page, "of another")
    key = page.evaluate("gallery.runs[0].key")
    moved = folders[0].rename(tmp_path / "moved")
    page.open(write_gallery(moved).as_uri())
    assert page.evaluate("gallery.runs[0].key") != key  # without a date of its begin, the folder's name tells a run
    (moved / "provenance.json").write_text(json.dumps({"started": "2026-01-01"}))
    page.open(write_gallery(moved).as_uri())
    key = page.evaluate("gallery.runs[0].key")
    page.open(write_gallery(moved.rename(tmp_path / "again")).as_uri())
    assert page.evaluate("gallery.runs[0].key") == key
    forget(page)


def test_a_note_on_a_session_that_has_changed_since_says_so(page, tmp_path):
    folder = write_arms(tmp_path)[0]
    page.open(write_gallery(folder).as_uri())
    write(page, "fine")
    change(folder, "60", 1, reply="Another.")
    page.open(write_gallery(folder).as_uri())
    page.evaluate("restored")
    assert texts(page, ".notes .note") == ["The session has changed since this note was written."]
    forget(page)


def test_notes_are_in_the_database_too_which_a_killed_browser_leaves_on_disk(opened):
    write(opened, "on disk")
    wait_for(lambda: "Kept in this browser" in texts(opened, "#kept")[0])
    opened.evaluate("localStorage.clear()")
    again(opened)
    assert written(opened)[0] == "on disk"


def test_where_the_storage_is_full_the_database_keeps_them(opened, begun):
    begun(FULL)
    write(opened, "kept all the same")
    wait_for(lambda: "Kept in this browser" in texts(opened, "#kept")[0])
    assert texts(opened, "#unkept:not([hidden])") == []
    again(opened)
    assert written(opened)[0] == "kept all the same"


def test_where_nothing_keeps_them_the_reader_is_told_and_asked_before_leaving(opened, begun):
    begun(BLOCKED, NO_DATABASE)
    assert texts(opened, "#unkept:not([hidden])") == []
    write(opened, "nowhere")
    assert wait_for(lambda: "does not keep your notes" in "".join(texts(opened, "#unkept:not([hidden])")))
    leaving = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert opened.evaluate(leaving) is False
    assert opened.evaluate("exportedNotes().runs[0].notes[0].text") == "nowhere"
    opened.evaluate("save = () => {}")
    click(opened, "#export")
    assert opened.evaluate(leaving) is True


def test_damaged_notes_in_the_storage_are_said(opened, begun):
    opened.evaluate("localStorage.setItem(storeOf(gallery.runs[0].key), '{')")
    begun()
    assert "are damaged" in texts(opened, "#trouble")[0]


def test_a_saved_file_brings_notes_back_and_keeps_both_of_two(opened):
    write(opened, "mine", "a")
    file = opened.evaluate("JSON.stringify(exportedNotes())")
    assert json.loads(file)["runs"][0]["notes"][0]["text"] == "mine"
    write(opened, "other words", "b")
    opened.evaluate(f"takeNotes({json.dumps(file)})")
    assert written(opened) == ["other words\n\n[imported] mine", "b, a"]
    assert texts(opened, "#imported") == ["1 note read; 1 beside other words of yours: both are kept."]
    opened.evaluate(f"takeNotes({json.dumps(file)})")
    assert written(opened) == ["other words\n\n[imported] mine", "b, a"]
    forget(opened)
    again(opened)
    opened.evaluate(f"takeNotes({json.dumps(file)})")
    assert written(opened) == ["mine", "a"] and texts(opened, "#imported") == ["1 note read."]


NO_NOTES = "This file holds no notes of a gallery. Nothing was changed."
NO_FILES = [
    ("{", "This file holds no notes: it is not JSON. Nothing was changed."),
    ("null", NO_NOTES),
    ('{"format": "other"}', NO_NOTES),
    ({"run": "elsewhere", "notes": [{}]}, "0 notes read; 1 of other runs left out."),
    ({"notes": [{"session": "60", "text": 1}, None, 3]}, "0 notes read; 3 damaged and left out."),
    ({"notes": [{"session": "__proto__", "text": "x", "tags": [], "at": "2026-01-01"}]}, "1 note read."),
]


def test_what_is_no_file_of_notes_is_said_and_harms_nothing(opened):
    key = opened.evaluate("gallery.runs[0].key")
    for content, said in NO_FILES:
        if isinstance(content, dict):
            given = {"format": "mirror-gallery-notes", "version": 1, "runs": [{"run": key} | content]}
            content = json.dumps(given)
        opened.evaluate(f"takeNotes({json.dumps(content)})")
        assert texts(opened, "#imported") == [said]
        assert written(opened) == ["", ""] and opened.evaluate("({}).text") is None


def test_two_tabs_keep_what_each_has_written(opened):
    with opened.tab() as other:
        other.open(opened.evaluate("location.href"))
        write(opened, "from the first")
        go(other, "61")
        write(other, "from the second")
        again(other)
        kept = other.evaluate("Object.values(notes.get(gallery.runs[0].key)).map((one) => one.text).sort()")
    assert kept == ["from the first", "from the second"]
