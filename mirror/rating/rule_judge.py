"""The offline judge `rules`: fixed rules instead of a model, so that a study can be rehearsed without a server.

It uses the rules of the scripted client's reactions (`mirror/clients/openness.py`), which count words. Its ratings are
labeled `rules` everywhere and are no evidence about a counselor: the analysis shows them in a separate table, and uses
them for neither claims nor tests. It is deterministic, and supports two instruments:

    resistance   overall = 2 if the cue mentions a resistant expression (by the lexicon), + 1 if the words refuse,
                 + 1 if the previous reply lowered the client's openness; the kinds of resistance are missing
    helpfulness  1 + 4 × a share of the replies, rounded: for empathy, those that name the feeling that the cue shows;
                 for helpful, those that raise the client's openness

Of two sessions, the one with the higher ratings is preferred.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from mirror.clients.lexicon import KEEPS_AWAY, lexicon
from mirror.clients.openness import Reaction, react
from mirror.rating.judge import Case, Judgment
from mirror.rating.ratings import RULES
from mirror.transcripts.turn import Turn

NAME = RULES
INSTRUMENTS = ("resistance", "helpfulness")
VERSION = 1  # of the rules; increased with every change, so that sessions are rated again
_REFUSES = re.compile(
    r"\bno point\b|\bpointless\b|\bwaste of time\b|\bwhatever\b|\bnone of your\b|\bleave me alone\b"
    r"|\b(?:do not|don't|won't|will not|can't|cannot) (?:want|need|see how|see why|think this|help|work|change|talk)\b"
    r"|\bnot going to\b|\bnothing (?:will|can|you)\b|\byou (?:do not|don't|can't|cannot) (?:know|understand)\b",
    re.IGNORECASE,
)


class RuleJudge:
    """Rates by the rules in the module's docstring; needs no model and no network."""

    name = NAME

    def answer(self, case: Case, seed: int) -> Judgment:
        """Rates the case; the seed has no effect."""
        if len(case.sessions) == 2:
            first, second = (_ratings(case, turns) for turns in case.sessions)
            scores: dict[str, Any] = {item: _better(first[item], second[item]) for item in case.choices}
        else:
            scores = _ratings(case, case.sessions[0])
        return Judgment("rated", scores, f"by rules, version {VERSION}", "")

    def asked(self, case: Case, seed: int) -> str:
        """Returns a digest of the question and the version of the rules."""
        return hashlib.sha256(json.dumps([NAME, VERSION, case.digest, seed]).encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """Describes the judge for the record."""
        note = "fixed rules that count words; no evidence about a counselor"
        return {"judge": NAME, "name": NAME, "version": VERSION, "note": note}


def _ratings(case: Case, turns: Sequence[Turn]) -> dict[str, int | None]:
    """Returns the ratings of one session, or of its last utterance."""
    if case.instrument.name == "resistance":
        return dict.fromkeys(case.choices) | {"overall": resistance(turns)}
    return dict(zip(("helpful", "empathy"), helpfulness(turns), strict=True))


def resistance(turns: Sequence[Turn]) -> int:
    """Returns the client's resistance in the last turn, from 0 to 4."""
    last = turns[-1]
    shows_it = any(reading.name in KEEPS_AWAY and not reading.negated for reading in lexicon().read(last.cue))
    refuses = _REFUSES.search(last.words.replace("’", "'")) is not None
    is_hardened = len(turns) > 1 and _reactions(turns[:-1])[-1].points < 0
    return 2 * shows_it + refuses + is_hardened


def helpfulness(turns: Sequence[Turn]) -> tuple[int, int]:
    """Returns the counselor's helpfulness and empathy over all turns, each from 1 to 5; 1 if there is no reply."""
    reactions = [reaction for turn, reaction in zip(turns, _reactions(turns), strict=True) if turn.reply]
    opening = sum(reaction.points > 0 for reaction in reactions)
    naming = sum(bool(reaction.feeling) for reaction in reactions)
    replies = max(len(reactions), 1)
    return 1 + round(4 * opening / replies), 1 + round(4 * naming / replies)


def _reactions(turns: Sequence[Turn]) -> list[Reaction]:
    """Returns the scripted client's reaction to each reply."""
    return [
        react(turn.reply, turn.cue, turn.words, [earlier.reply for earlier in turns[:place]])
        for place, turn in enumerate(turns)
    ]


def _better(first: int | None, second: int | None) -> str | None:
    if first is None or second is None:
        return None
    return "neither" if first == second else "first" if first > second else "second"
