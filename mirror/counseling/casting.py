"""Builds the cast that the settings of a run name: settings → cast. Runs no session."""

import os
from typing import Any, TypedDict

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.local import LanguageModel
from mirror.clients.client import ChatClient, ScriptedClient
from mirror.counseling.cast import Cast, Client
from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker, LlavaSpeaker
from mirror.faces.description import ChatDescriber, Describer, HttpDescriber, LexiconDescriber, LocalDescriber
from mirror.faces.identity import FacePack
from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.checkpoint import read_manifest
from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.hub_id import resolve_model
from mirror.models.llava import Llava, check_size, load
from mirror.models.lora import load_checkpoint
from mirror.paths import input_path, output_path
from mirror.prompts import Variant
from mirror.services.service import Service


def build_cast(settings: CounselSettings) -> Cast:
    """The cast of a run, with its models loaded.

    Raises:
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.precision, device)
    verifier = build_verifier(settings, device)
    return Cast(
        client=build_client(settings),
        describer=build_describer(settings, device),
        painter=build_painter(settings, device, dtype, face_pack(settings, device, verifier)),
        verifier=verifier,
        counselor=build_counselor(settings, device, dtype),
        attempts=settings.attempts,
        on_exhaustion=settings.on_exhaustion,
        ahead=settings.ahead,
    )


def build_client(settings: CounselSettings) -> Client:
    """The scripted client, or one that a chat model plays."""
    if settings.client == "scripted":
        return ScriptedClient()
    model = ChatEndpoint(
        settings.client_model,
        settings.client_url or None,
        temperature=settings.client_temperature,
        top_p=settings.client_top_p,
        max_tokens=settings.client_max_tokens,
        frequency_penalty=settings.client_frequency_penalty,
        presence_penalty=settings.client_presence_penalty,
        concurrency=settings.concurrency,
        max_tokens_setting="client_max_tokens",
    )
    return ChatClient(model)


class _Sampling(TypedDict):
    temperature: float
    top_p: float
    max_tokens: int
    max_tokens_setting: str


def build_describer(settings: CounselSettings, device: str) -> Describer:
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
        return LocalDescriber(LanguageModel.load(settings.describer_model, device=device, **sampling))
    url = settings.describer_url or None
    return ChatDescriber(ChatEndpoint(settings.describer_model, url, concurrency=settings.concurrency, **sampling))


def face_pack(settings: CounselSettings, device: str, verifier: LocalVerifier | HttpVerifier) -> FacePack | None:
    """The face pack for PhotoMaker v2: the one that the verifier has loaded, else the settings' one if it exists."""
    if isinstance(verifier, LocalVerifier):
        return verifier.identity.pack
    return FacePack.load(settings.face_pack, device) if input_path(settings.face_pack).is_dir() else None


def build_painter(settings: CounselSettings, device: str, dtype: torch.dtype, pack: FacePack | None) -> PhotoMaker:
    """PhotoMaker on an SDXL pipeline; `pack` embeds portraits for PhotoMaker v2 and is not needed for v1."""
    recipe = PaintRecipe(
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        merge_step=settings.merge_step,
        size=settings.image_size,
        output_size=settings.face_size,
        scheduler=settings.scheduler,
    )
    return PhotoMaker.load(
        settings.painter,
        settings.adapter,
        recipe,
        revision=settings.painter_revision,
        dtype=dtype,
        device=device,
        batch_size=settings.paint_batch,
        compile=settings.compile,
        embed_face=pack.embed if pack else None,
    )


def build_verifier(settings: CounselSettings, device: str) -> LocalVerifier | HttpVerifier:
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


def build_counselor(settings: CounselSettings, device: str, dtype: torch.dtype) -> Counselor:
    """A chat model behind an endpoint, the base LLaVA, or a checkpoint, which the settings have checked already."""
    untrained = {}
    if settings.counselor == "openai":
        speaker: ChatSpeaker | LlavaSpeaker = _chat_speaker(settings)
    elif not settings.checkpoint:
        check_size(resolve_model(settings.base_model), settings.revision, settings.size)
        llava = load(resolve_model(settings.base_model), settings.revision, dtype=dtype, device=device)
        speaker = _llava_speaker(settings, llava, {})
    else:
        folder = output_path(settings.checkpoint)
        manifest = read_manifest(folder)
        facts = {"checkpoint": settings.checkpoint, "data_sha256": manifest.data_sha256, "epoch": manifest.epoch}
        llava = load_checkpoint(folder, dtype=dtype, device=device)
        speaker = _llava_speaker(settings, llava, facts)
        base = _llava_speaker(settings, llava, facts, adapter=False)
        untrained = {kind: base for kind, origin in manifest.prompts.items() if origin == "own"}
    return Counselor(
        speaker,
        settings.read_prompts(),
        Variant.of(settings.cot),
        settings.context,
        settings.planning_max_tokens,
        settings.prompts_from,
        untrained,
    )


def _chat_speaker(settings: CounselSettings) -> ChatSpeaker:
    endpoint = ChatEndpoint(
        settings.counselor_model,
        settings.counselor_url or None,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_new_tokens,
        concurrency=settings.concurrency,
        max_tokens_setting="max_new_tokens",
    )
    return ChatSpeaker(endpoint, settings.sees_face)


def _llava_speaker(
    settings: CounselSettings, llava: Llava, facts: dict[str, Any], adapter: bool = True
) -> LlavaSpeaker:
    return LlavaSpeaker(
        llava,
        settings.temperature,
        settings.top_p,
        settings.max_new_tokens,
        settings.reply_batch,
        facts,
        longest_answer=settings.planning_max_tokens if Variant.of(settings.cot).planning else 0,
        adapter=adapter,
    )
