"""A blind comparison of two counselors: in which order they are shown, and the vote of a person.

A vote is a line of `preferences.jsonl`, as of a judge that compares two runs (`mirror.rating.preferences`).
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mirror.exploration.run import Exploration
from mirror.files.digests import sha256
from mirror.files.json_lines import append_line
from mirror.files.lock import locked
from mirror.rating.instrument import read_instrument
from mirror.rating.preferences import FILE, PreferenceRecord, read_preferences
from mirror.run_folder import Run
from mirror.seeds import seed_for

Vote = Literal["first", "second", "neither"]
INSTRUMENT, ITEM = "helpfulness", "helpful"
LABELS = ("A", "B")


def question() -> str:
    """What a person votes on."""
    (text,) = (item.text for item in read_instrument(INSTRUMENT).items if item.id == ITEM)
    return " ".join((text or ITEM).split())


def shown_order(seed: int, session: str) -> tuple[int, int]:
    """The counselors in the order in which they are shown: a fair lot, the same for the same session.

    Args:
        seed: of the exploration.
        session: its name, as it will be saved.
    """
    return (1, 0) if seed_for(seed, "shown", session) % 2 else (0, 1)


def keep_vote(
    exploration: Exploration, session: str, folders: Sequence[Path], order: tuple[int, int], vote: Vote, reason: str
) -> str:
    """Writes a vote on a saved session, and counts the votes so far.

    Args:
        exploration: whose runs and rater are named in the record.
        session: its name.
        folders: of the session, one per counselor.
        order: in which the counselors were shown.
        vote: for the one that was shown first, or second.
        reason: of the person; may be empty.

    Returns:
        A sentence that counts.

    Raises:
        RunConflict, FolderInUse, OSError: the folder of the votes cannot be written.
    """
    explored = exploration.explored
    settings = {"runs": list(explored.runs), "instrument": INSTRUMENT, "item": ITEM}
    run = Run(explored.votes, settings, frozenset()).open()
    first, second = (explored.runs[side] for side in order)
    said = [sha256(folder / "turns.jsonl") for folder in folders]
    record = PreferenceRecord(
        idx=session,
        first=first,
        second=second,
        instrument=INSTRUMENT,
        repeat=1,
        status="rated",
        scores={ITEM: vote},
        reason=reason,
        raw=json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "turns": len(exploration.exchanges)}),
        judge=f"human {explored.rater}",
        run=explored.votes,
        asked=hashlib.sha256(json.dumps(["vote", first, second, *said]).encode()).hexdigest(),
        attempts=1,
        kind="human",
    )
    with locked(run.folder, "keeping a vote"):
        append_line(run.folder / FILE, record)
    run.record("complete")
    return count_votes(run.folder, record.judge)


def count_votes(folder: Path, rater: str) -> str:
    """A sentence on the votes of one person in a folder."""
    votes = read_preferences(folder)
    own = votes[votes["judge"] == rater]
    chosen = own["first"].where(own["preferred"] == "first", own["second"]).where(own["preferred"] != "neither")
    counts = ", ".join(f"{name} in {count}" for name, count in sorted(chosen.value_counts().items()))
    neither = f"no difference in {(own['preferred'] == 'neither').sum()}"
    return f"Of your {len(own)} votes so far: {counts + ', ' if counts else ''}{neither}."
