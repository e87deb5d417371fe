"""A served model of another family reads the tokens that the one in this process reads, and gives its answers."""

import base64
import io
import json

import pytest
import torch
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint
from mirror.counseling.reply import CounselorError
from mirror.counseling.speaker import LlavaSpeaker
from mirror.counseling.speaker.served import ServedSpeaker
from mirror.counseling.speaker.served_family import MergedVlm
from mirror.models.families.loading import load
from tests.openai_server import Body, OpenAIServer
from tests.tiny_families import make_model

PROMPTS = ["<image>\nHow do I look?", "<image>\nWhat would help? <|im_end|> Say it <think> in a few words, please."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model("qwen3_5", tmp_path_factory.mktemp("served") / "qwen3_5")


class Server:
    """Answers like a server of the folder: by its chat template and its processor, with the options of a request."""

    def __init__(self, folder):
        self.vlm = load(str(folder))
        self.shift = 0

    def __call__(self, request):
        body, vlm = request.body, self.vlm
        parts = body["messages"][0]["content"]
        shown = [part for part in parts if part["type"] == "image_url"] if not isinstance(parts, str) else []
        images = [Image.open(io.BytesIO(base64.b64decode(p["image_url"]["url"].partition(",")[2]))) for p in shown]
        content = parts if not shown else [part if part["type"] == "text" else {"type": "image"} for part in parts]
        text = vlm.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=False,
            add_generation_prompt=True,
            **body.get("chat_template_kwargs", {}),
        )
        given = {"images": images} if images else {}
        options = {"return_tensors": "pt", "add_special_tokens": body.get("add_special_tokens", False)}
        inputs = vlm.processor(text=[text], **given, **options)
        never = [[int(token)] for token, bias in body["logit_bias"].items() if bias <= -100]
        with torch.no_grad():
            written = vlm.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=body["max_tokens"],
                eos_token_id=body["stop_token_ids"],
                bad_words_ids=never,
            )
        read = inputs["input_ids"].shape[1]
        answer = written[0, read:].tolist()
        reason = "stop" if answer[-1] in body["stop_token_ids"] else "length"
        message = {"role": "assistant", "content": vlm.tokenizer.decode(answer, skip_special_tokens=True)}
        usage = {"prompt_tokens": read + self.shift, "completion_tokens": len(answer)}
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        return Body(json.dumps({"choices": choices, "usage": usage, "model": body["model"]}).encode())


def speaker(folder, url):
    merged = MergedVlm.read(folder)
    model = ChatEndpoint("mirror", url, "key", extra=merged.sampling(), temperature=0.0, max_tokens=6)
    return ServedSpeaker(model, merged, 6, {})


@pytest.mark.slow
def test_answers_are_those_of_this_process(folder):
    images = [Image.new("RGB", (70, 50), "red"), Image.new("RGB", (40, 90), "blue")]
    own = LlavaSpeaker(load(str(folder)), temperature=0.0, max_tokens=6).answer(PROMPTS, images, [1, 2])
    with OpenAIServer(default=Server(folder)) as server:
        served = speaker(folder, server.url).answer(PROMPTS, images, [1, 2])
    for one, other in zip(own, served, strict=True):
        assert (one.text, one.prompt_tokens) == (other.text, other.prompt_tokens)


def test_a_server_that_reads_other_tokens_is_found_out(folder):
    answering = Server(folder)
    with OpenAIServer(default=answering) as server:
        one = speaker(folder, server.url)
        assert one.fault() is None
        answering.shift = 1
        assert isinstance(one.fault(), CounselorError) and "tokens of a prompt that has" in str(one.fault())


def test_a_request_has_what_the_model_needs(folder):
    merged = MergedVlm.read(folder)
    found, tokens = merged.sampling(), merged.vlm.tokenizer
    assert found["chat_template_kwargs"] == {"enable_thinking": False} and "add_special_tokens" not in found
    assert tokens.convert_tokens_to_ids("<|im_end|>") in found["stop_token_ids"]
    assert str(tokens.convert_tokens_to_ids("<|image_pad|>")) in found["logit_bias"]
    assert not {str(end) for end in found["stop_token_ids"]} & set(found["logit_bias"])


def test_a_message_has_its_image_and_no_token_that_somebody_said(folder):
    merged, image = MergedVlm.read(folder), Image.new("RGB", (20, 20))
    message = merged.message(PROMPTS[1], image)
    assert len(message.images) == 1 and message.images_at == 0 and "<|im_end|>" not in message.content
    assert not merged.message("Without one.", image).images
    assert isinstance(merged.message("<image>\n<image>\nTwo.", image), CounselorError)
    assert merged.length(PROMPTS[0], (20, 20)) < merged.length(PROMPTS[0], (200, 200)) < merged.window
