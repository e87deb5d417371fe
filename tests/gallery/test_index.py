"""The gallery of many sessions: one page that lists all of them and reads what they hold from pages beside it."""

import csv
import io
import json
import re
import shutil

import pytest

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import write_gallery, write_shared_gallery
from mirror.transcripts.arm import ArmError
from tests.axe import findings
from tests.browser import wait_for
from tests.galleries import change, click, end, forget, put, shown, texts, write_arms

CLIENTS = ["1", "2", "3 b", "10", "11", "12", "13", "14", "15"]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr("mirror.gallery.index.MOST", 4)
    monkeypatch.setattr("mirror.gallery.index.OF_A_PAGE", 2)


@pytest.fixture
def run(tmp_path):
    """Nine sessions on five pages, more than are open at a time; in three of them somebody says `needle`."""
    write_run(tmp_path / "run", CLIENTS, 2, 5, pictures=64)
    for idx, words in (("2", "a needle, a needle"), ("12", "needle"), ("15", "The needle is here.")):
        change(tmp_path / "run", idx, 1, reply=words)
    end(tmp_path / "run", "12", status="failed", reason="the server was gone", turns=2)
    return tmp_path / "run"


@pytest.fixture
def divided(page, run):
    """The gallery of that run, open; what a test keeps in the browser is cleared after it."""
    page.open(write_gallery(run).as_uri())
    yield page
    assert page.problems == [] and page.requests == []
    forget(page)


def sessions(page):
    data = re.search('id="data">(.*?)</script>', page.read_text(encoding="utf-8"))[1]
    return [one["idx"] for one in json.loads(data)["sessions"]]


def search(page, words):
    put(page, "#query", words)
    wait_for(lambda: page.evaluate("!isReading()"))
    return shown(page)


def heading(page):
    return wait_for(lambda: texts(page, "h2"))


def open_frames(page):
    return page.evaluate("document.querySelectorAll('iframe').length")


def test_pages_hold_every_session_once_in_order_and_the_first_one_lists_all(run):
    path = write_gallery(run)
    pages = sorted(run.glob("gallery/*.html"))
    assert [sessions(page) for page in pages] == [["1", "2"], ["3 b", "10"], ["11", "12"], ["13", "14"], ["15"]]
    assert sessions(path) == CLIENTS and 'id="texts-0"' not in path.read_text(encoding="utf-8")
    assert "sessions 3 to 4" in pages[1].read_text() and 'href="../gallery.html"' in pages[1].read_text()


def test_a_run_that_fits_into_one_page_has_no_others_and_no_frames(tmp_path):
    write_run(tmp_path / "run", CLIENTS[:4], 2, 5)
    page = write_gallery(tmp_path / "run")
    assert sessions(page) == CLIENTS[:4] and not (tmp_path / "run/gallery").exists()
    assert "all sessions</a> ·" not in page.read_text() and "frame-src" not in page.read_text()


def test_pages_that_are_no_longer_needed_are_removed(run, monkeypatch):
    write_gallery(run)
    monkeypatch.setattr("mirror.gallery.index.OF_A_PAGE", 3)
    write_gallery(run)
    assert len(list(run.glob("gallery/*.html"))) == 3
    monkeypatch.setattr("mirror.gallery.index.MOST", 9)
    assert sessions(write_gallery(run)) == CLIENTS and not list(run.glob("gallery/*.html"))


def test_the_search_finds_words_on_every_page_with_few_pages_open(divided):
    assert findings(divided) == []
    assert search(divided, "needle") == ["2", "12", "15"]
    assert texts(divided, "#found") == ["3 of 9 sessions · 4 hits"] and open_frames(divided) <= 3
    assert search(divided, '"needle is"') == ["15"] and search(divided, "") == CLIENTS


def test_hits_are_stepped_through_from_page_to_page(divided):
    search(divided, "needle")
    seen = []
    for _ in range(5):
        click(divided, "#next-hit")
        seen.append(
            wait_for(lambda: divided.evaluate("document.querySelector('mark.current') && reader.session.idx"))
            + re.search(r" hit \d", texts(divided, "#found")[0])[0]
        )
        divided.evaluate("document.querySelector('mark.current').className = ''")
    assert seen == ["2 hit 1", "2 hit 2", "12 hit 3", "15 hit 4", "2 hit 1"]


def test_filters_order_and_search_work_together_over_all_pages(divided):
    click(divided, "[data-outcome=failed]")
    assert shown(divided) == ["12"] and search(divided, "needle") == ["12"]
    click(divided, "[data-outcome='']")
    assert search(divided, "needle") == ["2", "12", "15"]
    click(divided, "#falling")
    assert shown(divided) == ["15", "12", "2"]


