"""A cast with random weights at the published shapes, for benchmarks of sessions that need no download."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from mirror.benchmarks.random_models.llava import random_model
from mirror.benchmarks.random_models.sdxl import random_encoder, random_pipeline
from mirror.clients.client import ScriptedClient
from mirror.counseling.cast import Cast
from mirror.counseling.counselor import Counselor
from mirror.counseling.speaker import LlavaSpeaker
from mirror.faces.description import LexiconDescriber
from mirror.faces.filters import FilterResult, IdentityFilter, RelevanceFilter, SafetyFilter, VerificationRequest
from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.verification import LocalVerifier
from mirror.models.llava import Llava, make_processor
from mirror.models.memory.rotation import Rotation
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path
from mirror.prompts import Variant, own_prompts

REPLY = 64  # tokens of every reply and plan
POCKET = Path("pocket/models")


class AnyPerson(IdentityFilter):
    """Accepts every image as the same person, because the filter would find no face in images of noise."""

    def __init__(self) -> None:
        """Load no face pack."""

    def check(self, requests: Sequence[VerificationRequest]) -> list[FilterResult]:
        """A result without a score per request."""
        return [FilterResult(None) for _ in requests]


def random_cast(
    cot: str,
    steps: int,
    scheduler: Literal["ddim", "dpmsolver++"],
    folder: Path,
    paint_batch: int = 8,
    rotation: Rotation | None = None,
) -> Cast:
    """A cast on the GPU.

    Args:
        cot: variant of the counselor.
        steps: denoising steps per face.
        scheduler: of the painter.
        folder: for the files of the filters.
        paint_batch: faces painted at a time.
        rotation: in which models take turns on the GPU; None: all stay there.
    """
    device, dtype = "cuda", torch.bfloat16
    rotation = rotation or Rotation(device)
    model = random_model("7b", dtype, device).eval()
    images = CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    tokenizer = load_tokenizer(input_path(POCKET / "llava-v1.5-pocket"))
    model.generation_config.min_new_tokens = REPLY  # random weights may end a reply at any token
    seat = rotation.join("counselor", [model])
    llava = Llava(model, make_processor(model.config, tokenizer, images), "random weights, 7b", "", seat)
    recipe = PaintRecipe(steps, 5.0, steps // 5, 1024, 336, scheduler)
    pipeline = random_pipeline(input_path(POCKET / "sdxl-pocket/tokenizer"), dtype, device)
    painter = PhotoMaker(pipeline, random_encoder(dtype, device), recipe, {}, paint_batch, "blocks", None, rotation)
    write_random_filters(folder)
    verifier = LocalVerifier(
        SafetyFilter(str(folder / "classifier"), device),
        RelevanceFilter(str(folder / "clip"), -1.0, device),
        AnyPerson(),
    )
    speaker = LlavaSpeaker(llava, max_tokens=REPLY)
    counselor = Counselor(speaker, own_prompts(cot), Variant.of(cot), planning_max_tokens=REPLY)
    return Cast(ScriptedClient(), LexiconDescriber(), painter, verifier, counselor)


def write_random_filters(folder: Path) -> None:
    """Write CLIP ViT-B/32 and a ViT-B/16 classifier at their published shapes; the classifier accepts every image."""
    CLIPModel(CLIPConfig()).save_pretrained(folder / "clip")
    load_tokenizer(input_path(POCKET / "clip-pocket")).save_pretrained(folder / "clip")
    CLIPImageProcessorPil().save_pretrained(folder / "clip")
    labels = {"id2label": {0: "normal", 1: "nsfw"}, "label2id": {"normal": 0, "nsfw": 1}}
    classifier = ViTForImageClassification(ViTConfig(**labels))
    classifier.classifier.bias.data = torch.tensor([9.0, -9.0])
    classifier.save_pretrained(folder / "classifier")
    ViTImageProcessorPil().save_pretrained(folder / "classifier")
