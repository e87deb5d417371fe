"""Local chat models: a real model and tokenizer at pocket size."""

import copy
import dataclasses
import json

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from mirror.chat.endpoint import is_worth_another
from mirror.chat.local import LanguageModel, PromptTooLong
from mirror.chat.messages import Message, NoAnswer
from mirror.paths import repository_root

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A chat model with random weights, and with sampling of its own in its folder."""
    folder = tmp_path_factory.mktemp("chat")
    tokenizer = AutoTokenizer.from_pretrained(repository_root() / "pocket/models/llava-v1.5-pocket")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=200,
        initializer_range=0.3,
        eos_token_id=[2, 700],
        bos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    own = {"do_sample": True, "temperature": 9.0, "repetition_penalty": 7.0, "max_length": 3}
    (folder / "generation_config.json").write_text(json.dumps(own | {"eos_token_id": [2, *range(700, 760)]}))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return LanguageModel.load(str(folder), device="cpu", temperature=1.0, top_p=0.95, max_tokens=30)


CONVERSATIONS = [
    [Message("user", "How does the client look?")],
    [Message("system", "Be brief."), Message("user", "Why?")],
    [Message("user", "Hi.")],
    [Message("user", "I don't know what to say any more. " * 4)],
    [Message("user", "And now?"), Message("assistant", "Sad."), Message("user", "And then?")],
]
SEEDS = [1, 2, 3, 4, 2**63 - 1]


def test_an_answer_is_the_same_alone_and_in_a_batch(model):
    together = model.complete(CONVERSATIONS, SEEDS)
    alone = [model.complete([c], [s])[0] for c, s in zip(CONVERSATIONS, SEEDS, strict=True)]
    assert together == alone
    assert len({answer.completion_tokens for answer in together}) > 1
    assert model.complete(CONVERSATIONS, [seed - 1 for seed in SEEDS]) != together


def test_an_answer_says_what_it_took_and_why_it_ended(model):
    answers = model.complete(CONVERSATIONS * 4, range(20))
    assert {answer.finish_reason for answer in answers} == {"stop", "length"}
    for answer in answers:
        assert answer.model == model.name
        assert (answer.completion_tokens == 30) == (answer.finish_reason == "length")
        assert "</s>" not in answer.text and answer.text == answer.text.strip()
    expected = len(model.tokenizer("<s>user: Hi.\nassistant:", add_special_tokens=False)["input_ids"])
    assert answers[2].prompt_tokens == expected


def test_one_call_can_have_a_limit_of_its_own(model):
    short, full = (model.complete(CONVERSATIONS * 4, range(20), max_tokens=limit) for limit in (5, None))
    assert max(answer.completion_tokens for answer in short) == 5
    assert max(answer.completion_tokens for answer in full) == 30
    assert isinstance(model.complete([CONVERSATIONS[0]], [1], max_tokens=200)[0], PromptTooLong)


def test_the_template_alone_writes_the_beginning(model):
    ids = model._ids(model._text(CONVERSATIONS[2]))
    assert ids.count(model.tokenizer.bos_token_id) == 1 and ids[0] == model.tokenizer.bos_token_id


def test_what_the_folder_says_of_sampling_changes_nothing(folder):
    model = LanguageModel.load(str(folder), device="cpu", temperature=0.0, max_tokens=12)
    answer = model.complete([CONVERSATIONS[0]], [0])[0]
    ids = torch.tensor([model._ids(model._text(CONVERSATIONS[0]))])
    for _ in range(answer.completion_tokens):
        with torch.inference_mode():
            ids = torch.cat([ids, model.model(ids).logits[:, -1:].argmax(-1)], dim=1)
    assert model.tokenizer.decode(ids[0, -answer.completion_tokens :], skip_special_tokens=True).strip() == answer.text


def test_a_conversation_without_room_is_an_error_in_its_place(model):
    long = [Message("user", "word " * 300)]
    first, second, third = model.complete([CONVERSATIONS[0], long, CONVERSATIONS[2]], [1, 2, 3])
    assert isinstance(second, PromptTooLong) and "200" in str(second) and "shorten the dialogue" in str(second)
    assert [first, third] == model.complete([CONVERSATIONS[0], CONVERSATIONS[2]], [1, 3])
    assert isinstance(model.complete([long], [1])[0], PromptTooLong)
    assert model.complete([], []) == []


def test_images_are_refused(model):
    with pytest.raises(ValueError, match="needs a vision model"):
        model.complete([[Message("user", "Look.", (Image.new("RGB", (4, 4)),))]], [1])


def test_the_facts_name_model_and_sampling(model, folder):
    assert model.facts() == {
        "model": str(folder),
        "revision": "",
        "device": "cpu",
        "dtype": "float32",
        "temperature": 1.0,
        "top_p": 0.95,
        "max_tokens": 30,
    }


def test_a_model_that_does_not_chat_is_refused(folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ValueError, match="has no chat template, so it is no chat model; use a chat-tuned"):
        LanguageModel.load(str(tmp_path))


@pytest.mark.slow
def test_a_vision_model_is_refused():
    name = str(repository_root() / "pocket/models/llava-v1.5-pocket")
    with pytest.raises(ValueError, match="llava-v1.5-pocket is no causal language model: "):
        LanguageModel.load(name, device="cpu")


def test_a_missing_folder_is_named():
    with pytest.raises(FileNotFoundError, match="/nowhere/chat"):
        LanguageModel.load("/nowhere/chat")


# Reasoning ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def speaks(model, monkeypatch):
    """The model, with the text of its answer given: what its weights would have to be taught otherwise."""

    def say(text, special=(), ended=True, prompt=""):
        tokenizer = copy.deepcopy(model.tokenizer)
        tokenizer.add_tokens(list(special), special_tokens=True)
        tokenizer.chat_template = TEMPLATE + prompt
        ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [2] * ended
        monkeypatch.setattr(LanguageModel, "_generate", lambda self, prompts, seeds, limit: [ids] * len(prompts))
        return dataclasses.replace(model, tokenizer=tokenizer, max_tokens_setting="describer_max_tokens")

    return say


@pytest.mark.parametrize("special", [(), ("<think>", "</think>")], ids=["words", "special tokens"])
def test_reasoning_is_no_answer(special, speaks):
    model = speaks("<think>\nShe is sad.\n</think>\n\nA tense jaw.", special)
    (answer,) = model.complete([CONVERSATIONS[0]], [1])
    assert answer.text == "A tense jaw." and answer.completion_tokens > 5
    model = speaks("She is sad.\n</think>\n\nA tense jaw.", special, prompt="<think>\n")
    assert model.complete([CONVERSATIONS[0]], [1])[0].text == "A tense jaw."


def test_channels_are_read_though_their_marks_are_special_tokens(speaks):
    marks = ("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>")
    text = "<|channel|>analysis<|message|>Sad.<|end|><|start|>assistant<|channel|>final<|message|>A tense jaw."
    assert speaks(text, marks).complete([CONVERSATIONS[0]], [1])[0].text == "A tense jaw."


@pytest.mark.parametrize(
    "text, prompt", [("<think>\nShe is", ""), ("She is", "<think>\n"), ("<think>Sad.</think>", "")]
)
def test_reasoning_alone_is_an_error_that_names_the_parameter(text, prompt, speaks):
    (error,) = speaks(text, ended="</" in text, prompt=prompt).complete([CONVERSATIONS[0]], [1])
    assert isinstance(error, NoAnswer) and is_worth_another(error)
    assert "raise describer_max_tokens" in str(error)
