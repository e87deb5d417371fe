"""A message as OpenAI's format has it, and what is read of a response in any of its forms."""

import base64
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mirror.chat.messages import Message
from mirror.chat.wire import ChatResponse, ResponseMessage, Usage, as_sent

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "value"]), inner),
    max_leaves=8,
)


def test_words_alone_are_sent_as_a_text():
    assert as_sent(Message("assistant", "Go on.")) == {"role": "assistant", "content": "Go on."}


def test_a_picture_is_sent_as_a_png_in_rgb_before_the_words():
    sent = as_sent(Message("user", "Who?", (Image.new("RGBA", (3, 2), (9, 8, 7, 0)),)))
    picture, words = sent["content"]
    assert words == {"type": "text", "text": "Who?"}
    data = base64.b64decode(picture["image_url"]["url"].removeprefix("data:image/png;base64,"), validate=True)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode, image.size, image.getpixel((0, 0))) == ("PNG", "RGB", (3, 2), (9, 8, 7))
    json.dumps(sent)


@pytest.mark.parametrize(
    ("content", "text", "refusal"),
    [
        ("Yes.", "Yes.", ""),
        (None, "", ""),
        ([{"type": "thinking", "text": "hm"}, {"type": "text", "text": "Yes."}], "Yes.", ""),
        ([{"text": "no type"}, {"type": None, "text": " at all"}], "no type at all", ""),
        ([{"type": "output_text", "text": {"value": "Yes."}}, 7, None], "Yes.", ""),
        ([{"type": "text", "text": 7}, {"type": "refusal", "refusal": "No."}], "", "No."),
        ({"type": "refusal", "refusal": "No."}, "", "No."),
    ],
)
def test_only_parts_of_text_belong_to_the_answer(content, text, refusal):
    message = ResponseMessage(content=content)
    assert (message.text, message.refusal_text) == (text, refusal)


def test_a_refusal_of_its_own_comes_before_one_among_the_parts():
    message = ResponseMessage(refusal="Never.", content=[{"type": "refusal", "refusal": "No."}])
    assert message.refusal_text == "Never."


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"reasoning": ""}, False),
        ({"reasoning_content": "hm"}, True),
        ({"reasoning": {"text": "hm"}}, True),
        ({"content": [{"type": "redacted_thinking", "data": "x"}]}, True),
        ({"content": [{"type": "text", "text": "thinking"}]}, False),
        ({"content": [{"type": ["thinking"]}, {"type": {}}]}, False),
    ],
)
def test_reasoning_apart_from_the_text_is_seen(fields, expected):
    assert ResponseMessage(**fields).has_reasoning is expected


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, max_size=3) | st.dictionaries(st.sampled_from(["type", "text"]), VALUES))
def test_a_content_of_any_form_gives_a_text(content):
    message = ResponseMessage(content=content)
    assert isinstance(message.text, str) and message.refusal_text == "" and message.has_reasoning in (True, False)


@pytest.mark.parametrize(
    ("found", "count"),
    [(0, 0), (7, 7), (10**9, 10**9), (10**9 + 1, None), (-1, None), (True, None), (7.5, None), ("7", None)],
)
def test_a_count_is_a_whole_number_of_tokens_or_unknown(found, count):
    assert Usage(prompt_tokens=found).prompt_tokens == count
    assert Usage(completion_tokens=found).completion_tokens == count


@pytest.mark.parametrize("usage", [None, [], "7", 7])
def test_a_usage_that_is_none_is_left_out_and_spoils_no_answer(usage):
    body = {"choices": [{"message": {"content": "Yes."}}], "usage": usage, "of_tomorrow": 1}
    answer = ChatResponse.model_validate(body)
    assert answer.usage is None and answer.model is None
    assert answer.choices[0].message.text == "Yes." and answer.choices[0].finish_reason is None


def test_what_has_no_choices_is_no_response():
    with pytest.raises(ValueError, match="choices"):
        ChatResponse.model_validate({"text": "Yes."})


def test_a_picture_may_stand_inside_the_words_which_stay_as_they_are():
    sent = as_sent(Message("user", " Look: \n who? ", (Image.new("RGB", (3, 2)),), images_at=7))
    texts = [part.get("text") for part in sent["content"]]
    assert texts == [" Look: ", None, "\n who? "] and sent["content"][1]["type"] == "image_url"
