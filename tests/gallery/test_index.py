"""The gallery of a large run: an index and pages that hold every session once, and lead to each other."""

import json
import re

import pytest

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery import write_gallery
from tests.browser import CHROMIUM, chromium, wait_for

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
    return re.findall('<template data-idx="([^"]+)">', page.read_text(encoding="utf-8"))


def test_pages_hold_every_session_once_in_order(run):
    index = write_gallery(run).read_text(encoding="utf-8")
    pages = sorted(run.glob("gallery/*.html"))
    assert [sessions(page) for page in pages] == [["1", "2"], ["3 b", "10"], ["11"]]
    assert re.findall('href="([^"]+)"', index) == [f"gallery/{page.name}" for page in pages]
    assert "<template" not in index and "5</dd>" in index
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


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium")
def test_an_address_and_the_search_lead_to_a_session(run, tmp_path):
    write_gallery(run)
    url = (run / "gallery.html").as_uri()
    with chromium(tmp_path) as page:
        page.open(url)
        page.evaluate("idx.value = 'nobody'; document.getElementById('search').requestSubmit()")
        assert page.evaluate("found.textContent") == "No session of client nobody."
        assert page.problems == []
        page.evaluate("idx.value = '3 b'; setTimeout(() => document.getElementById('search').requestSubmit())")
        heading = "location.pathname.endsWith('page-0002.html') && document.querySelector('main h2')?.textContent"
        assert wait_for(lambda: page.evaluate(heading), AssertionError) == "Client 3 b"
        assert page.requests == []
