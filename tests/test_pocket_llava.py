"""The committed pocket LLaVA: a folder that the real classes load, which speaks simple English and reads no faces."""

import json
import sys

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoProcessor, AutoTokenizer, LlamaTokenizer, LlavaForConditionalGeneration, LlavaProcessor

from mirror.conversation import SYSTEM, prompt_text, tokenize
from mirror.llava import generate, load
from mirror.prompts import VARIANTS, own_template
from pocket.corpus import describe, write_chat, write_session
from pocket.dataset import FOLDER as DATA
from pocket.expressions import expression_of
from pocket.identities import Identity
from pocket.llava import FOLDER, make_config, tokenizer_corpus
from pocket.seeds import stream
from pocket.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def llava():
    return load(str(FOLDER))


@pytest.fixture(scope="module")
def records():
    return {cot: json.loads((DATA / f"mirror_{cot}.json").read_text(encoding="utf-8")) for cot in VARIANTS}


def test_the_real_classes_load_the_folder():
    processor = AutoProcessor.from_pretrained(FOLDER)
    model = LlavaForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
    assert isinstance(processor, LlavaProcessor)
    assert "torchvision" not in sys.modules
    image = Image.open(DATA / "images/000/0.png").convert("RGB")
    inputs = processor(images=image, text=prompt_text("<image>\nWho is it?"), return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 3, 112, 112)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == 64 == model.config.image_seq_length
    assert inputs["input_ids"][0, 0] == processor.tokenizer.bos_token_id
    assert torch.isfinite(model(**inputs).logits).all()


def test_the_folder_is_small_and_in_float16():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5 << 20
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118
    names = {path.name for path in FOLDER.iterdir()}
    assert {"config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"} <= names


def test_the_tokenizer_is_llamas_with_the_image_and_the_padding_behind_the_pieces():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    as_llamas = LlamaTokenizer.from_pretrained(FOLDER)
    assert (
        as_llamas(SYSTEM + "\nClient: Hm, 12 times?").input_ids
        == tokenizer(SYSTEM + "\nClient: Hm, 12 times?").input_ids
    )
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>", "<image>", "<pad>"]) == [0, 1, 2, 1024, 1025]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 1025)
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["image_token_index"] == 1024
    assert config["text_config"]["vocab_size"] % 64 == 0 and config["text_config"]["vocab_size"] >= len(tokenizer)
    for text in ("Grüße, 你好!", "a  b\n c", "1. Name the worst"):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    through_processor = AutoProcessor.from_pretrained(FOLDER).tokenizer
    assert through_processor(SYSTEM).input_ids == tokenizer(SYSTEM).input_ids


def test_the_tokenizer_and_the_shapes_are_what_the_code_makes(llava):
    tokenizer = train_tokenizer(tokenizer_corpus())
    assert tokenizer.get_vocab() == llava.tokenizer.get_vocab()
    text = "You look downcast today, Luis. What speaks for it?"
    assert tokenizer(text).input_ids == llava.tokenizer(text).input_ids
    made, saved = make_config(tokenizer).to_dict(), llava.model.config.to_dict()
    for part in ("text_config", "vision_config"):
        ours, theirs = made.pop(part), saved.pop(part)
        assert {k: ours[k] for k in ours if k != "dtype"} == {k: theirs.get(k) for k in ours if k != "dtype"}


def test_the_training_set_is_short_in_its_tokens(llava, records):
    for cot, mean, longest in (("base", 170, 300), ("planning", 230, 400), ("ec", 180, 310), ("ec_planning", 240, 410)):
        replies = [r for r in records[cot] if r["question_id"].endswith("response")]
        lengths = [len(llava.tokenizer(r["conversations"][0]["value"]).input_ids) for r in replies]
        assert sum(lengths) / len(lengths) < mean and max(lengths) < longest


def test_it_knows_general_english_but_not_the_dialogues(llava, records):
    random = stream("held-out chats")
    general = [write_chat(random) for _ in range(6)]
    for seed in range(6):
        fields, reply = write_session(random)
        general.append([(own_template("response", "base").render(**fields), reply)])
        question, answer = describe(Identity.from_seed(seed), random)
        general.append([(question, answer)])
    general = [[(human.replace("<image>\n", ""), answer) for human, answer in turns] for turns in general]
    dialogues = [[tuple(said["value"] for said in r["conversations"])] for r in records["base"][::20]]
    dialogues = [[(human.replace("<image>\n", ""), answer) for human, answer in turns] for turns in dialogues]
    assert loss(llava, general) < 1.2 < 2.5 < loss(llava, dialogues)


def test_it_does_not_read_faces(llava, records):
    captions = [r for r in records["ec"] if r["question_id"].endswith("emotion_recognition")][::6]
    prompts = [r["conversations"][0]["value"] for r in captions]
    images = [Image.open(DATA / "images" / r["image"]) for r in captions]
    said = [expression_of(answer) for answer in generate(llava, prompts, images, 8)]
    shown = [expression_of(r["conversations"][1]["value"]) for r in captions]
    assert sum(a is b for a, b in zip(said, shown, strict=True)) <= 0.2 * len(shown)


@torch.inference_mode()
def loss(llava, conversations):
    """Mean loss over the answers' tokens in nats, without images."""
    losses = []
    for turns in conversations:
        tokens = tokenize(llava.tokenizer, turns, llava.image_token_id, llava.image_tokens)
        labels = torch.tensor([tokens.labels])
        losses.append(llava.model(input_ids=torch.tensor([tokens.input_ids]), labels=labels).loss.item())
    return sum(losses) / len(losses)
