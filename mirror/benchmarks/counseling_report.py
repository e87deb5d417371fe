"""What a benchmark of sessions has measured, as tables and as a report."""

from collections.abc import Sequence
from dataclasses import dataclass

PUBLISHED_TURNS = 3600 / (4.5 + 1.98)  # per hour: a face, then a reply of 64 tokens, on the authors' machine


@dataclass(frozen=True)
class Measurement:
    """The speed at one concurrency. A turn is a face and its reply; a client's last utterance has neither.

    Attributes:
        concurrency: sessions at a time.
        waves: into which they are divided.
        sessions: of all.
        turns: of all sessions.
        seconds: for all sessions.
        stages: role → seconds per turn in which it is at work; roles work at the same time.
        busy: share of the time in which the painter or the counselor is at work.
        attempts: faces painted per face shown.
        reply_tokens: mean per reply.
        start_seconds: of one unmeasured turn before, which compiles and records CUDA graphs on a GPU.
        memory_gb: peak of reserved GPU memory, in 10⁹ bytes; None on a CPU.
        transcripts: hash of all files of the sessions but the timings.
    """

    concurrency: int
    waves: int
    sessions: int
    turns: int
    seconds: float
    stages: dict[str, float]
    busy: float
    attempts: float
    reply_tokens: float
    start_seconds: float
    memory_gb: float | None
    transcripts: str

    @property
    def turns_per_hour(self) -> float:
        """Turns of all sessions together."""
        return 3600 * self.turns / self.seconds

    @property
    def sessions_per_hour(self) -> float:
        """Whole sessions."""
        return 3600 * self.sessions / self.seconds


def table(measurements: Sequence[Measurement], against_published: bool) -> str:
    """Two Markdown tables with one row per concurrency: speed, and time per stage.

    Args:
        measurements: ratios are to the first.
        against_published: add the ratio to the published speed.
    """
    first = measurements[0].turns_per_hour
    speeds = [
        {
            "sessions at a time": f"{m.concurrency}" + f" in {m.waves} waves" * (m.waves > 1),
            "measured": f"{m.sessions} sessions, {m.turns} turns, {m.seconds:.1f} s",
            "sessions an hour": f"{m.sessions_per_hour:.0f}",
            "turns an hour (ratio)": f"{m.turns_per_hour:.0f} ({m.turns_per_hour / first:.2f})",
        }
        | ({"to the published": f"{m.turns_per_hour / PUBLISHED_TURNS:.2f}"} if against_published else {})
        | {"start": f"{m.start_seconds:.0f} s"}
        | ({} if m.memory_gb is None else {"memory": f"{m.memory_gb:.0f} GB"})
        for m in measurements
    ]
    times = [
        {"sessions at a time": f"{m.concurrency}", "s a turn": f"{m.seconds / m.turns:.3f}"}
        | {role: f"{seconds:.3f}" for role, seconds in m.stages.items()}
        | {"GPU at work": f"{m.busy:.0%}"}
        | {"attempts a face": f"{m.attempts:.1f}", "tokens a reply": f"{m.reply_tokens:.0f}"}
        for m in measurements
    ]
    return f"{markdown(speeds)}\n\n{markdown(times)}"


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """A Markdown table; the keys of the first row are the header."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


REPORT = """# Counseling: sessions and turns an hour

`{command}`

{machine}; {versions}.
{what}
Sessions of up to {turns} turns, variant `{cot}`.

{table}

*a turn*: a face, shown, and its reply. *client* … *counselor*: the seconds a turn in which each is at work, some
at the same time. *GPU at work*: the share of the time in which the painter or the counselor works. *start*: what
compiles and records before the clock, and one turn. *memory*: the most that PyTorch reserved on the GPU.
{published}"""
AGAINST = {
    "pocket": """
Transcripts, faces and verdicts of {same} of {rows} rows are those of the first, to the byte.
""",
    "7b": """
*to the published*: turns per hour divided by {published_turns:.0f}, which follows from the published 4.5 s per face and
1.98 s per reply of 64 tokens, in sequence, if every face is accepted at once. Those were measured on the authors'
machine, so this ratio compares machines, too.
""",
}
WHAT = {
    "pocket": "The pocket models of this repository, float32.",
    "7b": "Random weights in bf16 at the shapes of LLaVA-1.5-7b, SDXL with PhotoMaker v1 (1024 × 1024, {steps} steps "
    "of {scheduler}, guidance {guidance:g}, `compile` `{compile}`), CLIP ViT-B/32, ViT-B/16 and a pack as buffalo_l "
    "({providers}); scripted client that takes {client:g} s, lexicon, the pocket tokenizers, replies of 64 tokens.\n"
    "All filters do their work, and each face is accepted at once.",
}
