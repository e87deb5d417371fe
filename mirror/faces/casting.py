"""Builds who describes, paints and verifies faces from the settings that name them, and says what memory they need."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TypedDict

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.local import LanguageModel
from mirror.faces.description import ChatDescriber, Describer, HttpDescriber, LexiconDescriber, LocalDescriber
from mirror.faces.identity import FacePack
from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.photomaker.batches import sizes_for, sizes_up_to
from mirror.faces.photomaker.memory import painter_part
from mirror.faces.photomaker.pipeline import ALL_PARTS
from mirror.faces.photomaker.weights import weights_file
from mirror.faces.settings import FaceSettings
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.decoding import POSITIONS
from mirror.models.device import resolve_dtype
from mirror.models.memory.plan import Part
from mirror.models.memory.rotation import Rotation
from mirror.models.memory.sizes import cache_bytes, folder_bytes, folder_here, prefill_bytes, text_config
from mirror.models.weights import HALF, find
from mirror.paths import input_path
from mirror.services.service import Service

FILTER_WORK = 15_000_000  # bytes per picture: both transformers' activations at their published shapes; an estimate


class _Sampling(TypedDict):
    temperature: float
    top_p: float
    max_tokens: int
    max_tokens_setting: str


def build_describer(settings: FaceSettings, device: str, rotation: Rotation | None = None) -> Describer:
    """The lexicon, a chat model behind an endpoint or in this process, or the description service."""
    if settings.describer == "lexicon":
        return LexiconDescriber()
    if settings.describer == "http":
        return HttpDescriber(Service(os.environ["IMG_DESCRIPTION_URL"], "/describe"), settings.concurrency)
    sampling = _Sampling(
        temperature=settings.describer_temperature,
        top_p=settings.describer_top_p,
        max_tokens=settings.describer_max_tokens,
        max_tokens_setting="describer_max_tokens",
    )
    if settings.describer == "local":
        return LocalDescriber(
            LanguageModel.load(settings.describer_model, device=device, rotation=rotation, **sampling)
        )
    url = settings.describer_url or None
    return ChatDescriber(ChatEndpoint(settings.describer_model, url, concurrency=settings.concurrency, **sampling))


def face_pack(settings: FaceSettings, device: str, verifier: LocalVerifier | HttpVerifier) -> FacePack | None:
    """The face pack for PhotoMaker v2: the one that the verifier has loaded, else the settings' one if it exists."""
    if isinstance(verifier, LocalVerifier):
        return verifier.identity.pack
    return FacePack.load(settings.face_pack, device) if input_path(settings.face_pack).is_dir() else None


def build_painter(
    settings: FaceSettings,
    device: str,
    dtype: torch.dtype,
    pack: FacePack | None,
    rotation: Rotation | None = None,
) -> PhotoMaker:
    """PhotoMaker on an SDXL pipeline; `pack` embeds portraits for PhotoMaker v2 and is not needed for v1.

    Raises:
        FileNotFoundError: a model is not found.
        ValueError: the parts do not fit together; v2 also needs embeddings of its own width.
    """
    painter = PhotoMaker.load(
        settings.painter,
        settings.adapter,
        recipe_of(settings),
        revision=settings.painter_revision,
        dtype=dtype,
        device=device,
        batch_size=settings.paint_batch,
        compile=settings.compile,
        embed_face=pack.embed if pack else None,
        distilled=settings.distilled,
        rotation=rotation,
    )
    if pack and painter.id_encoder.needs_faces:
        painter.id_encoder.require_width(pack.width)
    return painter


def recipe_of(settings: FaceSettings) -> PaintRecipe:
    """How a painter with these settings paints."""
    return PaintRecipe(
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        merge_step=settings.merge_step,
        size=settings.image_size,
        output_size=settings.face_size,
        scheduler=settings.scheduler,
        spacing=settings.spacing,
        merge_at=settings.merge_at,
    )


def build_verifier(settings: FaceSettings, device: str) -> LocalVerifier | HttpVerifier:
    """The filters in this process, or the verification service."""
    if settings.verifier == "http":
        return HttpVerifier(Service(os.environ["IMG_VERIFICATION_URL"], "/verify"), settings.concurrency)
    return LocalVerifier.load(
        settings.safety_model,
        settings.relevance_model,
        settings.face_pack,
        settings.relevance_threshold,
        settings.identity_threshold,
        device,
    )


# Memory ---------------------------------------------------------------------------------------------------------------


def face_parts(settings: FaceSettings, device: str, dtype: torch.dtype, wanted: int) -> list[Part]:
    """The memory that describer, painter and filters will need in this process.

    Args:
        settings: name the models.
        device: as returned by `resolve_device`.
        dtype: of the painter.
        wanted: attempts that are painted at a time, at most; they are filled up to a batch of the painter's sizes.

    Raises:
        ValueError: a model's file is broken.
    """
    pictures = 1 if device == "cpu" else sizes_for(wanted, sizes_up_to(settings.paint_batch))[-1]
    parts = [_describer_part(settings, resolve_dtype("auto", device))] if settings.describer == "local" else []
    parts.append(
        painter_part(
            settings.painter,
            settings.painter_revision,
            settings.adapter,
            dtype,
            pictures,
            settings.image_size,
            settings.guidance_scale > 1,
        )
    )
    return parts + ([_filters_part(settings, pictures)] if settings.verifier == "local" else [])


def download_faces(settings: FaceSettings, dtype: torch.dtype, roles: Collection[str]) -> None:
    """Downloads the models of some roles from the Hub, so that their sizes are known.

    Raises:
        FileNotFoundError: one is neither here nor on the Hub.
    """
    if "describer" in roles:
        find(settings.describer_model, half=dtype in HALF)
    if "painter" in roles:
        find(settings.painter, settings.painter_revision, dtype in HALF, ALL_PARTS)
        weights_file(settings.adapter, "PhotoMaker weights")
    if "filters" in roles:
        for name in (settings.safety_model, settings.relevance_model):
            find(name)


def _describer_part(settings: FaceSettings, dtype: torch.dtype) -> Part:
    folder = folder_here(settings.describer_model)
    weights = folder_bytes(folder, dtype)
    if folder is None or weights is None:
        return Part("describer", None)
    config, prompts = text_config(folder), settings.concurrency
    return Part(
        "describer",
        weights,
        cache_bytes(config, prompts, POSITIONS, dtype),
        prefill_bytes(config, prompts, POSITIONS, dtype),
    )


def _filters_part(settings: FaceSettings, pictures: int) -> Part:
    sizes = [
        folder_bytes(folder_here(name), torch.float32) for name in (settings.safety_model, settings.relevance_model)
    ]
    sizes.append(pack_bytes(input_path(settings.face_pack)))
    weights = None if None in sizes else sum(size for size in sizes if size is not None)
    return Part("filters", weights, work=FILTER_WORK * pictures)


def pack_bytes(folder: Path) -> int:
    """Of the models in the pack's folder, on whichever device onnxruntime will have them."""
    return sum(path.stat().st_size for path in folder.glob("*.onnx"))
