"""The filters of faces with random weights at their published shapes: they do their work and accept every picture."""

from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from mirror.benchmarks.random_models.pack import write_random_pack
from mirror.faces.filters import IdentityFilter, RelevanceFilter, SafetyFilter
from mirror.faces.verification import LocalVerifier
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path

TOKENIZER = "pocket/models/clip-pocket"


def random_filters(folder: Path, device: str) -> LocalVerifier:
    """The three filters on a device, written into `folder`."""
    write_random_filters(folder)
    write_random_pack(folder / "pack")
    return LocalVerifier(
        SafetyFilter(str(folder / "classifier"), device),
        RelevanceFilter(str(folder / "clip"), -1.0, device),
        IdentityFilter(str(folder / "pack"), -1.0, device),
    )


def write_random_filters(folder: Path) -> None:
    """Write CLIP ViT-B/32 and a ViT-B/16 classifier at their published shapes; the classifier accepts every image."""
    CLIPModel(CLIPConfig()).save_pretrained(folder / "clip")
    load_tokenizer(input_path(TOKENIZER)).save_pretrained(folder / "clip")
    CLIPImageProcessorPil().save_pretrained(folder / "clip")
    labels = {"id2label": {0: "normal", 1: "nsfw"}, "label2id": {"normal": 0, "nsfw": 1}}
    classifier = ViTForImageClassification(ViTConfig(**labels))
    classifier.classifier.bias.data = torch.tensor([9.0, -9.0])
    classifier.save_pretrained(folder / "classifier")
    ViTImageProcessorPil().save_pretrained(folder / "classifier")
