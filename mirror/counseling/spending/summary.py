"""What a run has come to so far, in numbers: turns, faces, tokens, dollars, seconds."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from mirror.counseling.cast import ROLES
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.spent import dollars, priced_roles, token_names
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of
from mirror.transcripts.turn import Turn

log = logging.getLogger(__name__)
REJECTED = "clients whose faces were mostly not accepted"
MOST_NAMED = 8  # of these clients
NO_PLAN = "turns without a plan that was asked for"
OLDER_LEFT_OUT = "turns with older utterances left out"
NEWEST_CUT = "turns with the newest utterance cut"
INCOMPLETE = (NO_PLAN, OLDER_LEFT_OUT, NEWEST_CUT)  # prompts and plans of the counselor; told only above zero


def summarize(folders: Sequence[SessionFolder], settings: CounselSettings) -> pd.DataFrame:
    """A summary of sessions, one row per statistic: turns, faces, tokens, dollars, seconds by stage.

    Logs a warning that names the clients whose faces were mostly not accepted: the portrait may be at fault.
    """
    painted: dict[str, Counter[str]] = {}  # by client
    counted, tokens, cut = Counter[str](), Counter[str](), Counter[str]()
    seconds: Counter[str] = Counter()  # of floats
    for folder in folders:  # one after another: the turns of a large run do not fit into memory together
        for turn in folder.turns():
            counted.update(counts := _counts(turn))
            painted.setdefault(client_of(folder.folder.name), Counter()).update(counts)
            tokens.update(turn.tokens)
            cut.update(turn.cut_off)
        for stages in folder.timings().values():
            seconds.update(stages)
    turns, faces = counted["turns"], counted["faces"]
    statistics: dict[str, float] = {"turns": turns, "faces": faces}
    if counted["painted"] or not faces:
        statistics |= {name: counted[name] for name in ("faces accepted", "faces accepted at once")}
        statistics["attempts a face"] = counted["attempts"] / max(counted["painted"], 1)
    if rejected := _mostly_rejected(painted):
        statistics[REJECTED] = len(rejected)
        more = f" and {len(rejected) - MOST_NAMED} more" if len(rejected) > MOST_NAMED else ""
        log.warning(
            "%s: %s%s; look at their portraits, and at the scores of the attempts (python -m mirror.transcripts)",
            *(REJECTED, ", ".join(rejected[:MOST_NAMED]), more),
        )
    statistics |= {f"answers that ran out of tokens, {kind.replace('_', ' ')}": count for kind, count in cut.items()}
    statistics |= {name: counted[name] for name in INCOMPLETE if counted[name]}
    for role in ROLES:
        statistics |= {f"tokens {name}, {role}": tokens[key] for key, name in token_names(role) if tokens[key] > 0}
    if prices := priced_roles(settings):
        statistics["dollars"] = dollars(prices, tokens)
    statistics |= {f"{stage}, seconds a turn": total / max(turns, 1) for stage, total in seconds.items()}
    shown = {name: f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for name, value in statistics.items()}
    return pd.DataFrame(shown.items(), columns=["what", "value"])


def _mostly_rejected(painted: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The clients of whose painted faces less than half were accepted, with both numbers."""
    return [
        f"client {client} ({counts['faces accepted']} of {counts['painted']} accepted)"
        for client, counts in painted.items()
        if 2 * counts["faces accepted"] < counts["painted"]
    ]


def _counts(turn: Turn) -> dict[str, int]:
    """What one turn adds to the statistics that are counts."""
    face = turn.face if turn.face and turn.face.is_painted else None
    return {
        "turns": 1,
        "faces": turn.face is not None,
        "painted": face is not None,
        "faces accepted": face is not None and not face.exhausted,
        "faces accepted at once": face is not None and not face.exhausted and face.chosen == 1,
        "attempts": len(face.attempts) if face else 0,
        NO_PLAN: "planning" in turn.counselor_raw and not turn.plan,
        OLDER_LEFT_OUT: turn.dropped_utterances > 0,
        NEWEST_CUT: turn.cut_characters > 0,
    }
