"""Builds the cast that the settings of a run name: settings → cast. Runs no session."""

from typing import Any

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.clients.client import ChatClient, ScriptedClient
from mirror.counseling.cast import Cast, Client
from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker, LlavaSpeaker
from mirror.faces.casting import build_describer, build_painter, build_verifier, face_pack
from mirror.faces.rejection_sampling import Painter
from mirror.faces.verification import Verifier
from mirror.faces.view import NeutralView, ShownView, SquareView, SwappedView, View
from mirror.models.checkpoint import read_manifest
from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.hub_id import resolve_model
from mirror.models.llava import Llava, check_size, load
from mirror.models.lora import load_checkpoint
from mirror.paths import output_path
from mirror.prompts import Variant


def build_cast(settings: CounselSettings) -> Cast:
    """The cast of a run, with its models loaded.

    Raises:
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.precision, device)
    verifier = build_verifier(settings, device)
    painter = build_painter(settings, device, dtype, face_pack(settings, device, verifier))
    return Cast(
        client=build_client(settings),
        describer=build_describer(settings, device),
        painter=painter,
        verifier=verifier,
        counselor=build_counselor(settings, device, dtype),
        attempts=settings.attempts,
        on_exhaustion=settings.on_exhaustion,
        ahead=settings.ahead,
        view=build_view(settings, painter, verifier),
        remote=remote_roles(settings),
    )


def remote_roles(settings: CounselSettings) -> frozenset[str]:
    """The roles that wait for an endpoint or a service."""
    return frozenset(
        role for role in ("client", "describer", "counselor") if getattr(settings, role) in ("openai", "http")
    )


def build_view(settings: CounselSettings, painter: Painter, verifier: Verifier) -> View:
    """What the counselor sees of the client's face."""
    if settings.face == "shown":
        return ShownView()
    if settings.face == "neutral":
        return NeutralView(painter, verifier, settings.attempts, settings.on_exhaustion, settings.ahead)
    if settings.face == "swapped":
        return SwappedView(output_path("results") / settings.faces_from, settings.seed)
    return SquareView(settings.face)


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
