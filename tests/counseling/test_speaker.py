"""Models that speak as the counselor: what LLaVA reports of its answers, and what an endpoint is sent."""

import pytest
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint
from mirror.counseling.speaker import ChatSpeaker, LlavaSpeaker
from mirror.models.llava_chat import tokenize_prompt
from tests.openai_server import OpenAIServer

PROMPT = "<image>\nHow does this client feel?"
FACE = Image.new("RGB", (20, 30), "tan")


def positions(llava, prompt):
    return len(tokenize_prompt(llava.tokenizer, prompt, llava.image_token_id, llava.image_tokens))


def test_an_answer_of_llava_is_counted_and_says_why_it_ended(llava):
    speaker = LlavaSpeaker(llava, max_tokens=5, facts={"checkpoint": "c"})
    (limited,) = speaker.answer([PROMPT], [FACE], [1], max_tokens=2)
    assert (limited.completion_tokens, limited.finish_reason, limited.model) == (2, "length", llava.source)
    assert limited.prompt_tokens == positions(llava, PROMPT)
    assert speaker.facts() == {
        "model": llava.source,
        "revision": llava.revision,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 5,
        "checkpoint": "c",
    }


def test_llavas_answers_come_in_the_order_of_their_prompts_however_many_are_answered_at_a_time(llava):
    prompts = [f"<image>\n{words}" for words in ("One.", "And two of them.", "Three?")]
    one, all_ = (
        LlavaSpeaker(llava, max_tokens=3, batch_size=size).answer(prompts, [FACE] * 3, [1, 2, 3]) for size in (1, 3)
    )
    assert one == all_ and [answer.prompt_tokens for answer in one] == [positions(llava, prompt) for prompt in prompts]


def test_a_prompt_fits_where_the_longest_answer_fits_behind_it(llava):
    room = llava.model.config.text_config.max_position_embeddings - positions(llava, PROMPT)
    assert LlavaSpeaker(llava, max_tokens=room).fits(PROMPT)
    assert not LlavaSpeaker(llava, max_tokens=room + 1).fits(PROMPT)
    assert not LlavaSpeaker(llava, max_tokens=8, longest_answer=room + 1).fits(PROMPT)
    assert not LlavaSpeaker(llava, max_tokens=room + 1, longest_answer=8).fits(PROMPT)


@pytest.mark.parametrize("sees_face", [True, False])
def test_an_endpoint_gets_the_words_without_the_marker_and_the_face_where_it_sees(sees_face):
    with OpenAIServer() as server:
        model = ChatEndpoint("some-model", server.url, "key", retries=0, timeout=20.0)
        speaker = ChatSpeaker(model, sees_face)
        (answer,) = speaker.answer([PROMPT], [FACE], [7], max_tokens=3)
    content = server.requests[0].body["messages"][0]["content"]
    assert answer.text == "Yes." and server.requests[0].body["max_tokens"] == 3
    assert server.requests[0].words == "How does this client feel?"
    assert [part["type"] for part in content] == ["image_url", "text"] if sees_face else isinstance(content, str)
    assert speaker.facts() == {**model.facts(), "sees_face": sees_face}


def test_a_chat_models_room_is_counted_in_characters():
    speaker = ChatSpeaker(ChatEndpoint("m", "http://127.0.0.1:9/v1"), True, max_characters=10)
    assert speaker.fits("x" * 10) and not speaker.fits("x" * 11)
