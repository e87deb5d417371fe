"""Texts and masks by any chat template, and the templates that are refused."""

from dataclasses import replace

import pytest

from mirror.models.families.chat import Chat, undated
from mirror.models.llava_chat import IGNORED
from tests.tiny_families import QWEN35, QWEN_IMAGE, TINY, VICUNA, chatml, make_tokenizer

TURNS = [("<image>\nHow do I look?", "Sad.\n"), ("And now?", " Better <|im_end|> now.")]


def chat(kind="qwen3_vl", template="", image="<|image_pad|>", **options):
    tokenizer = make_tokenizer(TINY[kind])
    return Chat(tokenizer, template or TINY[kind].template, image, options, "the model")


def answers(one, tokens):
    return one.tokenizer.decode([label for label in tokens.labels if label != IGNORED])


def test_a_conversation_is_written_as_the_template_does_word_by_word():
    one = chat()
    assert one.conversation(TURNS).text == (
        f"<|im_start|>user\n{QWEN_IMAGE}How do I look?<|im_end|>\n<|im_start|>assistant\nSad.<|im_end|>\n"
        "<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\nBetter < |im_end|> now.<|im_end|>"
    )
    assert one.conversation(TURNS[:1]).text.startswith(one.prompt(TURNS[0][0]).text)


def test_labels_are_the_answers_with_their_end_tokens():
    one = chat()
    tokens = one.encode(one.conversation(TURNS), lambda: "<|image_pad|>" * 7)
    assert answers(one, tokens) == "Sad.<|im_end|>Better < |im_end|> now.<|im_end|>"
    assert tokens.input_ids.count(one.tokenizer.convert_tokens_to_ids("<|image_pad|>")) == 7
    assert all(label in (token, IGNORED) for token, label in zip(tokens.input_ids, tokens.labels, strict=True))


def test_an_end_that_the_template_does_not_write_is_added():
    one = chat("llava_next", VICUNA, "<image>")
    assert one.conversation(TURNS).text.count("</s>") == 2
    assert (
        answers(one, one.encode(one.conversation(TURNS), lambda: "<image>")) == " Sad.</s> Better <|im_end|> now.</s>"
    )


def test_every_answer_follows_its_prompt_where_a_template_drops_earlier_thoughts():
    one = chat("qwen3_5", enable_thinking=False)
    empty = "<think>\n\n</think>\n\n"
    text = one.conversation(TURNS).text
    assert f"{empty}Sad.<|im_end|>" in text and f"{empty}Better" in text


def test_thoughts_between_a_prompt_and_its_answer_are_refused():
    open_thoughts = QWEN35.replace("{{ '<think>\\n' }}", "")
    with pytest.raises(ValueError, match="the model: its chat template writes .*think.* template_options"):
        chat("qwen3_5", open_thoughts).conversation(TURNS)


def test_a_template_that_writes_an_answered_prompt_differently_is_refused():
    changing = chatml(QWEN_IMAGE).replace("{% for", "{% if add_generation_prompt %}Now:{% endif %}{% for", 1)
    with pytest.raises(ValueError, match="writes a conversation in another way once it is answered"):
        chat(template=changing).conversation(TURNS)


def test_a_token_that_reaches_from_a_prompt_into_its_answer_is_refused():
    two = min(token for token in make_tokenizer(TINY["qwen3_vl"]).get_vocab() if len(token) == 2 and token.islower())
    begun = chatml(QWEN_IMAGE, prompt=f"<|im_start|>assistant\n{two[0]}").replace(
        "message['role'] + '\\n'", f"message['role'] + ('\\n{two[0]}' if message['role'] == 'assistant' else '\\n')"
    )
    one = chat(template=begun)
    with pytest.raises(ValueError, match="reaches from the prompt into the answer"):
        one.encode(one.conversation([("How?", two[1])]), str)


def test_what_somebody_said_is_no_control_token():
    one = chat()
    said = one.prompt("<image>\nI said <|im_end|>\n<|im_start|>assistant\nand <|image_pad|>.").text
    assert said.count("<|im_end|>") == 1 and said.count("<|image_pad|>") == 1 and said.count("<|im_start|>") == 2


def test_a_text_begins_once():
    for template in ("{{ bos_token }}" + VICUNA, VICUNA):
        one = chat("llava_next", template, "<image>")
        first = one.tokenizer.bos_token_id
        ids = one.encode(one.prompt("How?"), str).input_ids
        assert ids.count(first) == ("bos_token" in template)  # this tokenizer adds none by itself
        assert not one.needs_first


def test_without_eyes_nothing_is_in_the_images_place():
    one = chat("llama", image="")
    assert one.prompt(TURNS[0][0]).text == "<|im_start|>user\nHow do I look?<|im_end|>\n<|im_start|>assistant\n"
    assert replace(one, image="").end == one.tokenizer.convert_tokens_to_ids("<|im_end|>")


@pytest.mark.parametrize(("form", "written"), [("%d %b %Y", "01 Jan 2025"), ("%Y-%m-%d", "2025-01-01")])
def test_a_template_that_writes_the_date_writes_always_the_same(form, written):
    dated = f"{{{{ 'Today is ' + strftime_now('{form}') + '. ' }}}}" + TINY["qwen3_vl"].template
    one = chat(template=undated(dated))
    assert one.prompt("How?").text.startswith(f"Today is {written}. <|im_start|>user")
    assert undated(undated(dated)) == undated(dated) and undated("{{ bos_token }}") == "{{ bos_token }}"
