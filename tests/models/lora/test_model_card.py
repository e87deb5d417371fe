"""The card of a checkpoint says what the manifest does."""

from dataclasses import replace

import pytest
import yaml

from mirror.models.checkpoint import Manifest
from mirror.models.lora.model_card import card, write_card

MANIFEST = Manifest(
    size="other",
    cot="planning",
    base_model="Qwen/Qwen3-VL-8B-Instruct",
    revision="0123abc",
    vision_tower="",
    data="data/mirror/mirror_planning.json",
    data_sha256="ab" * 32,
    settings={"epochs": 5, "lora_rank": 128, "run": "private"},
    versions={},
    step=20,
    steps=40,
    epoch=2.5,
    losses={"train": 1.25, "held_out": None},
    derived=["the captions were removed"],
)


def test_the_head_names_the_base_model_for_the_hub(tmp_path):
    write_card(tmp_path, MANIFEST)
    head = yaml.safe_load((tmp_path / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert (head["base_model"], head["library_name"]) == ("Qwen/Qwen3-VL-8B-Instruct", "peft")
    assert "base_model" not in yaml.safe_load(card(replace(MANIFEST, base_model="models/my/own")).split("---")[1])


def test_it_tells_data_recipe_and_losses():
    text = card(MANIFEST)
    for said in ("revision 0123abc", "abab", "the captions were removed", "Step 20 of 40, 2.5 epochs", "train 1.250"):
        assert said in text
    assert "| lora_rank | 128 |" in text and "private" not in text and "held out" not in text


@pytest.mark.parametrize(("size", "said"), [("other", "PeftModel.from_pretrained"), ("7b", "projector.safetensors")])
def test_it_tells_how_its_adapter_is_loaded(size, said):
    assert said in card(replace(MANIFEST, size=size))


def test_it_does_not_tell_where_somebody_keeps_files():
    text = card(replace(MANIFEST, base_model="/home/anna/models/own", data="/home/anna/secret study/mirror_ec.json"))
    assert "anna" not in text and "secret" not in text
    assert (
        "Data: `mirror_ec.json`" in text
        and "language model of own" in text
        and "base_model" not in text.split("---")[1]
    )
    assert "Data: `data/mirror/mirror_planning.json`" in card(MANIFEST)
