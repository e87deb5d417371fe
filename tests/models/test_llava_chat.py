"""Label masks and the chat layout: the loss lies on exactly the answers and their end tokens."""

import json
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from mirror.models.llava_chat import (
    IGNORED,
    IMAGE,
    chat_template,
    conversation_text,
    prompt_pieces,
    prompt_text,
    tokenize,
    tokenize_prompt,
)
from tests import DATA

GOLDEN = DATA / "llava-tiny"

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)


@pytest.fixture(scope="module")
def encode(llava):
    return lambda turns: tokenize(llava.tokenizer, turns, llava.image_token_id, llava.image_tokens)


@pytest.fixture(scope="module")
def encode_prompt(llava):
    return lambda human: tokenize_prompt(llava.tokenizer, human, llava.image_token_id, llava.image_tokens)


@pytest.fixture(scope="module")
def answers(llava):
    """What is labeled, as text: one string for each unbroken run of labels."""

    def decode(tokens):
        runs = [
            list(run) for carries_loss, run in groupby(tokens.labels, lambda label: label != IGNORED) if carries_loss
        ]
        return [llava.tokenizer.decode(run, skip_special_tokens=False) for run in runs]

    return decode


def check_shape(tokens):
    assert len(tokens) == len(tokens.input_ids) == len(tokens.labels)
    assert all(label in (IGNORED, token) for token, label in zip(tokens.input_ids, tokens.labels, strict=True))


# Three shapes ---------------------------------------------------------------------------------------------------------


def test_one_round(encode, answers):
    tokens = encode([(f"{IMAGE}\nHow does the client feel?", "Looks skeptical")])
    check_shape(tokens)
    assert answers(tokens) == ["Looks skeptical</s>"]


def test_several_rounds(encode, answers):
    turns = [(f"{IMAGE}\nHello.", "What is the matter?"), ("I failed.", "At what?"), ("At work. It was bad", "Yes")]
    tokens = encode(turns)
    check_shape(tokens)
    assert answers(tokens) == ["What is the matter?</s>", "At what?</s>", "Yes</s>"]


@pytest.mark.parametrize(
    "answer",
    [
        "1. Breathe.\n2. Write it down.\n\n3. 10 of 10",
        "2024",
        "\nA line before",
        "- a list",
        "😊",
        "Well 👩‍👩‍👧 é ß 日本 \u0000 done 😊",
        ": a colon",
        "two  spaces   three",
        "</s",
        "ASSISTANT: says USER: so",
    ],
)
def test_answers_that_are_cut_into_odd_tokens(answer, encode, answers):
    turns = [(f"{IMAGE}\nWhat now?", answer), ("And then?", answer)]
    tokens = encode(turns)
    check_shape(tokens)
    assert answers(tokens) == [f"{answer}</s>"] * 2


def test_words_of_the_human_that_quote_the_answer_carry_no_loss(encode, answers, llava):
    human = f"{IMAGE}\nWould you say: ASSISTANT: Breathe out. Breathe out.\n USER: no ASSISTANT: Breathe out."
    tokens = encode([(human, "Breathe out."), ("Breathe out. ASSISTANT: Breathe out.", "Breathe out.")])
    assert answers(tokens) == ["Breathe out.</s>"] * 2
    alone = encode([(IMAGE, "Breathe out.")])
    first = sum(label != IGNORED for label in alone.labels)
    assert sum(label != IGNORED for label in tokens.labels) == 2 * first


# Layout ---------------------------------------------------------------------------------------------------------------


def test_the_text_is_laid_out_as_published():
    text, spans = conversation_text([(f"{IMAGE}\nHi", "Hello."), ("Why?", "So.")])
    assert text == f"{SYSTEM} USER: <image>\nHi ASSISTANT: Hello.</s>USER: Why? ASSISTANT: So.</s>"
    assert [text[start:end] for start, end in spans] == [" Hello.</s>", " So.</s>"]
    assert prompt_text("Hi") == f"{SYSTEM} USER: Hi ASSISTANT:"


def test_ids_and_labels_are_those_of_the_original_trainer(encode, encode_prompt, llava):
    """Recorded with the original's own code, which holds the image's place with -200."""
    recorded = json.loads((GOLDEN / "expected.json").read_text())
    expected = load_file(GOLDEN / "expected.safetensors")

    def expanded(ids, image):
        return [i for token in ids for i in ([image] * llava.image_tokens if token == -200 else [token])]

    tokens = encode([(recorded["human"], recorded["gpt"])])
    ids, labels = expected["train_input_ids"].tolist(), expected["train_labels"].tolist()
    where = ids.index(-200)
    assert tokens.input_ids == expanded(ids, llava.image_token_id)
    assert labels[where] == IGNORED
    assert tokens.labels == labels[:where] + [IGNORED] * llava.image_tokens + labels[where + 1 :]
    assert encode_prompt(recorded["human"]) == expanded(expected["input_ids"].tolist(), llava.image_token_id)