def test_a_session_of_any_page_is_read_with_its_faces_and_noted(divided):
    divided.evaluate("location.hash = '#14'")
    assert heading(divided) == ["Client 1"] or wait_for(lambda: texts(divided, "h2") == ["Client 14"])
    drawn = "[...document.querySelectorAll('#reader img.face')].map((one) => one.naturalWidth > 0)"
    assert wait_for(lambda: (found := divided.evaluate(drawn)) and all(found) and len(found) == 2)
    put(divided, ".notes textarea", "seen")
    assert texts(divided, "li[data-idx='14'] .noted") == [" · ✎ seen"]
    divided.press("j")
    assert wait_for(lambda: texts(divided, "h2") == ["Client 15"])


def test_selected_sessions_of_several_pages_are_one_table(divided):
    for idx in ("2", "15"):
        click(divided, f"li[data-idx='{idx}'] input")
    text = divided.evaluate("whole(chosenSessions()).then(turnTable)")
    rows = list(csv.DictReader(io.StringIO(text[1:], newline="")))
    assert [(row["session"], row["turn"]) for row in rows] == [("2", "1"), ("2", "2"), ("15", "1"), ("15", "2")]
    assert [row["reply"] for row in rows if row["turn"] == "1"] == ["a needle, a needle", "The needle is here."]


def test_a_page_that_is_gone_is_said_and_the_others_are_searched(page, run):
    path = write_gallery(run)
    (run / "gallery/page-0001.html").unlink()
    page.open(f"{path.as_uri()}#15")
    assert search(page, "needle") == ["12", "15"]
    assert "The page gallery/page-0001.html is missing, damaged or of another gallery" in texts(page, "#trouble")[0]
    page.evaluate("location.hash = '#1'")
    assert wait_for(lambda: "missing from this file or damaged" in "".join(texts(page, "#reader .alert")))


def test_a_page_of_another_gallery_gives_nothing(page, run):
    path = write_gallery(run)
    shutil.copy(run / "gallery/page-0003.html", run / "gallery/page-0001.html")
    page.open(f"{path.as_uri()}#15")
    assert search(page, "needle") == ["12", "15"] and "of another gallery" in texts(page, "#trouble")[0]


def test_a_stranger_that_shows_a_page_in_a_frame_learns_nothing(page, run, tmp_path):
    write_gallery(run)
    stranger = tmp_path / "stranger.html"
    stranger.write_text(
        """<iframe name="mirror-gallery-part" src="run/gallery/page-0001.html"></iframe><script>
        const answers = []; const frame = document.querySelector("iframe");
        addEventListener("message", ({data}) => { answers.push(data);
          if (data.isReady) frame.contentWindow.postMessage({key: "", wanted: [{kind: "said"}]}, "*") });</script>"""
    )
    page.open(stranger.as_uri())
    assert wait_for(lambda: page.evaluate("answers.length > 1 && answers")) == [{"isReady": True}, {"isRefused": True}]


def test_a_page_works_alone_and_in_a_frame_of_a_notebook(page, run, tmp_path):
    write_gallery(run)
    page.open((run / "gallery/page-0003.html").as_uri())
    assert search(page, "needle") == ["12"] and page.problems == []
    (tmp_path / "notebook.html").write_text('<iframe src="run/gallery/page-0003.html"></iframe>')
    page.open((tmp_path / "notebook.html").as_uri())
    assert page.evaluate("frames.length") == 1 and page.problems == []


# Several runs ---------------------------------------------------------------------------------------------------------


def test_a_client_of_several_runs_is_on_one_page_and_is_read_side_by_side(tmp_path, page):
    folders = write_arms(tmp_path)
    path = write_shared_gallery(folders, tmp_path / "compared")
    assert [sessions(one) for one in sorted(path.parent.glob("gallery/*.html"))] == [["60", "60"], ["61", "61"], ["62"]]
    page.open(f"{path.as_uri()}#61/ec/base")
    arms = "[...document.querySelectorAll('.arm')].map((one) => one.textContent).join()"
    assert wait_for(lambda: page.evaluate(arms), (AssertionError,)) == "ec,base"


def test_a_run_is_no_place_for_the_gallery_of_several_and_none_is_named_twice(tmp_path):
    folders = write_arms(tmp_path)
    with pytest.raises(ArmError, match="mirror-ec is a counseling run; give the gallery of several runs another"):
        write_shared_gallery(folders, folders[0])
    with pytest.raises(ArmError, match="a run is named twice"):
        write_shared_gallery([*folders, folders[0]], tmp_path / "compared")
    assert not (folders[0] / "gallery.html").exists() and not (tmp_path / "compared").exists()
