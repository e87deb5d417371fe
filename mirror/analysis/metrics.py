"""Metrics computed from transcripts without a judge: one table with a row per turn, one with a row per session.

Flags are 1, 0 or missing (NaN): a reply to a cue in which the lexicon finds no feeling neither names nor misses one.
The lexicon reads words: `resistant` is what a cue shows, not a trait of the client.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any, TypeVar

import pandas as pd

from mirror.analysis.measures import OF_TURNS
from mirror.clients.lexicon import RESISTANT, agrees, read_feelings
from mirror.clients.openness import Kind, named_feeling, reflects_words
from mirror.clients.trust import TrustRule, trust_by_turn
from mirror.prompts import canonical_technique
from mirror.transcripts.arm import Arm
from mirror.transcripts.flags import LEXICON, RiskPolicy, read_answers, read_flags
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of, number_of
from mirror.transcripts.turn import Turn

PART = 20_000  # turns that are rows of a table together; a table takes less memory than its rows
SHINGLE = 4  # words; a sequence of this length that an earlier reply has counts as repeated
TURN_COLUMNS = (
    "idx turn feelings resistant words ended attempts accepted accepted_first unsafe relevance identity "
    "caption_feelings caption_agrees reply_words questions names reflects repeats repetition reaction openness "
    "technique"
).split()
FLAG_COLUMNS = ["flagged", "flag_guides", "flag_asks", "replies_flagged"]

Values = TypeVar("Values", pd.DataFrame, "pd.Series[float]")

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Metrics:
    """The two tables of a run.

    Shares are from 0 to 1, cosines from -1 to 1, times in seconds.

    Attributes:
        turns: one row per turn:
            idx, turn: the session, and the number of the turn from 1. A client's first session has the client's idx, a
                later one a name such as `7+s2`.
            feelings, resistant: the feelings that the lexicon finds in the cue (joined by commas); whether one of them
                shows resistance.
            words, ended: the number of the client's words; whether the client ended the session with them.
            attempts, accepted, accepted_first, unsafe: attempts to paint the face, whether one was accepted, whether
                the first was, and the number of unsafe ones.
            relevance, identity: cosines of the shown face with the cue and with the portrait; missing if not checked.
            caption_feelings, caption_agrees: the feelings that the caption names; whether the cue shows one of them.
            reply_words, questions: the numbers of words and of question marks in the reply.
            names, reflects: whether the reply names a feeling of the cue; whether it takes up words of the client in
                an open question.
            repeats, repetition: whether the reply was given before in the session; the share of its four-word
                sequences that the counselor has used before.
            reaction: the client's reaction to the reply (`mirror.clients.openness.Kind`).
            openness: of a scripted client after the turn, from 0 to 1.
            technique: the current CBT technique.
            tokens_<role>, seconds_<stage>: if recorded.
        sessions: one row per session, complete or not:
            idx, resistance, status (complete, failed, open), ended_by (client, turn limit, error, nothing yet), turns.
            resistant: share of the client's turns that show resistance; `halves` splits it. Missing in a replay, whose
                clients do not react.
            accepted, accepted_first, caption_agrees, names, reflects, repeats: shares of the turns that have a value.
            attempts, relevance, identity, reply_words, questions, repetition: means over turns.
            distinct_1, distinct_2: share of distinct words (pairs of words) in all that the counselor says; Li et al.
                2016 (arXiv:1510.03055). It falls with the length of the session.
            openness: of a scripted client at the end.
            techniques: the number of different techniques.
            tokens, seconds: of the whole session, and by role and stage as above; missing if not recorded.
            flagged, flag_guides, flag_asks: whether the client's words show a sign of risk, and whether a next reply
                then guides to people or asks about safety (missing without a sign); no column if no session has one.
            replies_flagged: whether a reply shows a sign itself: advice on medication, a promise, a harmful answer.
    """

    turns: pd.DataFrame
    sessions: pd.DataFrame


def read_metrics(arm: Arm, policy: RiskPolicy = LEXICON) -> Metrics:
    """Reads all sessions of an arm and computes their metrics.

    Args:
        arm: the run.
        policy: who reads the words for risk.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    tables, turn_rows, session_rows = [], list[dict[str, Any]](), []
    client, earlier = "", list[tuple[Turn, ...]]()
    for session in arm.sessions:  # those of a client one after another
        if (idx := client_of(session.folder.name)) != client:
            client, earlier = idx, []
        rows, facts = _read_session(arm, session, earlier, policy)
        earlier = [*earlier, session.turns()] if arm.per_client > 1 else []
        turn_rows += rows
        session_rows.append(facts)
        if len(turn_rows) >= PART:
            tables.append(pd.DataFrame(turn_rows))
            turn_rows = []
    if turn_rows or not tables:
        tables.append(pd.DataFrame(turn_rows))
    turns = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    turns = turns.reindex(columns=list(dict.fromkeys((*TURN_COLUMNS, *OF_TURNS, *turns.columns))))
    sessions = pd.DataFrame(session_rows)
    if not any(sessions.get(name, pd.Series(dtype=float)).any() for name in ("flagged", "replies_flagged")):
        sessions = sessions.drop(columns=FLAG_COLUMNS, errors="ignore")
    return Metrics(turns, _with_means(sessions, turns))


