"""The pocket LLaVA's tokenizer: Llama's format, and single pieces for the words of the dialogues."""

import json

import pytest
from transformers import AutoProcessor, AutoTokenizer, LlamaTokenizer

from mirror.models.llava_chat import SYSTEM
from mirror.prompts import VARIANTS
from pocket.drawing.expressions import EXPRESSIONS
from pocket.llava.model import FOLDER
from tests import ROOT

DATA = ROOT / "pocket/data"


@pytest.fixture(scope="module")
def records():
    return {cot: json.loads((DATA / f"mirror_{cot}.json").read_text(encoding="utf-8")) for cot in VARIANTS}


def test_the_tokenizer_is_llamas_with_the_image_and_the_padding_behind_the_pieces():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    as_llamas = LlamaTokenizer.from_pretrained(FOLDER)
    assert (
        as_llamas(SYSTEM + "\nClient: Hm, 12 times?").input_ids
        == tokenizer(SYSTEM + "\nClient: Hm, 12 times?").input_ids
    )
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>", "<image>", "<pad>"]) == [0, 1, 2, 2304, 2305]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2305)
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["image_token_index"] == 2304
    assert config["text_config"]["vocab_size"] % 64 == 0 and config["text_config"]["vocab_size"] >= len(tokenizer)
    for text in ("Grüße, 你好!", "a  b\n c", "1. Name the worst"):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    through_processor = AutoProcessor.from_pretrained(FOLDER).tokenizer
    assert through_processor(SYSTEM).input_ids == tokenizer(SYSTEM).input_ids


def test_the_training_set_is_short_in_its_tokens(llava, records):
    for cot, mean, longest in (("base", 200, 350), ("planning", 250, 400), ("ec", 210, 360), ("ec_planning", 260, 410)):
        replies = [r for r in records[cot] if r["question_id"].endswith("response")]
        lengths = [len(llava.tokenizer(r["conversations"][0]["value"]).input_ids) for r in replies]
        assert sum(lengths) / len(lengths) < mean and max(lengths) < longest


def test_the_words_of_the_dialogues_are_single_pieces(llava):
    words = {word for e in EXPRESSIONS.values() for feeling in e.feelings for word in feeling.split()}
    assert all(len(llava.tokenizer.tokenize(word)) == 1 for word in words)
    assert llava.tokenizer.tokenize("You look tired today.") == ["▁You", "▁look", "▁tired", "▁today", "."]
