"""Which describer the command creates of its settings; that it serves is shown by tests/api/test_commands.py."""

import pytest

from api.description.__main__ import load
from api.description.app import DescriptionSettings
from mirror.faces.description import ChatDescriber, LexiconDescriber


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_lexicon_needs_nothing():
    assert isinstance(load(DescriptionSettings()), LexiconDescriber)


@pytest.mark.parametrize("describer", ["openai", "local"])
def test_a_chat_model_needs_a_name(describer):
    with pytest.raises(ValueError, match=f"the describer {describer} needs a model: --model, or DESCRIPTION_MODEL"):
        load(DescriptionSettings(describer=describer))


def test_an_endpoint_has_the_services_sampling_and_half_of_its_time():
    settings = DescriptionSettings(
        describer="openai", model="m", base_url="http://127.0.0.1:9/v1", temperature=0.2, top_p=0.5, max_tokens=77
    )
    describer = load(settings)
    assert isinstance(describer, ChatDescriber)
    assert (
        describer.model.facts().items()
        >= {
            "model": "m",
            "base_url": "http://127.0.0.1:9/v1",
            "temperature": 0.2,
            "top_p": 0.5,
            "max_tokens": 77,
        }.items()
    )


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(DescriptionSettings(describer="local", model="./nowhere"))
