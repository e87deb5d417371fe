"""The replies of a counseling run with the verdicts on them, and the row of its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mirror.clients.lexicon import lexicon
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn
from pocket.coherence.replies import Client, Fit, check_plan, check_reply
from pocket.texts.wordings import nearest


@dataclass(frozen=True)
class Checked:
    """A turn's reply with the verdict on it.

    Attributes:
        session: Its name.
        turn: The turn.
        shown: The expression of the client's cue; None if unknown.
        seen: That of the face which the counselor saw; None if unknown, as of a gray square.
        fit: The verdict.
        plan: What does not fit in a plan made in this turn; None if none was made.
    """

    session: str
    turn: Turn
    shown: str | None
    seen: str | None
    fit: Fit
    plan: tuple[str, ...] | None


def shown_expression(turn: Turn) -> str | None:
    """The drawn expression that the client's cue shows; None if the lexicon reads none or several."""
    found = {nearest(reading.name) for reading in lexicon().read(turn.cue)}
    return found.pop() if len(found) == 1 else None


def seen_expression(turn: Turn, runs: Path) -> str | None:
    """The drawn expression of the face that the counselor saw; None if it saw none, or one that is not known.

    Args:
        turn: The turn.
        runs: The folder of the run, where the run that another client's face is from lies, too.
    """
    if turn.seen is None:
        return shown_expression(turn)
    if turn.seen.condition != "swapped":
        return "calm" if turn.seen.condition == "neutral" else None
    run, idx, number = turn.seen.source.split("/")
    return next(
        (shown_expression(one) for one in _turns(runs / run / "sessions" / idx) if one.number == int(number)), None
    )


@cache
def _turns(session: Path) -> tuple[Turn, ...]:
    return SessionFolder(session).turns()


def pocket_clients(folder: Path) -> dict[str, Client]:
    """The clients of a counseling run by session; reads no turn.

    Raises:
        ArmError: The folder is no counseling run.
        ValueError: A client is no pocket client.
    """
    arm = Arm.read(folder)
    return {session.folder.name: Client.of(arm.person(session.folder.name)) for session in arm.sessions}


def check_run(folder: Path) -> list[Checked]:
    """Checks all replies of a counseling run.

    Raises:
        As `pocket_clients`.
    """
    checked, arm, clients = [], Arm.read(folder), pocket_clients(folder)
    for session in arm.sessions:
        client = clients[session.folder.name]
        before: tuple[str, ...] = ()
        for turn in session.turns():
            if turn.reply:
                shown = shown_expression(turn)
                plan = check_plan(turn.plan, client) if turn.plan and turn.plan != before else None
                fit = check_reply(turn.reply, client, shown)
                seen = seen_expression(turn, folder.parent)
                checked.append(Checked(session.folder.name, turn, shown, seen, fit, plan))
            before = turn.plan or before
    return checked


COLUMNS = (
    *("arm", "replies", "name", "worry", "face", "all three"),
    *("names a feeling", "the client's", "the seen face's", "saw the client's", "speaks of the worry", "plans"),
)


def format_row(arm: str, checked: Sequence[Checked]) -> tuple[str, ...]:
    """A row of the table: shares with counts.

    Of the replies: those that fit by name, by worry, by face and by all; those that name a feeling, one that the client
    shows, and one of the face that the counselor saw; those where this face shows what the client does.
    """
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
                [fit.feelings for fit in fits],
                [one.shown in one.fit.feelings for one in checked],
                [one.seen in one.fit.feelings for one in checked],
                [one.shown is not None and one.seen == one.shown for one in checked],
                [fit.names_worry for fit in fits],
                [not plan for plan in plans],
            )
        ),
    )


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values) / len(values):.1%} ({sum(values)})" if values else "-"
