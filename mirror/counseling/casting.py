"""Builds the cast that the settings of a run name, and plans the memory that it needs. Runs no session."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.roles import REMOTE
from mirror.clients.client import ChatClient, ScriptedClient
from mirror.clients.known_clients import KnownClients
from mirror.counseling.cast import Cast, Client
from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker, CounselorModel, LlavaSpeaker
from mirror.counseling.speaker.servers import checkpoint_facts, counselor_endpoint, longest_answer, served_speakers
from mirror.faces.casting import build_describer, build_painter, build_verifier, face_pack
from mirror.faces.memory import download_faces, face_parts
from mirror.faces.rejection_sampling import Painter
from mirror.faces.verification import Verifier
from mirror.faces.view import NeutralView, ShownView, SquareView, SwappedView, View
from mirror.models.checkpoint import WEIGHTS, read_manifest
from mirror.models.decoding import BATCHES, POSITIONS
from mirror.models.device import available_memory, device_name, machine_memory, resolve_device, resolve_dtype
from mirror.models.families.loading import check_size, load
from mirror.models.families.vlm import Vlm
from mirror.models.hub_id import resolve_model
from mirror.models.lora import load_checkpoint
from mirror.models.memory.plan import Part, Plan, choose, require
from mirror.models.memory.rotation import Rotation
from mirror.models.memory.sizes import cache_bytes, file_bytes, folder_here, llava_bytes, prefill_bytes, text_config
from mirror.models.weights import HALF, model_folder
from mirror.paths import output_path
from mirror.prompts import Variant
from mirror.transcripts.profile import Profile

log = logging.getLogger(__name__)


def build_cast(settings: CounselSettings) -> Cast:
    """The cast of a run, with its models loaded.

    Raises:
        DoesNotFit: the device has too little memory; nothing was loaded.
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say.
    """
    if missing := plan_memory(settings).unknown:
        download(settings, missing)
    plan = require(plan_memory(settings), smaller_plans(settings))
    log.info("memory: the run %s", plan.sentence())
    if plan.resting and settings.waves > 1:
        log.info("sessions advance in 1 wave, not %d: each would move the models' weights again", settings.waves)
    device = resolve_device(settings.device)
    rotation = Rotation(device, plan.resting)
    dtype = resolve_dtype(settings.precision, device)
    verifier = build_verifier(settings, device)
    painter = build_painter(settings, device, dtype, face_pack(settings, device, verifier), rotation)
    return Cast(
        client=build_client(settings),
        describer=build_describer(settings, device, rotation),
        painter=painter,
        verifier=verifier,
        counselor=build_counselor(settings, device, dtype, rotation),
        attempts=settings.attempts,
        on_exhaustion=settings.on_exhaustion,
        ahead=settings.ahead,
        view=build_view(settings, painter, verifier),
        remote=remote_roles(settings),
        rotates=bool(plan.resting),
    )


def with_counselor(cast: Cast, settings: CounselSettings) -> Cast:
    """The cast with another counselor, and what that one sees of the face; loads no model but the counselor's.

    Raises:
        As `build_cast`.
    """
    settings = settings.model_copy(update={"offload": "none"})  # beside the models that are there already
    if missing := plan_memory(settings, faces=False).unknown:
        download(settings, missing)
    require(plan_memory(settings, faces=False), ())
    device = resolve_device(settings.device)
    counselor = build_counselor(settings, device, resolve_dtype(settings.precision, device))
    return replace(cast, counselor=counselor, view=build_view(settings, cast.painter, cast.verifier))


def remote_roles(settings: CounselSettings) -> frozenset[str]:
    """The roles that wait for an endpoint or a service."""
    return frozenset(
        role for role in ("client", "describer", "counselor") if getattr(settings, role) in (*REMOTE, "http")
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
        return ScriptedClient(settings.client_trust, settings.returns.are_remembered)
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
    return ChatClient(model, settings.client_trust, settings.returns.are_remembered)


def build_counselor(
    settings: CounselSettings, device: str, dtype: torch.dtype, rotation: Rotation | None = None
) -> Counselor:
    """A chat model or a merged checkpoint behind an endpoint, the base LLaVA, or a checkpoint.

    Raises:
        ValueError: the servers of a merged checkpoint do not answer, or not to the trained prompts.
    """
    untrained: dict[str, CounselorModel] = {}
    rotation = rotation or Rotation(device)
    first = "cpu" if "counselor" in rotation.resting else device
    if settings.counselor == "openai":
        speaker: CounselorModel = _chat_speaker(settings)
    elif settings.counselor == "served":
        speaker, untrained = served_speakers(settings)
    elif not settings.checkpoint:
        check_size(resolve_model(settings.base_model), settings.revision, settings.size)
        llava = seated(load(resolve_model(settings.base_model), settings.revision, dtype=dtype, device=first), rotation)
        speaker = _llava_speaker(settings, llava, {})
    else:
        folder = output_path(settings.checkpoint)
        manifest = read_manifest(folder)
        facts = checkpoint_facts(settings, manifest)
        llava = seated(load_checkpoint(folder, dtype=dtype, device=first), rotation)
        speaker = _llava_speaker(settings, llava, facts)
        base = _llava_speaker(settings, llava, facts, adapter=False)
        untrained = dict.fromkeys(manifest.untrained, base)
    return Counselor(
        speaker,
        settings.read_prompts(),
        Variant.of(settings.cot),
        settings.context,
        settings.planning_max_tokens,
        settings.prompts_from,
        untrained,
    )


def seated(llava: Vlm, rotation: Rotation) -> Vlm:
    """The counselor's model, where it takes turns with the other models of a run."""
    return replace(llava, seat=rotation.join("counselor", [llava.model]))


