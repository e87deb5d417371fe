import pytest

from mirror.exploration.chat import Chat
from tests.scripted_casts import scripted_exploration


@pytest.fixture(autouse=True)
def _results(tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path / "output"))


@pytest.fixture
def exploration(tmp_path):
    return scripted_exploration(tmp_path)


@pytest.fixture
def pair(tmp_path):
    """Two counselors."""
    return scripted_exploration(tmp_path, compare=True)


@pytest.fixture
def chat(exploration):
    return Chat(exploration)
