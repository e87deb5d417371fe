"""The committed pocket LLaVA: a folder in the published format that the real classes load, and its training."""

import sys

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoProcessor, LlavaForConditionalGeneration, LlavaProcessor

from mirror.clients.known_clients import KnownClients
from mirror.files.json_file import read_json
from mirror.models.families.vlm import generate
from mirror.models.llava import load
from mirror.models.llava_chat import prompt_text
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles
from pocket.llava.model import FOLDER, LlavaBudget, known_clients, make_config, tokenizer_corpus, write_llava
from pocket.llava.tokenizer import train_llama_tokenizer
from tests import ROOT


def test_the_real_classes_load_the_folder():
    processor = AutoProcessor.from_pretrained(FOLDER)
    model = LlavaForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
    assert isinstance(processor, LlavaProcessor)
    assert "torchvision" not in sys.modules
    image = Image.open(next((ROOT / "pocket/data/images").rglob("*.png"))).convert("RGB")
    inputs = processor(images=image, text=prompt_text("<image>\nWho is it?"), return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 3, 96, 96)
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == 36 == model.config.image_seq_length
    assert inputs["input_ids"][0, 0] == processor.tokenizer.bos_token_id
    assert torch.isfinite(model(**inputs).logits).all()


def test_the_folder_is_small_and_in_float16():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6.3e6
    with safe_open(FOLDER / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118
    names = {path.name for path in FOLDER.iterdir()}
    assert {"config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"} <= names


def test_the_folder_lists_the_clients_of_the_texts_that_it_is_trained_on():
    assert read_json(FOLDER / "known_clients.json") == known_clients()
    known = KnownClients.read(FOLDER)
    assert len(known.names) == 48 and len(known.reasons) == 18
    pocket = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    assert known.strangers(pocket) == []
    page = " ".join((ROOT / "docs/counsel.md").read_text(encoding="utf-8").split())
    assert ", ".join(sorted(known.names)) + "." in page and all(f"- {reason} " in page for reason in known.reasons)


@pytest.mark.slow
def test_the_tokenizer_and_the_shapes_are_what_the_code_makes(llava):
    tokenizer = train_llama_tokenizer(tokenizer_corpus())
    assert tokenizer.get_vocab() == llava.tokenizer.get_vocab()
    text = "You look downcast today, Luis. What speaks for it?"
    assert tokenizer(text).input_ids == llava.tokenizer(text).input_ids
    made, saved = make_config(tokenizer).to_dict(), llava.model.config.to_dict()
    for part in ("text_config", "vision_config"):
        ours, theirs = made.pop(part), saved.pop(part)
        assert {k: ours[k] for k in ours if k != "dtype"} == {k: theirs.get(k) for k in ours if k != "dtype"}


@pytest.mark.slow
@pytest.mark.proof
def test_pre_training_in_small_writes_the_same_kind_of_folder(tmp_path):
    write_llava(tmp_path, seed=3, device="cpu", budget=LlavaBudget(40, 2, 8, 2, 60, 60, 60, 2, 2, 2, 512))
    assert {path.name for path in tmp_path.iterdir()} | {"README.md"} == {path.name for path in FOLDER.iterdir()}
    made = load(str(tmp_path))
    assert made.image_tokens == 36
    assert len(generate(made, ["<image>\nHm?"], [Image.new("RGB", (112, 112))], 2)) == 1
