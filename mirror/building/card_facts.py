"""What the data card of a set says of how the set was built: sources, models, thresholds, parameters."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mirror.building.screenplays.columns import DEFAULTS, parse_columns
from mirror.building.screenplays.table_file import read_table
from mirror.building.screenplays.writing import Writer
from mirror.building.settings import BuildSettings
from mirror.building.training_set.data_card import CardFacts
from mirror.files.digests import content_digest
from mirror.files.text_file import read_text
from mirror.paths import input_path

IDENTIFYING = ("model", "base_model", "adapter", "describer", "recognition")  # facts that say which model it is


def card_facts(settings: BuildSettings, faces: Mapping[str, Mapping[str, Any]], writer: Writer | None) -> CardFacts:
    """Collects the facts of a build.

    Args:
        settings: of the build.
        faces: what describer, painter and verifier report about themselves, by role; empty where nothing is painted.
        writer: of its screenplays; None if they were written before.
    """
    s = settings
    models = {"writer of screenplays": s.writer_model} if writer else {}
    models |= {"reader of risk": s.text_safety_model or s.text_safety} if s.text_safety != "none" else {}
    for role, facts in faces.items():
        models |= dict(_models(role, facts))
    return CardFacts(
        title=f"Training set {s.run}: a counselor that sees its client's face",
        license="apache-2.0" if s.licences == "Apache-2.0" else "other",
        licences=_licences(s.licences),
        sources=_sources(s),
        models=models,
        thresholds={
            "turns": f"{s.min_turns} to {s.max_turns}",
            "share of unique words in a line": s.unique_words,
            "equal parts of speech in a row": s.equal_parts_of_speech or None,
            "words of a copied sentence": s.copied_words or None,
            "similarity of face and cue": _threshold(faces, "relevance"),
            "similarity of face and portrait": _threshold(faces, "identity"),
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


def _sources(settings: BuildSettings) -> dict[str, str]:
    """The inputs with digests of their rows in any order: another order of rows gives the same set, and this card."""
    s = settings
    columns = {**DEFAULTS, **parse_columns(s.columns)}.values()
    tables: dict[str, str] = {} if s.source == "runs" else {s.source: s.table}
    tables |= {"test clients": s.test_table} if s.test_table else {}
    found = {} if s.source != "runs" else {"runs": f"{s.runs}; sessions: {s.accept or 'all'}"}
    for name, file in tables.items():
        rows = read_table(input_path(file), columns).rows
        found[name] = _source(file, [content_digest({"cells": row.cells, "fault": row.fault}) for row in rows])
    for number, path in enumerate(s.portrait_tables if s.reads_portraits else (), 1):
        name = f"portraits {number}" if len(s.portrait_tables) > 1 else "portraits"
        found[name] = _source(str(path), read_text(path).splitlines())
    return found


def _source(file: str, rows: Iterable[str]) -> str:
    content = content_digest({"rows": sorted(rows)})
    return f"{Path(file).name}, SHA-256 of its rows {content[:16]}"


def _models(role: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The models in the facts of a role, those of its parts included."""
    version = facts.get("revision") or str(facts.get("sha256", ""))[:16]
    for name in IDENTIFYING:
        if isinstance(value := facts.get(name), str) and value:
            yield (role if name in ("model", role) else f"{role}, {name}"), f"{value} {version}".strip()
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _models(f"{role}, {name}", value)


def _threshold(faces: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """The threshold of a check, in whatever the verifier wraps or asks."""
    parts: list[Mapping[str, Any]] = [faces["verifier"]] if faces else []
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
