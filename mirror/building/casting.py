"""Builds what the settings of a build name: the writer, the reader of risk, describer, painter and verifier.

All pictures are described before the first is painted. So where the GPU does not hold both models, each rests in CPU
memory while the other works.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from mirror.building.screenplays.parsing import parse_screenplay
from mirror.building.screenplays.writing import Writer
from mirror.building.settings import BuildSettings
from mirror.chat.endpoint import ChatEndpoint
from mirror.faces.attributes import AttributeVerifier, FaceAttributes
from mirror.faces.casting import build_describer, build_painter, build_verifier, face_pack
from mirror.faces.description import Describer
from mirror.faces.memory import download_faces, face_parts
from mirror.faces.rejection_sampling import Painter
from mirror.faces.verification import Verifier
from mirror.models.device import available_memory, device_name, machine_memory, resolve_device, resolve_dtype
from mirror.models.memory.plan import Plan, choose, require
from mirror.models.memory.rotation import Rotation
from mirror.risk.classifier import RiskClassifier
from mirror.risk.flag import RiskReader
from mirror.risk.lexicon import RiskLexicon

log = logging.getLogger(__name__)


class FaceTools(NamedTuple):
    """Who describes, paints and verifies the pictures of a build."""

    describer: Describer
    painter: Painter
    verifier: Verifier

    def facts(self) -> dict[str, Mapping[str, Any]]:
        """What each reports about itself, by role."""
        return {role: tool.facts() for role, tool in self._asdict().items()}


def build_writer(settings: BuildSettings, folder: Path) -> Writer:
    """The chat model that writes screenplays, with its answers in `folder`.

    Raises:
        ValueError: the endpoint's URL or key is not valid.
    """
    endpoint = ChatEndpoint(
        settings.writer_model,
        settings.writer_url or None,
        temperature=settings.writer_temperature,
        top_p=settings.writer_top_p,
        max_tokens=settings.writer_max_tokens,
        frequency_penalty=settings.writer_frequency_penalty,
        presence_penalty=settings.writer_presence_penalty,
        concurrency=settings.concurrency,
        max_tokens_setting="writer_max_tokens",
    )
    return Writer(
        endpoint,
        folder,
        lambda text: parse_screenplay(text, settings.on_same_speaker),
        seed=settings.seed,
        concurrency=settings.concurrency,
    )


def build_risk_reader(settings: BuildSettings) -> RiskReader | None:
    """The lexicon, a text classifier, or None.

    Raises:
        FileNotFoundError: the classifier was not found.
        ValueError: it has no such labels, or cannot be read.
    """
    if settings.text_safety == "classifier":
        return RiskClassifier(settings.text_safety_model, settings.unsafe_labels, settings.device, settings.precision)
    return RiskLexicon("passive") if settings.text_safety == "lexicon" else None


def build_attributes(settings: BuildSettings) -> FaceAttributes:
    """What reads gender and age of faces.

    Raises:
        FileNotFoundError, ValueError: the pack is not found, or holds no such model.
    """
    return FaceAttributes.load(settings.face_pack, settings.device)


def build_face_tools(settings: BuildSettings, attributes: FaceAttributes) -> FaceTools:
    """Describer, painter and verifier as in counseling; the verifier also compares gender and age.

    Raises:
        DoesNotFit: the device has too little memory; nothing was loaded.
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.precision, device)
    if missing := plan_memory(settings).unknown:
        download_faces(settings, dtype, missing)
    plan = require(plan_memory(settings), smaller_plans(settings))
    log.info("memory: the build %s", plan.sentence())
    rotation = Rotation(device, plan.resting)
    verifier = build_verifier(settings, device)
    pack = face_pack(settings, device, verifier)
    painter = build_painter(settings, device, dtype, pack, rotation)
    compared: Verifier = verifier
    if settings.same_gender or settings.age_gap:
        compared = AttributeVerifier(verifier, attributes, settings.same_gender, settings.age_gap or None)
    return FaceTools(build_describer(settings, device, rotation), painter, compared)


def plan_memory(settings: BuildSettings) -> Plan:
    """What the build will need of its device, before any model is loaded or downloaded.

    Raises:
        ValueError: a model's file is broken, or PyTorch does not see the device.
    """
    device = resolve_device(settings.device)
    place = torch.device(device)
    parts = face_parts(settings, device, resolve_dtype(settings.precision, device), settings.paint_batch)
    return choose(parts, "auto", device_name(place), available_memory(place), machine_memory())


def smaller_plans(settings: BuildSettings) -> Iterator[tuple[Mapping[str, int], Plan]]:
    """Smaller batches of the same build, with the plan of each: the descriptions of a batch first, which take least."""
    painted = settings.paint_batch
    while painted:
        described = settings.concurrency
        while described:
            changes = {"paint_batch": painted, "concurrency": described}
            plan = plan_memory(settings.model_copy(update=changes))
            yield {name: size for name, size in changes.items() if size != getattr(settings, name)}, plan
            described //= 2
        painted //= 2
