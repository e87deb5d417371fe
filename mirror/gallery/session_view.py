"""What the gallery shows of one session, as values for its template; pictures are data URLs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

from mirror.clients.lexicon import agrees, read_feelings
from mirror.html_page import picture_url
from mirror.rating.ratings import is_evidence
from mirror.transcripts.arm import Arm, Person
from mirror.transcripts.flags import TurnFlag
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, SeenRecord, Turn
from mirror.transcripts.verdict import Check, Verdict

FACE, SMALL_FACE = 240, 128  # pixels, the side of a shown face; the second in runs with more than MANY faces
MANY = 1200
ATTEMPT = 88  # pixels, the side of a face among the attempts
MOST_ATTEMPTS = 2500  # with more attempts in a run, the page has no images of them, only their verdicts
QUESTIONS = {
    "safe": "unsafe",
    "relevant": "shows the cue",
    "same_person": "same person",
    "same_gender": "same gender",
    "age": "years apart",
}
INSTEAD = {  # what the counselor saw in place of the face, by condition
    "neutral": "it saw the client calm",
    "swapped": "it saw another client",
    "blank": "it saw a gray square",
    "cue": "it read the cue",
}


@dataclass(frozen=True)
class ShownRating:
    """One item of a judge's rating as the page shows it.

    Attributes:
        instrument: the instrument and the judge.
        item: the question that was rated.
        turn: the rated turn; 0: the whole session.
        score: the mean over repeats, or `missing`.
    """

    instrument: str
    item: str
    turn: int
    score: str


def ratings_by_client(ratings: pd.DataFrame) -> dict[str, list[ShownRating]]:
    """Averages the items of all judges over repeats, by client.

    Args:
        ratings: as `mirror.rating.ratings.read_ratings` returns them.
    """
    found: dict[str, list[ShownRating]] = {}
    keys = ["idx", "instrument", "judge", "item", "turn"]
    means = ratings.groupby(keys, dropna=False, sort=False)["score"].mean().reset_index()  # NaN without any score
    columns = (means[name].tolist() for name in (*keys, "score"))
    for idx, instrument, judge, item, turn, score in zip(*columns, strict=True):
        by = judge if is_evidence(judge) else f"{judge}: rehearsal, no evidence"
        shown = "missing" if isnan(score) else f"{score:.1f}"
        rating = ShownRating(f"{instrument}, {by}", item.replace("_", " "), 0 if isnan(turn) else int(turn), shown)
        found.setdefault(idx, []).append(rating)
    return found


@dataclass(frozen=True)
class Pictures:
    """The size of the images in a page, chosen by their number.

    Attributes:
        side: pixels, of a shown face.
        with_attempts: whether the page has images of all attempts.
    """

    side: int
    with_attempts: bool

    @classmethod
    def of(cls, turns: list[Turn]) -> "Pictures":
        """Chooses the size for the faces of these turns."""
        faces = [turn.face for turn in turns if turn.face]
        attempts = sum(len(face.attempts) for face in faces)
        return cls(FACE if len(faces) <= MANY else SMALL_FACE, attempts <= MOST_ATTEMPTS)


def session_view(
    arm: Arm,
    session: SessionFolder,
    turns: tuple[Turn, ...],
    flags: tuple[TurnFlag, ...],
    pictures: Pictures,
    ratings: dict[str, list[ShownRating]],
) -> dict[str, Any]:
    """Returns what the page shows of one session."""
    ended, idx = session.ended or {}, session.folder.name
    status = ended.get("status", "open")
    by_client = "client" if turns and turns[-1].ended else "limit"
    faces = [turn.face for turn in turns if turn.face and turn.face.is_painted]
    person = arm.person(idx)
    last_attempts = [AttemptRecord.model_validate(attempt, strict=False) for attempt in ended.get("attempts", ())]
    rated = ratings.get(idx, [])
    return {
        "idx": idx,
        "person": person,
        "about": about(person),
        "outcome": by_client if status == "complete" else status,
        "reason": ended.get("reason", "it has not ended, or the run was stopped"),
        "faces": len(faces),
        "accepted": sum(not face.exhausted for face in faces),
        "exhausted": sum(face.exhausted for face in faces),
        "flagged": len({flag.turn for flag in flags if flag.speaker == "client"}),
        "turns": list(turn_views(session, turns, pictures, rated, flags)),
        "last_attempts": [attempt_view(session, attempt, pictures, False) for attempt in last_attempts],
        "ratings": by_instrument(rating for rating in rated if not rating.turn),
        "snippet": next((turn.words for turn in turns if turn.words), "(no words yet)"),
    }


def about(person: Person) -> str:
    """Returns the client's personal information without the name, which is the heading."""
    info = person.personal_info
    return info.removeprefix(f"{person.name}, ") if person.name else info


