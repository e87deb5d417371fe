"""The replies of a counseling run with the verdicts on them, and the row of its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirror.clients.lexicon import lexicon
from mirror.transcripts.arm import Arm
from mirror.transcripts.turn import Turn
from pocket.coherence.replies import Client, Fit, check_plan, check_reply
from pocket.texts.wordings import nearest


@dataclass(frozen=True)
class Checked:
    """A turn's reply with the verdict on it; `plan` holds what does not fit in a plan made in this turn, if any was."""

    session: str
    turn: Turn
    shown: str | None
    fit: Fit
    plan: tuple[str, ...] | None


def shown_expression(turn: Turn) -> str | None:
    """The drawn expression that the client's cue shows; None if the lexicon reads none or several."""
    found = {nearest(reading.name) for reading in lexicon().read(turn.cue)}
    return found.pop() if len(found) == 1 else None


def check_run(folder: Path) -> list[Checked]:
    """Checks all replies of a counseling run.

    Raises:
        ArmError: The folder is no counseling run.
        ValueError: A client is no pocket client.
    """
    checked, arm = [], Arm.read(folder)
    for session in arm.sessions:
        client = Client.of(arm.person(session.folder.name))
        before: tuple[str, ...] = ()
        for turn in session.turns():
            if turn.reply:
                shown = shown_expression(turn)
                plan = check_plan(turn.plan, client) if turn.plan and turn.plan != before else None
                fit = check_reply(turn.reply, client, shown)
                checked.append(Checked(session.folder.name, turn, shown, fit, plan))
            before = turn.plan or before
    return checked


COLUMNS = ("arm", "replies", "name", "worry", "face", "all three", "names a feeling", "speaks of the worry", "plans")


def format_row(arm: str, checked: Sequence[Checked]) -> tuple[str, ...]:
    """A row of the table: shares with counts."""

    fits = [one.fit for one in checked]
    plans = [one.plan for one in checked if one.plan is not None]
    return (
        arm,
        str(len(fits)),
        *(
            _share([bool(value) for value in values])
            for values in (
                [not fit.name for fit in fits],
                [not fit.worry for fit in fits],
                [not fit.face for fit in fits],
                [fit.all for fit in fits],
                [fit.names_feeling for fit in fits],
                [fit.names_worry for fit in fits],
                [not plan for plan in plans],
            )
        ),
    )


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values) / len(values):.1%} ({sum(values)})" if values else "-"
