"""Builds what the settings of a build name: the writer, the reader of risk, describer, painter and verifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mirror.building.screenplays.parsing import parse_screenplay
from mirror.building.screenplays.writing import Writer
from mirror.building.settings import BuildSettings
from mirror.chat.endpoint import ChatEndpoint
from mirror.faces.attributes import AttributeVerifier, FaceAttributes
from mirror.faces.casting import build_describer, build_painter, build_verifier, face_pack
from mirror.faces.description import Describer
from mirror.faces.rejection_sampling import Painter
from mirror.faces.verification import Verifier
from mirror.models.device import resolve_device, resolve_dtype
from mirror.risk.classifier import RiskClassifier
from mirror.risk.flag import RiskReader
from mirror.risk.lexicon import RiskLexicon


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
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say.
    """
    device = resolve_device(settings.device)
    verifier = build_verifier(settings, device)
    pack = face_pack(settings, device, verifier)
    painter = build_painter(settings, device, resolve_dtype(settings.precision, device), pack)
    compared: Verifier = verifier
    if settings.same_gender or settings.age_gap:
        compared = AttributeVerifier(verifier, attributes, settings.same_gender, settings.age_gap or None)
    return FaceTools(build_describer(settings, device), painter, compared)