def turn_views(
    session: SessionFolder,
    turns: tuple[Turn, ...],
    pictures: Pictures,
    ratings: list[ShownRating],
    flags: tuple[TurnFlag, ...],
) -> Iterator[dict[str, Any]]:
    """Yields what the page shows of each turn."""
    technique, plan = "", tuple[str, ...]()
    for turn in turns:
        is_new = bool(turn.technique) and (turn.technique, turn.plan) != (technique, plan)
        technique, plan = turn.technique, turn.plan
        yield {
            "turn": turn,
            "is_new_plan": is_new,
            "face": face_view(session, turn.face, turn.description or {}, pictures) if turn.face else None,
            "instead": instead_view(session, turn.seen) if turn.seen else None,
            "caption_agrees": agrees(turn.caption, turn.cue) if turn.caption else None,
            "cue_feelings": ", ".join(read_feelings(turn.cue)),
            "ratings": [rating for rating in ratings if rating.turn == turn.number],
            "flags": [flag for flag in flags if flag.turn == turn.number],
        }


def face_view(
    session: SessionFolder, face: FaceRecord, described: Mapping[str, Any], pictures: Pictures
) -> dict[str, Any]:
    """Returns what the page shows of a face, with its attempts and its description."""
    total = len(face.attempts)
    summary = f"none of {total} accepted, best shown" if face.exhausted else f"accepted, {face.chosen} of {total}"
    return {
        "url": picture_url(session.folder / face.file, pictures.side),
        "is_painted": face.is_painted,
        "exhausted": face.exhausted,
        "summary": summary,
        "attempts": [attempt_view(session, one, pictures, one.number == face.chosen) for one in face.attempts],
        "expression": described.get("expression", ""),
        "contrast": described.get("contrast", ""),
    }


def instead_view(session: SessionFolder, seen: SeenRecord) -> dict[str, str]:
    """Returns what the page shows of what the counselor saw in place of the face."""
    return {"url": picture_url(session.folder / seen.file, ATTEMPT), "words": INSTEAD[seen.condition]}


def attempt_view(session: SessionFolder, attempt: AttemptRecord, pictures: Pictures, is_chosen: bool) -> dict[str, Any]:
    """Returns what the page shows of one attempt."""
    verdict: Verdict = attempt.verdict
    return {
        "number": attempt.number,
        "seed": attempt.seed,
        "is_chosen": is_chosen,
        "accepted": verdict.accepted,
        "outcome": verdict.outcome.replace("_", " "),
        "url": picture_url(session.folder / attempt.file, ATTEMPT) if pictures.with_attempts else "",
        "checks": [check_view(check) for check in verdict.checks],
    }


def check_view(check: Check) -> dict[str, Any]:
    """Returns a check with its score and threshold."""
    return {
        "name": QUESTIONS[check.name],
        "score": f"{check.score:.2f}",
        "threshold": f"{check.sign} {check.threshold:.2f}",
        "passed": check.passed,
    }


def by_instrument(ratings: Iterable[ShownRating]) -> dict[str, list[ShownRating]]:
    """Groups ratings by instrument and judge."""
    found: dict[str, list[ShownRating]] = {}
    for rating in ratings:
        found.setdefault(rating.instrument, []).append(rating)
    return found