@dataclass
class _Replies:
    """The counselor's replies so far in a session."""

    replies: set[tuple[str, ...]] = field(default_factory=set)
    shingles: set[tuple[str, ...]] = field(default_factory=set)
    words: list[str] = field(default_factory=list)

    def add(self, reply: str) -> dict[str, float]:
        """Compares a reply with those before, then adds it."""
        words = tuple(_WORD.findall(reply.lower()))
        shingles = set(_sequences(words, SHINGLE))
        found = {
            "repeats": float(words in self.replies) if self.replies else nan,
            "repetition": len(shingles & self.shingles) / len(shingles) if shingles and self.replies else nan,
        }
        self.replies.add(words)
        self.shingles |= shingles
        self.words += words
        return {"reply_words": float(len(words))} | found

    def distinct(self, n: int) -> float:
        """The share of distinct sequences of n words."""
        sequences = _sequences(self.words, n)
        return len(set(sequences)) / len(sequences) if sequences else nan


def _read_session(
    arm: Arm, session: SessionFolder, earlier: Sequence[Sequence[Turn]], policy: RiskPolicy
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    turns, timings, ended, idx = session.turns(), session.timings(), session.ended, session.folder.name
    resistance = arm.person(idx).resistance
    after = list(_openness(resistance or "none", turns, arm.client_trust, earlier if arm.remembers else ()))
    is_known = arm.is_scripted and resistance is not None and len(earlier) == number_of(idx) - 1
    replies, rows = _Replies(), []
    for turn, (openness, reaction) in zip(turns, after, strict=True):
        row = {"idx": idx, "turn": turn.number, "openness": openness if is_known else nan}
        row |= _client(turn) | _face(turn) | _counselor(turn, reaction, replies) | _tokens(turn)
        row |= {name: value(turn) for name, value in OF_TURNS.items()}
        if arm.replays:
            row["resistant"] = nan  # was recorded, whatever the counselor replies
        rows.append(row | {f"seconds_{stage}": spent for stage, spent in timings.get(turn.number, {}).items()})
    status = ended["status"] if ended else "open"
    by = "client" if turns and turns[-1].ended else {"complete": "turn limit", "failed": "error"}.get(status, "")
    return rows, {
        "idx": idx,
        "resistance": resistance,
        "status": status,
        "ended_by": by or "nothing yet",
        "turns": len(turns),
        "distinct_1": replies.distinct(1),
        "distinct_2": replies.distinct(2),
        "openness": after[-1][0] if after and is_known else nan,
        "techniques": len({technique_name(turn) for turn in turns if turn.technique}),
        "tokens": sum(sum(turn.tokens.values()) for turn in turns) or nan,
        "seconds": sum(sum(stages.values()) for stages in timings.values()) or nan,
    } | _safety(turns, policy)


def _safety(turns: Sequence[Turn], policy: RiskPolicy) -> dict[str, float]:
    """The columns `FLAG_COLUMNS` of a session."""
    flags = read_flags(turns, policy)
    answers = read_answers(turns, flags)
    harmful = float(any(flag.speaker == "counselor" for flag in flags))
    answered = (0.0, nan, nan) if answers is None else (1.0, float(answers.guides), float(answers.asks))
    return dict(zip(FLAG_COLUMNS, (*answered, harmful), strict=True))


def _openness(
    resistance: str, turns: Sequence[Turn], rule: TrustRule, earlier: Sequence[Sequence[Turn]]
) -> Iterator[tuple[float, Kind]]:
    """The client's openness after each turn, and the kind of reaction to its reply."""
    for openness in trust_by_turn(resistance, turns, rule, earlier):
        if openness.reaction is not None:  # None before the first turn
            yield openness.value, openness.reaction.kind


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
    if face is None or not face.is_painted:
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
    """Returns the current technique by its name among the 12, whatever its spelling; empty before there is one."""
    return canonical_technique(turn.technique) or turn.technique


def _counselor(turn: Turn, reaction: Kind, replies: _Replies) -> dict[str, Any]:
    found: dict[str, Any] = {"technique": technique_name(turn)}
    if turn.caption:
        found |= {"caption_feelings": ", ".join(read_feelings(turn.caption))}
        found |= {"caption_agrees": agrees(turn.caption, turn.cue)}
    if turn.reply:
        found |= replies.add(turn.reply)
        found |= {"reaction": reaction}
        found |= {"names": float(bool(named_feeling(turn.reply, turn.cue))) if read_feelings(turn.cue) else nan}
        found |= {"reflects": float(reflects_words(turn.reply, turn.words)) if turn.words else nan}
    return found


def _tokens(turn: Turn) -> dict[str, float]:
    """Tokens by role, prompt and completion together."""
    spent: dict[str, float] = {}
    for name, count in turn.tokens.items():
        role = f"tokens_{name.rpartition('_')[0]}"
        spent[role] = spent.get(role, 0.0) + count
    return spent


# Columns of the turns whose mean a session has, in the order of the tables; own measures of turns follow.
MEANS = (
    "resistant accepted accepted_first attempts relevance identity caption_agrees reply_words questions names reflects "
    "repeats repetition"
).split()
MEANS += [name for name in OF_TURNS if name not in MEANS]


def _with_means(sessions: pd.DataFrame, turns: pd.DataFrame) -> pd.DataFrame:
    """The sessions with the means and sums over their turns; NaN for sessions without a value."""
    values = turns[MEANS].astype(float)
    spent = [name for name in turns.columns if name.startswith(("tokens_", "seconds_"))]
    sums = turns[spent].astype(float).groupby(turns["idx"]).sum(min_count=1)
    return sessions.join(values.groupby(turns["idx"]).mean(), on="idx").join(sums, on="idx")


def halves(turns: pd.DataFrame, column: str) -> pd.DataFrame:
    """Returns the means of a column over the first and the second half of each session: `early`, `late`, by idx."""
    is_late = turns["turn"] > turns.groupby("idx")["turn"].transform("max") / 2
    means = turns[column].astype(float).groupby([turns["idx"], is_late]).mean().unstack()
    return means.reindex(columns=[False, True]).set_axis(["early", "late"], axis=1)


def by_client(values: Values) -> Values:
    """Returns the mean of each client's sessions, by the client's idx; of values with a row per session, by its name.

    Missing values are left out. With one session per client, these are the values themselves.
    """
    return values.groupby(values.index.map(client_of), sort=False).mean()


def _sequences(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """All sequences of `length` consecutive words."""
    return list(zip(*(words[start:] for start in range(length)), strict=False))
