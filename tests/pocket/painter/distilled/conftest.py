"""Fewer prompts than a training has."""

import pytest

from pocket.texts.wordings import descriptions_of


@pytest.fixture
def few_prompts(monkeypatch):
    """Two wordings of each expression: all of them are encoded before a training begins."""
    monkeypatch.setattr("pocket.painter.prompts.descriptions_of", lambda name: descriptions_of(name)[:2])
