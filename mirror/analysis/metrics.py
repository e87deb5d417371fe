"""What transcripts show without a judge: a table with one row per turn, and one with one row per session.

Flags are 1, 0 or missing (NaN): a reply to a cue that the lexicon cannot read neither names nor misses its feeling.
The lexicon reads words, not minds: `resistant` is what a cue shows, not what a client is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import pandas as pd

from mirror.clients.lexicon import agrees, read_feelings
from mirror.clients.openness import Mood, moods, named_feeling, reflects_words
from mirror.prompts import canonical_technique
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

# The expressions by which a client holds off the counselor. Sadness, fear or shame are no resistance.
RESISTANT = frozenset(
    "skeptical withdrawn irritated guarded angry frustrated defensive contemptuous disgusted resentful sullen bored "
    "indifferent".split()
)
SHINGLE = 4  # words in a row by which a reply repeats an earlier one
TURN_COLUMNS = (
    "idx turn feelings resistant words ended attempts accepted accepted_first unsafe relevance identity "
    "caption_feelings caption_agrees reply_words questions names reflects repeats repetition reaction openness "
    "technique"
).split()

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Metrics:
    """The two tables of a run.

    Attributes:
        turns: one row per turn on disk:
            idx, turn: the client, and the turn's number from 1.
            feelings, resistant: what the lexicon reads in the cue (joined by commas); whether one of it is resistant.
            words, ended: the client's words; whether the client ended the session with them.
            attempts, accepted, accepted_first, unsafe: of the face (`unsafe` counts attempts).
            relevance, identity: cosines of the face that was shown; missing where the check was not made.
            caption_feelings, caption_agrees: what the caption names; whether the cue shows one of it.
            reply_words, questions: the reply's words and question marks.
            names, reflects: whether it names a feeling that shows; whether it takes up words of the client's in an
                open question.
            repeats, repetition: whether the reply was given before in the session; the share of its four-word
                sequences that the counselor has used before.
            reaction: what a client makes of the reply (`mirror.clients.openness.Kind`).
            openness: of a scripted client after the turn, from 0 to 1.
            technique: the CBT technique in force.
            tokens_<role>, seconds_<stage>: as far as they were counted.
        sessions: one row per session, complete or not:
            idx, resistance, status (complete, failed, open), ended_by (client, turn limit, error, nothing yet), turns.
            resistant: the share of the client's turns that show resistance; `halves` tells how it moved.
            accepted, accepted_first, caption_agrees, names, reflects, repeats: shares of the turns that have a value.
            attempts, relevance, identity, reply_words, questions, repetition: means over turns.
            distinct_1, distinct_2: different words (pairs of words) of all that the counselor says; after Li et al.
                2016 (arXiv:1510.03055). Longer sessions have lower ones.
            openness: of a scripted client at the end.
            techniques: how many different ones were used.
            tokens, seconds: of the whole session, and as above by role and stage; missing where they were not counted.
    """

    turns: pd.DataFrame
    sessions: pd.DataFrame


def read_metrics(arm: Arm) -> Metrics:
    """Raises TranscriptError where a transcript is damaged."""
    turn_rows, session_rows = [], []
    for session in arm.sessions:
        rows, facts = _read_session(arm, session)
        turn_rows += rows
        session_rows.append(facts)
    turns = pd.DataFrame(turn_rows)
    extra = [name for name in turns if name not in TURN_COLUMNS]
    turns = turns.reindex(columns=[*TURN_COLUMNS, *extra])
    return Metrics(turns, _with_means(pd.DataFrame(session_rows), turns))


@dataclass
class _Heard:
    """What the counselor has said so far in a session."""

    replies: set[tuple[str, ...]] = field(default_factory=set)
    shingles: set[tuple[str, ...]] = field(default_factory=set)
    words: list[str] = field(default_factory=list)

    def hear(self, reply: str) -> dict[str, float]:
        words = tuple(_WORD.findall(reply.lower()))
        shingles = set(_runs(words, SHINGLE))
        found = {
            "repeats": float(words in self.replies) if self.replies else nan,
            "repetition": len(shingles & self.shingles) / len(shingles) if shingles and self.replies else nan,
        }
        self.replies.add(words)
        self.shingles |= shingles
        self.words += words
        return {"reply_words": float(len(words))} | found

    def distinct(self, n: int) -> float:
        runs = _runs(self.words, n)
        return len(set(runs)) / len(runs) if runs else nan


def _read_session(arm: Arm, session: SessionFolder) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    turns, timings, ended, idx = session.turns(), session.timings(), session.ended, session.folder.name
    resistance = arm.person(idx).resistance
    after = list(moods(resistance or "none", turns))[1:]
    is_known = arm.is_scripted and resistance is not None
    heard, rows = _Heard(), []
    for turn, mood in zip(turns, after, strict=True):
        row = {"idx": idx, "turn": turn.number, "openness": mood.openness if is_known else nan}
        row |= _client(turn) | _face(turn) | _counselor(turn, mood, heard) | _tokens(turn)
        rows.append(row | {f"seconds_{stage}": spent for stage, spent in timings.get(turn.number, {}).items()})
    status = ended["status"] if ended else "open"
    by = "client" if turns and turns[-1].ended else {"complete": "turn limit", "failed": "error"}.get(status, "")
    return rows, {
        "idx": idx,
        "resistance": resistance,
        "status": status,
        "ended_by": by or "nothing yet",
        "turns": len(turns),
        "distinct_1": heard.distinct(1),
        "distinct_2": heard.distinct(2),
        "openness": after[-1].openness if after and is_known else nan,
        "techniques": len({technique_name(turn) for turn in turns if turn.technique}),
        "tokens": sum(sum(turn.tokens.values()) for turn in turns) or nan,
        "seconds": sum(sum(stages.values()) for stages in timings.values()) or nan,
    }


def _client(turn: Turn) -> dict[str, Any]:
    feelings = read_feelings(turn.cue)
    return {
        "feelings": ", ".join(feelings),
        "resistant": float(not RESISTANT.isdisjoint(feelings)) if feelings else nan,
        "words": len(_WORD.findall(turn.words)),
        "ended": float(turn.ended),
    }


def _face(turn: Turn) -> dict[str, Any]:
    face = turn.face
    if face is None:
        return {}
    shown = next(attempt.verdict for attempt in face.attempts if attempt.number == face.chosen)
    return {
        "attempts": float(len(face.attempts)),
        "accepted": float(not face.exhausted),
        "accepted_first": float(not face.exhausted and face.chosen == 1),
        "unsafe": float(sum(attempt.verdict.outcome == "unsafe" for attempt in face.attempts)),
        "relevance": _number(shown.score("relevant")),
        "identity": _number(shown.score("same_person")),
    }


def _number(score: float | None) -> float:
    return nan if score is None else score


def technique_name(turn: Turn) -> str:
    """The technique in force by its name among the 12, however the counselor spelled it; empty before there is one."""
    return canonical_technique(turn.technique) or turn.technique


def _counselor(turn: Turn, mood: Mood, heard: _Heard) -> dict[str, Any]:
    said: dict[str, Any] = {"technique": technique_name(turn)}
    if turn.caption:
        said |= {"caption_feelings": ", ".join(read_feelings(turn.caption))}
        said |= {"caption_agrees": agrees(turn.caption, turn.cue)}
    if turn.reply:
        said |= heard.hear(turn.reply)
        said |= {"questions": float(turn.reply.count("?")), "reaction": mood.reaction.kind}
        said |= {"names": float(bool(named_feeling(turn.reply, turn.cue))) if read_feelings(turn.cue) else nan}
        said |= {"reflects": float(reflects_words(turn.reply, turn.words)) if turn.words else nan}
    return said


def _tokens(turn: Turn) -> dict[str, float]:
    """By role, read and written together."""
    spent: dict[str, float] = {}
    for name, count in turn.tokens.items():
        role = f"tokens_{name.rpartition('_')[0]}"
        spent[role] = spent.get(role, 0.0) + count
    return spent


MEANS = (
    "resistant accepted accepted_first attempts relevance identity caption_agrees reply_words questions names reflects "
    "repeats repetition"
).split()


def _with_means(sessions: pd.DataFrame, turns: pd.DataFrame) -> pd.DataFrame:
    """The sessions with the means and sums over their turns; a session without a value has none."""
    values = turns[MEANS].astype(float)
    spent = [name for name in turns if name.startswith(("tokens_", "seconds_"))]
    sums = turns[spent].astype(float).groupby(turns.idx).sum(min_count=1)
    return sessions.join(values.groupby(turns.idx).mean(), on="idx").join(sums, on="idx")


def halves(turns: pd.DataFrame, column: str) -> pd.DataFrame:
    """The means of a column over the first and over the second half of each session: `early` and `late`, by idx."""
    is_late = turns.turn > turns.groupby("idx").turn.transform("max") / 2
    means = turns[column].astype(float).groupby([turns.idx, is_late]).mean().unstack()
    return means.reindex(columns=[False, True]).set_axis(["early", "late"], axis=1)


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """All that stands in a row, `length` words at a time."""
    return list(zip(*(words[start:] for start in range(length)), strict=False))
