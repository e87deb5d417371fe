"""Describer, painter and verifier with random weights at their published shapes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM

from mirror.benchmarks.random_models.filters import random_filters
from mirror.benchmarks.random_models.sdxl import random_encoder, random_pipeline
from mirror.chat.local import LanguageModel
from mirror.chat.messages import Completion, Message
from mirror.faces.attributes import AttributeVerifier, FaceAttributes
from mirror.faces.description import LocalDescriber
from mirror.faces.photomaker import PaintRecipe, PaintRequest
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path
from mirror.prompts import FacialExpression, format_expression

DESCRIPTION = 60  # tokens of a description


class Answered:
    """A chat model whose answers, noise from random weights, are replaced after its full work."""

    TEXT = format_expression(FacialExpression("sad eyes, lips pressed", "a wide smile"))

    def __init__(self, model: LanguageModel) -> None:
        """Asks `model`."""
        self.model, self.name = model, model.name

    def facts(self) -> Mapping[str, Any]:
        """See `ChatModel.facts`."""
        return self.model.facts()

    def warm_up(self, conversations: int) -> None:
        """See `ChatModel.warm_up`."""
        self.model.warm_up(conversations)

    def complete(
        self, conversations: Sequence[Sequence[Message]], seeds: Sequence[int], **options: Any
    ) -> list[Completion]:
        """One answer per conversation."""
        self.model.complete(conversations, seeds, **options)
        return [Completion(self.TEXT, None, DESCRIPTION, self.name, "stop") for _ in conversations]


def random_describer() -> LocalDescriber:
    """A describer with Llama-3-8B's shapes."""
    config = LlamaConfig(
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=8192,
    )
    with torch.device("cuda"):
        model = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16).eval()
    tokenizer = load_tokenizer(input_path("pocket/models/llava-v1.5-pocket"), padding_side="left")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.min_new_tokens = DESCRIPTION
    return LocalDescriber(Answered(LanguageModel(model, tokenizer, "random weights, 8B", "", max_tokens=DESCRIPTION)))


def random_painter(compiled: Literal["none", "blocks", "whole"], batch: int) -> PhotoMaker:
    """The published painter: 50 DDIM steps, guidance 5."""
    pipeline = random_pipeline(input_path("pocket/models/sdxl-pocket/tokenizer"), torch.bfloat16, "cuda")
    recipe = PaintRecipe(50, 5.0, 10, 1024, 336, "ddim")
    return PhotoMaker(pipeline, random_encoder(torch.bfloat16, "cuda"), recipe, {}, compile=compiled, batch_size=batch)


def random_verifier(folder: Path, device: str = "cuda") -> AttributeVerifier:
    """All filters at their published shapes; they accept every face, after their full work."""
    local = random_filters(folder, device)
    return AttributeVerifier(local, FaceAttributes.load(str(folder / "pack"), device), True, 10)


class NoisePainter:
    """Paints noise at the size of a kept face, without a network."""

    batch_sizes = (1,)

    def check(self, request: PaintRequest) -> None:
        """Anything can be painted."""

    def paint(self, requests: Sequence[PaintRequest]) -> list[Image.Image]:
        """One picture of noise per request, which depends on its seed."""
        noise = (np.random.default_rng(request.seed).integers(0, 256, (336, 336, 3), np.uint8) for request in requests)
        return [Image.fromarray(pixels) for pixels in noise]

    def warm_up(self, pictures: int) -> None:
        """There is nothing to compile."""

    def facts(self) -> Mapping[str, Any]:
        """See `mirror.faces.rejection_sampling.Painter`."""
        return {"painter": "noise"}
