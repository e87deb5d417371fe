"""The search of the gallery: words and phrases in what was said alone, hits marked, counted and stepped through."""

import pytest

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import write_gallery
from tests.galleries import SCRIPT, be, change, click, put, shown, texts


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "spoken"
    write_run(folder, ["1", "2", "3"], 3, 5, "ec_planning")
    said = {
        "1": ("The red house.", "A house? red.", "house"),
        "2": ("The  red\nhouse", "", "It’s red"),
        "3": ("no", "no", "no"),
    }
    for idx, (first, reply, last) in said.items():
        for number in (1, 2, 3):
            change(
                folder,
                idx,
                number,
                cue="sees a zebra",
                caption="zebra",
                words="",
                reply="",
                technique="zebra",
                plan=("zebra",),
            )
        change(folder, idx, 2, words=first, reply=reply)
        change(folder, idx, 3, words=last, reply="")
    be(folder, "3", reason="zebra")
    return write_gallery(folder)


@pytest.fixture
def reader(page, spoken):
    page.open(spoken.as_uri())
    yield page
    assert page.problems == []


FITTING = {
    "red": ["1", "2"],
    "RED house": ["1", "2"],
    '"the red house"': ["1", "2"],
    "“house? red”": ["1"],
    '"red house': ["1", "2"],
    "it's": ["2"],
    "h.use": [],
    "zebra": [],
    "": ["1", "2", "3"],
    '""': ["1", "2", "3"],
}


def test_sessions_fit_in_which_every_word_and_phrase_was_said(reader):
    found = {}
    for query in FITTING:
        put(reader, "#query", query)
        found[query] = shown(reader)
    assert found == FITTING


def test_hits_are_marked_counted_and_stepped_through_also_into_the_next_session(reader):
    put(reader, "#query", "red house")
    assert texts(reader, "mark") == ["red", "house", "house", "red", "house"]
    assert texts(reader, "#found") == ["2 of 3 sessions · 8 hits"]
    for number in range(1, 7):
        click(reader, "#next-hit")
        assert texts(reader, "#found") == [f"2 of 3 sessions · hit {number} of 8"]
    assert reader.evaluate("location.hash") == "#2" and texts(reader, "mark.current") == ["red"]
    click(reader, "#previous-hit")
    assert texts(reader, "#found") == ["2 of 3 sessions · hit 5 of 8"] and texts(reader, "h2") == ["Client 1"]
    place = "document.querySelector('mark.current').getBoundingClientRect()"
    visible = f"(({{top, bottom}}) => top >= 0 && bottom <= innerHeight)({place})"
    assert reader.evaluate(visible)


def test_keys_search_and_step(reader):
    reader.press("/")
    assert reader.evaluate("document.activeElement.id") == "query"
    for key in '"red':
        reader.press(key)
    reader.press("Enter")
    assert texts(reader, "#found") == ["2 of 3 sessions · hit 1 of 4"]
    reader.press("Tab", "Tab", "Tab", "n")
    assert texts(reader, "#found") == ["2 of 3 sessions · hit 2 of 4"]


def test_what_is_searched_for_is_text_and_marks_leave_the_words_as_they_are(opened):
    put(opened, "#query", "<script>document.title = 'broken'</script>")
    assert shown(opened) == ["61", "62"]
    click(opened, "#next-hit")
    assert texts(opened, ".client .words")[2] == f"I say {SCRIPT} & 'quotes' \"double\""
    put(opened, "#query", "xyzzy")
    assert shown(opened) == [] and texts(opened, "#found") == ["No session fits."]
    assert texts(opened, "mark") == []
    opened.evaluate("location.hash = ''")


def test_a_hit_in_the_folded_part_of_a_long_text_unfolds_it(page, tmp_path):
    write_run(tmp_path / "run", ["1"], 1, 5)
    change(tmp_path / "run", "1", 1, reply="word " * 5000 + "needle")
    page.open(write_gallery(tmp_path / "run").as_uri())
    put(page, "#query", "needle")
    assert texts(page, "mark") == ["needle"] and texts(page, ".more") == []
