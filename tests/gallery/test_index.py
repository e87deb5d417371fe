"""The gallery of many sessions: an index and pages that hold every session once, and lead to each other."""

import json
import re

import pytest

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import write_gallery, write_shared_gallery
from mirror.transcripts.arm import ArmError
from tests.axe import findings
from tests.browser import wait_for
from tests.galleries import texts, write_arms

CLIENTS = ["1", "2", "3 b", "10", "11"]


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr("mirror.gallery.index.MOST", 4)
    monkeypatch.setattr("mirror.gallery.index.OF_A_PAGE", 2)


@pytest.fixture
def run(tmp_path, small_pages):
    write_run(tmp_path / "run", CLIENTS, 2, 5)
    return tmp_path / "run"


def sessions(page):
    data = re.search('id="data">(.*?)</script>', page.read_text(encoding="utf-8"))[1]
    return [one["idx"] for one in json.loads(data)["sessions"]]


def test_pages_hold_every_session_once_in_order(run):
    index = write_gallery(run).read_text(encoding="utf-8")
    pages = sorted(run.glob("gallery/*.html"))
    assert [sessions(page) for page in pages] == [["1", "2"], ["3 b", "10"], ["11"]]
    assert re.findall('href="([^"#]+)"', index) == [f"gallery/{page.name}" for page in pages]
    assert "texts-0" not in index and "5</dd>" in index
    named = [json.loads(text.replace("&#34;", '"')) for text in re.findall('data-clients="([^"]+)"', index)]
    assert sum(named, []) == CLIENTS
    assert "sessions 3 to 4" in pages[1].read_text() and 'href="../gallery.html"' in pages[1].read_text()


def test_a_run_that_fits_into_one_page_has_no_others_and_no_way_to_an_index(tmp_path, small_pages):
    write_run(tmp_path / "run", CLIENTS[:4], 2, 5)
    page = write_gallery(tmp_path / "run")
    assert sessions(page) == CLIENTS[:4] and not (tmp_path / "run/gallery").exists()
    assert "all sessions</a> ·" not in page.read_text()


def test_pages_that_are_no_longer_needed_are_removed(run, monkeypatch):
    write_gallery(run)
    monkeypatch.setattr("mirror.gallery.index.OF_A_PAGE", 3)
    write_gallery(run)
    assert len(list(run.glob("gallery/*.html"))) == 2
    monkeypatch.setattr("mirror.gallery.index.MOST", 9)
    assert sessions(write_gallery(run)) == CLIENTS and not list(run.glob("gallery/*.html"))


def test_an_address_and_the_search_lead_to_a_session(run, page):
    url = write_gallery(run).as_uri()
    page.open(url)
    assert findings(page) == []
    page.press("Tab", "Enter")
    assert page.evaluate("document.activeElement.id") == "pages"
    page.evaluate("idx.value = 'nobody'; document.getElementById('search').requestSubmit()")
    assert page.evaluate("found.textContent") == "No session of client nobody."
    assert page.problems == []
    page.evaluate("idx.value = '3 b'; setTimeout(() => document.getElementById('search').requestSubmit())")
    heading = "location.pathname.endsWith('page-0002.html') && document.querySelector('main h2')?.textContent"
    assert wait_for(lambda: page.evaluate(heading), (AssertionError,)) == "Client 3 b"
    assert page.requests == []


def test_a_damaged_index_is_said(run, page):
    path = write_gallery(run)
    text = path.read_text().replace("[&#34;1&#34;", "[&#34;1", 1)
    path.write_text(text)
    page.open(path.as_uri())
    assert texts(page, "#found") == [
        "The clients of sessions 1 to 2 cannot be read: this index is damaged; write it again."
    ]
    assert page.problems == []


# Several runs ---------------------------------------------------------------------------------------------------------


def test_an_index_of_several_runs_keeps_a_client_on_one_page_and_leads_to_two_side_by_side(tmp_path, small_pages, page):
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
