"""What more than one test file needs."""

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "data/llava-tiny"


@pytest.fixture(scope="session")
def llava():
    """The real classes at pocket size: 16 image tokens, images of 56 pixels, a tokenizer that falls back to bytes."""
    from mirror.llava import load  # imports torch and transformers, which most test files do without

    return load(GOLDEN / "llava-v1.5-tiny")


@pytest.fixture
def output(tmp_path, monkeypatch):
    """The folder that results go to."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path / "output"))
    return tmp_path / "output"
