"""The galleries that the tests read."""

import pytest

from mirror.gallery import write_gallery, write_shared_gallery
from tests.galleries import forget, write_arms, write_four


@pytest.fixture(scope="package")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "run"
    write_four(folder)
    write_gallery(folder)
    return folder


@pytest.fixture(scope="package")
def shared(tmp_path_factory):
    """The gallery of two runs."""
    results = tmp_path_factory.mktemp("shared")
    return write_shared_gallery(write_arms(results), results / "compared")


@pytest.fixture
def opened(page, run):
    """The gallery of one run; what a test keeps in the browser is cleared after it."""
    yield from reading(page, run / "gallery.html")


@pytest.fixture
def beside(page, shared):
    """The gallery of two runs."""
    yield from reading(page, shared)


def reading(page, path):
    page.open(path.as_uri())
    yield page
    assert page.problems == [] and page.requests == []
    assert page.evaluate("document.title").endswith("sessions")
    forget(page)
