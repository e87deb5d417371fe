"""The table of the measurements of memory, and the files that hold it. Measures nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mirror.benchmarks.counseling_report import markdown
from mirror.benchmarks.memory.case import Measurement
from mirror.benchmarks.random_models.cast import REPLY
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.provenance import versions

REPORT = """# Counseling on a small card: memory and seconds a turn

`{command}`

{device}; {versions}.
{what}
Faces are painted {paint_batch} at a time; sessions of {turns} turns, variant `base`.

{table}

*card*: what PyTorch may have, as if the GPU were a card of that size. *estimated*: what a run is said to need before
its models load; *refused* where that is more than the card has. *reserved*: the most that PyTorch reserved while
sessions ran. *painting*, *replying*: the most that tensors took in that stage besides weights and the cache of replies;
what CUDA graphs hold is not in it. *in CPU memory*: weights at rest, pinned. *coming back*: seconds until a model that
rested can work again, which are part of the stages.
"""
WHAT = {
    "7b": "Random weights in bf16 at the shapes of LLaVA-1.5-7b, SDXL with PhotoMaker v1 (1024 × 1024, {steps} steps "
    "of ddim, guidance 5, `compile` `{compile}`), CLIP ViT-B/32, ViT-B/16 and a pack as buffalo_l; scripted client, "
    "lexicon, replies of {reply} tokens.\nEach face is accepted at once.",
    "pocket": "The pocket models of this repository, float32.",
}


def table(measurements: Sequence[Measurement]) -> str:
    """A Markdown table, one row per case."""
    rows = [
        {
            "card": f"{m.case.card} GiB" if m.case.card else "the whole GPU",
            "sessions": str(m.case.sessions),
            "offload": m.case.offload,
            "estimated, GB": _number(m.estimated, 1) + ", refused" * (m.estimated is not None and not m.fits),
            "reserved, GB": m.failure or _number(m.reserved, 1),
            "painting, GB": _number(m.painting, 2),
            "replying, GB": _number(m.replying, 2),
            "in CPU memory, GB": _number(m.pinned, 1),
            "s a turn": _number(m.seconds, 2),
            "painter, s": _number((m.stages or {}).get("painter"), 2),
            "counselor, s": _number((m.stages or {}).get("counselor"), 2),
            "coming back, s": ", ".join(f"{role} {value:.2f}" for role, value in (m.moving or {}).items()) or "–",
        }
        for m in measurements
    ]
    return markdown(rows)


def _number(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def add(folder: Path, measurement: Measurement, command: str) -> str:
    """Adds a row to `memory.json` and `memory.md`, in place of an earlier one of the same case; returns the table."""
    path = folder / "memory.json"
    known = [Measurement.of(row) for row in json.loads(path.read_text("utf-8"))] if path.is_file() else []
    case = measurement.case
    kept = [row for row in known if row.case != case and row.case.size == case.size]
    rows = sorted([*kept, measurement], key=lambda row: (row.case.sessions, row.case.card == 0, row.case.offload))
    write_json(path, [asdict(row) for row in rows])
    found = table(rows)
    text = REPORT.format(
        command=command,
        device=measurement.device,
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        what=WHAT[case.size].format(steps=case.steps, compile=case.compile, reply=REPLY),
        paint_batch=case.paint_batch,
        turns=case.turns,
        table=found,
    )
    write_text(folder / "memory.md", text)
    return found
