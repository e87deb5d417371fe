"""What the data card of a set says of how the set was built: sources, models, thresholds, parameters."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mirror.building.casting import FaceTools
from mirror.building.screenplays.writing import Writer
from mirror.building.settings import BuildSettings
from mirror.building.training_set.data_card import CardFacts
from mirror.files.digests import sha256
from mirror.paths import input_path

IDENTIFYING = ("model", "base_model", "adapter", "describer", "recognition")  # facts that say which model it is


def card_facts(settings: BuildSettings, tools: FaceTools, writer: Writer | None) -> CardFacts:
    """Collects the facts of a build.

    Args:
        settings: of the build.
        tools: of its pictures.
        writer: of its screenplays; None if they were written before.
    """
    s = settings
    models = {"writer of screenplays": s.writer_model} if writer else {}
    models |= {"reader of risk": s.text_safety_model or s.text_safety} if s.text_safety != "none" else {}
    for role, facts in tools.facts().items():
        models |= dict(_models(role, facts))
    return CardFacts(
        title=f"Training set {s.run}: a counselor that sees its client's face",
        license="apache-2.0" if s.licences == "Apache-2.0" else "other",
        licences=_licences(s.licences),
        sources={name: _source(input_path(file)) for name, file in _files(s).items()},
        models=models,
        thresholds={
            "turns": f"{s.min_turns} to {s.max_turns}",
            "share of unique words in a line": s.unique_words,
            "equal parts of speech in a row": s.equal_parts_of_speech or None,
            "words of a copied sentence": s.copied_words or None,
            "similarity of face and cue": _threshold(tools, "relevance"),
            "similarity of face and portrait": _threshold(tools, "identity"),
            "years between client and portrait": s.portrait_age_gap,
            "years between portrait and face": s.age_gap or None,
        },
        parameters={
            "attempts per picture": s.attempts,
            "without an accepted picture": s.on_exhaustion.replace("_", " "),
            "utterances in a prompt": s.window,
            "records that ask for the plan": "one per dialogue" if s.plan_records else "none",
            "size of a picture": f"{s.face_size} × {s.face_size} pixels",
        },
        seeds={"all sampling, and the choice of portraits": s.seed},
    )


def _files(settings: BuildSettings) -> dict[str, str]:
    files: dict[str, str] = {} if settings.source == "runs" else {settings.source: settings.table}
    files |= {"test clients": settings.test_table} if settings.test_table else {}
    tables = settings.portrait_tables
    return files | {
        f"portraits {number}" if len(tables) > 1 else "portraits": str(path) for number, path in enumerate(tables, 1)
    }


def _source(path: Path) -> str:
    return f"{path.name}, SHA-256 {sha256(path)[:16]}"


def _models(role: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The models in the facts of a role, those of its parts included."""
    version = facts.get("revision") or str(facts.get("sha256", ""))[:16]
    for name in IDENTIFYING:
        if isinstance(value := facts.get(name), str) and value:
            yield (role if name in ("model", role) else f"{role}, {name}"), f"{value} {version}".strip()
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _models(f"{role}, {name}", value)


def _threshold(tools: FaceTools, name: str) -> float | None:
    """The threshold of a check, in whatever the verifier wraps or asks."""
    parts: list[Mapping[str, Any]] = [tools.verifier.facts()]
    while parts:
        part = parts.pop()
        if isinstance(found := part.get(name), Mapping) and "threshold" in found:
            return float(found["threshold"])
        parts += [value for value in part.values() if isinstance(value, Mapping)]
    return None


def _licences(text: str) -> dict[str, str]:
    """Licences by source, from `dialogues: GPL-2.0; portraits: non-commercial research`."""
    pairs = [part.partition(":") for part in text.split(";") if part.strip()]
    return {name.strip() if colon else "all": (licence if colon else name).strip() for name, colon, licence in pairs}