def _chat_speaker(settings: CounselSettings) -> ChatSpeaker:
    endpoint = counselor_endpoint(settings, settings.counselor_model, settings.counselor_url)
    return ChatSpeaker(endpoint, settings.sees_face)


def _llava_speaker(settings: CounselSettings, llava: Vlm, facts: dict[str, Any], adapter: bool = True) -> LlavaSpeaker:
    return LlavaSpeaker(
        llava,
        settings.temperature,
        settings.top_p,
        settings.max_new_tokens,
        settings.reply_batch,
        facts,
        longest_answer=longest_answer(settings),
        adapter=adapter,
        face_size=settings.face_size,
        sees_face=settings.sees_face,
    )


# Memory ---------------------------------------------------------------------------------------------------------------


def plan_memory(settings: CounselSettings, faces: bool = True) -> Plan:
    """What the run will need of its device, before any model is loaded or downloaded; `faces`: whether it paints any.

    Raises:
        ValueError: a model's file is broken, or PyTorch does not see the device.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.precision, device)
    together = min(settings.concurrency, settings.sessions or settings.concurrency)
    own = [_counselor_part(settings, dtype, together)] if settings.counselor == "llava" else []
    place = torch.device(device)
    parts = face_parts(settings, device, dtype, together * settings.ahead or settings.paint_batch) if faces else []
    return choose(
        [*own, *parts],
        settings.offload,
        device_name(place),
        available_memory(place),
        machine_memory(),
    )


def smaller_plans(settings: CounselSettings) -> Iterator[tuple[Mapping[str, int], Plan]]:
    """Smaller batches of the same run, with the plan of each: fewer faces first, which costs little time."""
    for sessions in [settings.concurrency, *(size for size in reversed(BATCHES) if size < settings.concurrency)]:
        batch = settings.paint_batch
        while batch:
            changes = {"paint_batch": batch, "concurrency": sessions}
            plan = plan_memory(settings.model_copy(update={**changes, "offload": "auto"}))
            if plan.resting:
                changes["waves"] = 1
            yield {name: size for name, size in changes.items() if size != getattr(settings, name)}, plan
            batch //= 2


def strangers(settings: CounselSettings, profiles: Iterable[Profile]) -> list[str]:
    """Which of some clients' names and reasons the counselor's model does not know, if its folder lists those it knows.

    Loads no model; says nothing of one behind an endpoint, or still to be downloaded.

    Raises:
        ValueError: the list cannot be read.
    """
    if settings.counselor == "openai" or (folder := folder_here(*_base_model(settings))) is None:
        return []
    known = KnownClients.read(folder)
    return known.strangers(profiles) if known else []


def download(settings: CounselSettings, roles: Collection[str]) -> None:
    """Downloads the models of some roles from the Hub, so that their sizes are known.

    Raises:
        FileNotFoundError: one is neither here nor on the Hub.
    """
    dtype = resolve_dtype(settings.precision, resolve_device(settings.device))
    if "counselor" in roles:
        base, revision = _base_model(settings)
        model_folder(resolve_model(base), revision, half=dtype in HALF)
    download_faces(settings, dtype, roles)


def _base_model(settings: CounselSettings) -> tuple[str, str]:
    if not settings.checkpoint:
        return settings.base_model, settings.revision
    manifest = read_manifest(output_path(settings.checkpoint))
    return manifest.base_model, manifest.revision


def _counselor_part(settings: CounselSettings, dtype: torch.dtype, sessions: int) -> Part:
    folder = folder_here(*_base_model(settings))
    adapter = _adapter_bytes(output_path(settings.checkpoint)) if settings.checkpoint else 0
    weights = llava_bytes(folder, dtype)
    if folder is None or weights is None:
        return Part("counselor", None)
    config, prompts = text_config(folder), min(sessions, settings.reply_batch)
    return Part(
        "counselor",
        weights + adapter,
        cache_bytes(config, prompts, POSITIONS, dtype),
        prefill_bytes(config, prompts, POSITIONS, dtype),
    )


def _adapter_bytes(folder: Path) -> int:
    """Of LoRA and projector, which are in float32."""
    files = [next((folder / name for name in names if (folder / name).is_file()), None) for names in WEIGHTS[1:]]
    return sum(file_bytes(file, torch.float32) for file in files if file)
