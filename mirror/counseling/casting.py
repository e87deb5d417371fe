"""Makes the cast of a run from its settings: every collaborator by its declared name. Runs no session."""

import os
from typing import Any

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.local import LanguageModel
from mirror.clients.client import ChatClient, ScriptedClient
from mirror.counseling.counselor import Counselor
from mirror.counseling.session import Cast
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker, LlavaSpeaker
from mirror.faces.description import ChatDescriber, HttpDescriber, LexiconDescriber, LocalDescriber
from mirror.faces.identity import FacePack
from mirror.faces.photomaker import PaintRecipe, PhotoMaker
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.checkpoint import read_manifest
from mirror.models.device import resolve_device
from mirror.models.llava import Llava, check_size, load
from mirror.models.lora import load_checkpoint
from mirror.paths import input_path, output_path
from mirror.prompts import Variant
from mirror.services.service import Service


def make_cast(settings: CounselSettings) -> Cast:
    """The cast that the settings name, its models loaded.

    Raises:
        FileNotFoundError: a model cannot be had.
        ValueError: a model is not what the settings say.
    """
    device = resolve_device(settings.device)
    is_half = settings.precision == "bf16" or (settings.precision == "auto" and device != "cpu")
    dtype = torch.bfloat16 if is_half else torch.float32
    verifier = make_verifier(settings, device)
    return Cast(
        client=make_client(settings),
        describer=make_describer(settings, device),
        painter=make_painter(settings, device, dtype, face_pack(settings, device, verifier)),
        verifier=verifier,
        counselor=make_counselor(settings, device, dtype),
        attempts=settings.attempts,
        on_exhaustion=settings.on_exhaustion,
        ahead=settings.ahead,
    )


def make_client(settings: CounselSettings) -> ChatClient | ScriptedClient:
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
        room="client_max_tokens",
    )
    return ChatClient(model)


def make_describer(settings: CounselSettings, device: str) -> LexiconDescriber | ChatDescriber | HttpDescriber:
    if settings.describer == "lexicon":
        return LexiconDescriber()
    if settings.describer == "http":
        return HttpDescriber(Service(os.environ["IMG_DESCRIPTION_URL"], "/describe"), settings.concurrency)
    sampling = {
        "temperature": settings.describer_temperature,
        "top_p": settings.describer_top_p,
        "max_tokens": settings.describer_max_tokens,
        "room": "describer_max_tokens",
    }
    if settings.describer == "local":
        return LocalDescriber(LanguageModel.load(settings.describer_model, device=device, **sampling))
    url = settings.describer_url or None
    return ChatDescriber(ChatEndpoint(settings.describer_model, url, concurrency=settings.concurrency, **sampling))


def face_pack(settings: CounselSettings, device: str, verifier: LocalVerifier | HttpVerifier) -> FacePack | None:
    """The pack that PhotoMaker v2 reads portraits with: the verifier's own, else the settings', if it is there."""
    if isinstance(verifier, LocalVerifier):
        return verifier.identity.pack
    return FacePack.load(settings.face_pack, device) if input_path(settings.face_pack).is_dir() else None


def make_painter(settings: CounselSettings, device: str, dtype: torch.dtype, pack: FacePack | None) -> PhotoMaker:
    return PhotoMaker.load(
        settings.painter,
        settings.adapter,
        PaintRecipe(
            settings.steps,
            settings.guidance_scale,
            settings.merge_step,
            settings.image_size,
            settings.face_size,
            settings.scheduler,
        ),
        revision=settings.painter_revision,
        dtype=dtype,
        device=device,
        batch_size=settings.paint_batch,
        compile=settings.compile,
        embed_face=pack.embed if pack else None,
    )


def make_verifier(settings: CounselSettings, device: str) -> LocalVerifier | HttpVerifier:
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


def make_counselor(settings: CounselSettings, device: str, dtype: torch.dtype) -> Counselor:
    """The counselor. What its checkpoint is, the settings have been held against."""
    protocol = (Variant.of(settings.cot), settings.context, settings.planning_max_tokens, settings.prompts_from)
    if settings.counselor == "openai":
        endpoint = ChatEndpoint(
            settings.counselor_model,
            settings.counselor_url or None,
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=settings.max_new_tokens,
            concurrency=settings.concurrency,
            room="max_new_tokens",
        )
        return Counselor(ChatSpeaker(endpoint, settings.sees_face), settings.read_prompts(), *protocol)
    if not settings.checkpoint:
        check_size(_local(settings.base_model), settings.revision, settings.size)
        llava = load(_local(settings.base_model), settings.revision, dtype=dtype, device=device)
        return Counselor(_llava_speaker(settings, llava, {}), settings.read_prompts(), *protocol)
    folder = output_path(settings.checkpoint)
    manifest = read_manifest(folder)
    facts = {"checkpoint": settings.checkpoint, "data_sha256": manifest.data_sha256, "epoch": manifest.epoch}
    llava = load_checkpoint(folder, dtype=dtype, device=device)
    base = _llava_speaker(settings, llava, facts, adapter=False)
    untrained = {kind: base for kind, origin in manifest.prompts.items() if origin == "own"}
    return Counselor(_llava_speaker(settings, llava, facts), settings.read_prompts(), *protocol, untrained)


def _llava_speaker(
    settings: CounselSettings, llava: Llava, facts: dict[str, Any], adapter: bool = True
) -> LlavaSpeaker:
    longest = settings.planning_max_tokens if Variant.of(settings.cot).planning else 0
    return LlavaSpeaker(
        llava,
        settings.temperature,
        settings.top_p,
        settings.max_new_tokens,
        settings.reply_batch,
        facts,
        longest,
        adapter,
    )


def _local(name: str) -> str:
    folder = input_path(name)
    return str(folder) if folder.is_dir() else name