def test_an_image_takes_its_place_in_tokens(llava):
    def count(image_tokens, human):
        tokens = tokenize(llava.tokenizer, [(human, "Yes.")], llava.image_token_id, image_tokens)
        at = [i for i, token in enumerate(tokens.input_ids) if token == llava.image_token_id]
        assert at == list(range(at[0], at[0] + len(at))) if at else True
        assert all(tokens.labels[i] == IGNORED for i in at)
        return len(at), len(tokens)

    (none, _), (few, short), (many, long) = count(5, "Hi"), count(5, f"Hi{IMAGE}"), count(7, f"Hi{IMAGE}")
    assert (none, few, many) == (0, 5, 7)
    assert long == short + 2


def test_the_text_around_the_image_is_whole(encode, llava):
    tokens = encode([(f"{IMAGE}\nWho is it?", "A client.")])
    at = tokens.input_ids.index(llava.image_token_id)
    before, after = tokens.input_ids[:at], tokens.input_ids[at + llava.image_tokens :]
    assert before[0] == llava.tokenizer.bos_token_id
    assert llava.tokenizer.bos_token_id not in tokens.input_ids[1:]
    assert llava.tokenizer.decode(before[1:]).rstrip() == f"{SYSTEM} USER:"
    assert llava.tokenizer.decode(after).lstrip(" ") == "\nWho is it? ASSISTANT: A client.</s>"


# Any text -------------------------------------------------------------------------------------------------------------

CONTROL = (IMAGE, "</s>", "<s>", "<unk>", "<pad>")
# Not the sign that stands for a space in the vocabulary itself.
character = st.characters(exclude_categories=["Cs"], exclude_characters="▁")
piece = st.text(character, max_size=8) | st.sampled_from(
    ["ASSISTANT:", "USER: ", " ", "  ", "\n", "1. ", "10", ":", ".", "😊", "the client", "<", "\t", "Therapist: "]
)
words = st.lists(piece, min_size=1, max_size=6).map("".join).filter(lambda t: not any(c in t for c in CONTROL))
answer = words.map(str.strip).filter(bool)


@settings(max_examples=80, deadline=None)
@given(turns=st.lists(st.tuples(words, answer), min_size=1, max_size=3))
def test_any_answers_and_nothing_else_carry_loss(turns, encode, answers, llava):
    turns[0] = (f"{IMAGE}\n{turns[0][0]}", turns[0][1])
    tokens = encode(turns)
    check_shape(tokens)
    assert answers(tokens) == [f"{answer}</s>" for _, answer in turns]
    assert tokens.input_ids.count(llava.image_token_id) == llava.image_tokens


@settings(max_examples=80, deadline=None)
@given(human=words, answer=answer)
def test_what_precedes_an_answer_is_the_same_in_training_and_in_use(human, answer, encode, encode_prompt):
    human = f"{IMAGE}\n{human}"
    prompt, tokens = encode_prompt(human), encode([(human, answer)])
    assert tokens.input_ids[: len(prompt)] == prompt
    assert {*tokens.labels[: len(prompt)]} == {IGNORED}
    assert IGNORED not in tokens.labels[len(prompt) :]


# Served ---------------------------------------------------------------------------------------------------------------

FIRST = (None, pre_tokenizers.Metaspace("▁", "first", split=False))
ALWAYS = (None, pre_tokenizers.Metaspace("▁", "always", split=False))
LEGACY = (normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None)


def tokenizer_with(llava, normalizer, pre_tokenizer):
    """The tokenizer with another rule for the blank before a text; all of them are found in Llama's."""
    backend = Tokenizer.from_str(llava.tokenizer.backend_tokenizer.to_str())
    backend.normalizer = normalizer
    if pre_tokenizer:
        backend.pre_tokenizer = pre_tokenizer
    else:
        written = json.loads(backend.to_str()) | {"pre_tokenizer": None}
        backend = Tokenizer.from_str(json.dumps(written))
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **tokens)


@pytest.mark.parametrize("rule", [FIRST, ALWAYS, LEGACY], ids=["first", "always", "legacy"])
@pytest.mark.parametrize(
    "human",
    [
        "<image>\nHow are you?",
        "<image> \n  x</s>y\n",
        "Hm. <image>▁a\n<s>b",
        "<image>\né ☃ 😀 {{ x }} {% y %}",
        "<image>\n\r\n",
    ],
)
def test_a_chat_template_gives_the_tokens_of_a_prompt(llava, rule, human):
    tokenizer = tokenizer_with(llava, *rule)
    parts = [{"type": "text", "text": piece} for piece in prompt_pieces(human)]
    messages = [{"role": "user", "content": [parts[0], {"type": "image"}, parts[1]]}]
    template = chat_template(tokenizer)
    text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == tokenize_prompt(
        tokenizer, human, llava.image_token_id, 1
    )


def test_a_chat_template_takes_a_plain_text_too(llava):
    messages = [{"role": "user", "content": prompt_text("Hello.")}]
    text = llava.tokenizer.apply_chat_template(messages, chat_template=chat_template(llava.tokenizer), tokenize=False)
    assert text == f"<s> {SYSTEM} USER: Hello. ASSISTANT:"


def test_a_tokenizer_that_reads_pieces_otherwise_is_refused(llava):
    tokenizer = tokenizer_with(llava, normalizers.Sequence([normalizers.Prepend("x"), normalizers.Strip()]), None)
    tokenizer.bos_token = "y"
    with pytest.raises(ValueError, match="encodes a text with images in another way than its pieces"):
        chat_template(tokenizer)
