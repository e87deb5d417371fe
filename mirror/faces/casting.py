"""Builds who describes, paints and verifies faces from the settings that name them."""

import os
from typing import TYPE_CHECKING, TypedDict

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.local import LanguageModel
from mirror.faces.description import ChatDescriber, Describer, HttpDescriber, LexiconDescriber, LocalDescriber
from mirror.faces.identity import FacePack
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.settings import FaceSettings
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.memory.rotation import Rotation
from mirror.paths import input_path
from mirror.services.service import Service

if TYPE_CHECKING:
    from mirror.faces.photomaker.painter import PhotoMaker


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
) -> "PhotoMaker":
    """PhotoMaker on an SDXL pipeline; `pack` embeds portraits for PhotoMaker v2 and is not needed for v1.

    Raises:
        FileNotFoundError: a model is not found.
        ValueError: the parts do not fit together; v2 also needs embeddings of its own width.
    """
    from mirror.faces.photomaker.painter import PhotoMaker  # imports diffusers, which takes seconds

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
