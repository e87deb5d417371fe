"""A served counselor reads the tokens that the one in this process reads, and gives its replies."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.parameters import fold_seed
from mirror.counseling.casting import build_counselor
from mirror.counseling.reply import CounselorError, CounselorRequest
from mirror.counseling.speaker.served import MergedModel, ServedSpeaker
from mirror.models.checkpoint import read_prompts
from mirror.models.llava import load, unused_tokens
from mirror.models.llava_chat import tokenize_prompt
from mirror.paths import input_path
from mirror.prompts import Utterance
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.turn import Conversation, Turn
from tests.openai_server import OpenAIServer, Text
from tests.served import (
    POCKET,
    ServedLlava,
    folders,
    hard_prompts,
    read_by_transformers,
    read_by_vllm,
    received,
    served_settings,
)

PORTRAIT = Image.fromarray(np.random.default_rng(0).integers(0, 256, (130, 97, 3), np.uint8))


@pytest.fixture(scope="module")
def llava():
    return load(str(POCKET))


def in_process(place, **changes):
    own = {"counselor": "llava", "checkpoint": place.checkpoint, "counselor_model": "", "untrained_model": ""}
    return build_counselor(served_settings(place, "", **changes | own), "cpu", torch.float32)


def speaker(place, url="http://127.0.0.1:9/v1"):
    merged = MergedModel.read(input_path(place.merged))
    return ServedSpeaker(ChatEndpoint("mirror", url, "key", extra=merged.sampling()), merged, 12, {})


def requests(turns=3, cue="", window=()):
    """What three clients of the table say in a turn."""
    found = []
    for profile in read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:3]:
        said = [
            Turn(number=n, cue="", words=f"It is {n}.", client_raw="", reply=f"Go on, {n}.") for n in range(1, turns)
        ]
        conversation = Conversation(profile, (*said, *window), 7)
        found.append(CounselorRequest(conversation, Utterance("frowns", "I can’t </s> sleep."), PORTRAIT, cue))
    return found


# Tokens and pixels ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(place):
    """The speaker of the merged folder, and the processor that a server makes of it."""
    return speaker(place), AutoProcessor.from_pretrained(place.merged)


@pytest.mark.slow
def test_a_server_reads_the_same_tokens(place, llava, reader):
    """With transformers' own processor of the merged folder; `python -m tests.served_replies` takes more prompts."""
    served, processor = reader
    for prompt in hard_prompts(read_prompts(input_path(place.merged)), 20):
        body = served.model.body([served.message(prompt, PORTRAIT)], 1)
        wanted = tokenize_prompt(llava.tokenizer, prompt, llava.image_token_id, llava.image_tokens)
        assert read_by_transformers(processor, body) == wanted, prompt
        assert read_by_vllm(processor, body, llava) == wanted, prompt
        assert served.merged.length(prompt) == len(wanted)


@pytest.mark.parametrize("size", [(97, 130), (96, 96), (300, 200), (8, 9)])
def test_a_server_sees_the_same_pixels(llava, reader, size):
    image = PORTRAIT.resize(size)
    served, processor = reader
    body = served.model.body([served.message("<image>\nWho?", image)], 1)
    read = processor.apply_chat_template(received(body), tokenize=True, return_dict=True, return_tensors="pt")
    assert torch.equal(read["pixel_values"], llava.pixel_values([image]))


@pytest.mark.parametrize("prompt", ["No picture.", "<image>\nAnd <image>?"])
def test_a_prompt_without_its_one_image_is_not_sent(place, prompt):
    served = speaker(place)
    (error,) = served.answer([prompt], [PORTRAIT], [1])
    assert isinstance(error, CounselorError) and "must hold <image> once" in str(error)


def test_a_prompt_fits_where_it_does_in_this_process(place, llava):
    served = speaker(place)
    room = llava.model.config.text_config.max_position_embeddings - served.merged.length("<image>\nHm.")
    served.longest_answer = room
    assert served.fits("<image>\nHm.")
    served.longest_answer = room + 1
    assert not served.fits("<image>\nHm.")


# Replies --------------------------------------------------------------------------------------------------------------

PLANNED = Turn(
    number=9, cue="", words="Yes.", client_raw="", reply="Hm.", technique="Pie Chart", plan=("Ask.", "Draw."),
    plan_text="1. Ask.\n2. Draw.",
)  # fmt: skip
CASES = {
    "a first turn": {"turns": 1},
    "a plan, and more than the window": {"turns": 12, "window": (PLANNED,)},
    "a cue in place of the face": {"turns": 2, "cue": "looks away"},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_replies_are_those_of_this_process(place, server, case):
    """Captions, plans by the base model, and replies, with all that is recorded of them."""
    same_reply(place, server.url, requests(**case)[0])
    assert {request.body["model"] for request in server.requests} == {"mirror", "base"}


@pytest.mark.slow
def test_a_checkpoint_that_was_trained_on_all_its_prompts_needs_no_other_model(tmp_path):
    place = folders(tmp_path, "base")
    with OpenAIServer(default=ServedLlava(mirror=place.merged)) as server:
        same_reply(place, server.url, requests()[0], cot="base", untrained_model="")


def same_reply(place, url, request, **changes):
    served = build_counselor(served_settings(place, url, **changes), "cpu", None)
    (found,), (wanted,) = served.reply([request]), in_process(place, **changes).reply([request])
    assert found == wanted and wanted.words and wanted.prompt_tokens


def test_requests_carry_sampling_seed_stop_tokens_and_what_no_answer_may_hold(place, server, llava):
    sampling = {"temperature": 0.3, "top_p": 0.8, "max_new_tokens": 9}
    counselor = build_counselor(served_settings(place, server.url, **sampling), "cpu", None)
    server.requests.clear()
    (asked, *_) = requests()
    counselor.reply([asked])
    caption, *_, response = (request.body for request in server.requests)
    assert caption["seed"] == fold_seed(asked.attempt_seed("emotion_recognition", 1))
    assert response["seed"] in [fold_seed(asked.attempt_seed("response", attempt)) for attempt in (1, 2)]
    assert caption.items() >= {"temperature": 0.3, "top_p": 0.8, "max_tokens": 9, "stop_token_ids": [2]}.items()
    unused = unused_tokens(llava.model.config, llava.tokenizer)
    assert caption["logit_bias"] == {str(token): -100.0 for token in unused} and len(unused) == 64
    plans = [request.body for request in server.requests if request.body["model"] == "base"]
    assert {body["max_tokens"] for body in plans} == {10}


def test_a_server_that_changes_during_a_run_is_found_out(place, server):
    counselor = build_counselor(served_settings(place, server.url), "cpu", None)
    server.default = Text("Welcome.")  # counts words, not tokens
    (error,) = counselor.reply(requests()[:1])
    assert isinstance(error, CounselorError) and "tokens of a prompt that has" in str(error)
