"""The servers that settings name for a counselor: asked before a run, and refused if they read something else."""

import logging
import socket

import pytest

from mirror.counseling.casting import build_counselor
from mirror.paths import input_path
from tests.openai_server import OpenAIServer, Status
from tests.served import POCKET, folders, served_settings


def test_the_record_names_the_checkpoint_and_all_servers(place, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        urls = f"{server.url}, http://127.0.0.1:{free.getsockname()[1]}/v1"
        facts = build_counselor(served_settings(place, urls, untrained_url=server.url), "cpu", None).facts()
    of_model = facts["counselor"]
    assert of_model.items() >= {"model": "mirror", "base_url": urls, "checkpoint": place.merged, "epoch": 1.0}.items()
    assert of_model["untrained"].items() >= {"model": "base", "base_url": server.url}.items()
    assert (facts["answered_without_adapter"], facts["prompts_from"]) == (["planning"], "checkpoint")


def refusal(place, url, **changes):
    with pytest.raises(ValueError, match="counselor is served, and its server cannot be used: ") as error:
        build_counselor(served_settings(place, url, **changes), "cpu", None)
    return str(error.value)


def test_a_server_that_does_not_answer_is_refused_and_one_of_several_is_told_of(place, server, caplog, monkeypatch):
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        message = refusal(place, f"{dead}, {dead}/other", untrained_url=server.url)
        assert f"{dead}: model mirror cannot be reached" in message and f"{dead}/other: model" in message
        assert "Serve the merged folder under the name mirror" in message
        with caplog.at_level(logging.WARNING):
            build_counselor(served_settings(place, f"{dead},{server.url}", untrained_url=server.url), "cpu", None)
    assert f"one of the counselor's servers cannot be used now: {dead}" in caplog.text


def test_a_server_of_another_model_is_refused(place, server):
    server.default = Status(404, "The model `mirror` does not exist.")
    assert "check the model's name" in refusal(place, server.url)


TEMPLATES = {
    "another layout": (POCKET / "chat_template.jinja").read_text(),
    "a token before all": "<s>{VERBATIM}",
    "blanks removed": "{STRIPPED}",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_server_that_reads_something_else_is_refused_even_beside_one_that_does_not(place, models, server, template):
    verbatim = (input_path(place.merged) / "chat_template.jinja").read_text()
    forms = {"{VERBATIM}": verbatim}
    forms["{STRIPPED}"] = verbatim.replace("{{ part['text'] }}", "{{ part['text'] | trim }}")
    for name, text in forms.items():
        template = template.replace(name, text)
    with OpenAIServer(default=models.with_template(template)) as other:
        message = refusal(place, f"{server.url},{other.url}", untrained_url=server.url)
    assert "must serve the merged folder with the chat template in it" in message


def test_a_folder_with_another_chat_template_is_refused(tmp_path):
    place = folders(tmp_path, "base")
    (input_path(place.merged) / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    with pytest.raises(ValueError, match="chat_template.jinja is not the one that passes prompts on"):
        build_counselor(served_settings(place, "http://127.0.0.1:9/v1", cot="base", untrained_model=""), "cpu", None)
