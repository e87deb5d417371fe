"""What a run has come to so far, in numbers: turns, faces, tokens, dollars, seconds."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from mirror.counseling.cast import ROLES
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.spent import dollars, priced_roles, token_names
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn


def summarize(folders: Sequence[SessionFolder], settings: CounselSettings) -> pd.DataFrame:
    """A summary of sessions, one row per statistic: turns, faces, tokens, dollars, seconds by stage."""
    turns = [turn for folder in folders for turn in folder.turns()]
    faces = [turn.face for turn in turns if turn.face]
    painted = [face for face in faces if face.is_painted]
    seconds: Counter[str] = Counter()  # of floats
    for folder in folders:
        for stages in folder.timings().values():
            seconds.update(stages)
    statistics: dict[str, float] = {
        "turns": len(turns),
        "faces": len(faces),
    }
    if painted or not faces:
        statistics |= {
            "faces accepted": sum(not face.exhausted for face in painted),
            "faces accepted at once": sum(not face.exhausted and face.chosen == 1 for face in painted),
            "attempts a face": sum(len(face.attempts) for face in painted) / max(len(painted), 1),
        }
    statistics |= _counselor_statistics(turns)
    tokens = sum((Counter(turn.tokens) for turn in turns), Counter[str]())
    for role in ROLES:
        statistics |= {f"tokens {name}, {role}": tokens[key] for key, name in token_names(role) if key in tokens}
    if prices := priced_roles(settings):
        statistics["dollars"] = dollars(prices, tokens)
    statistics |= {f"{stage}, seconds a turn": total / max(len(turns), 1) for stage, total in seconds.items()}
    shown = {name: f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for name, value in statistics.items()}
    return pd.DataFrame(shown.items(), columns=["what", "value"])


def _counselor_statistics(turns: Sequence[Turn]) -> dict[str, int]:
    """How often a prompt or an answer of the counselor was incomplete; only counts above zero."""
    cut = Counter(kind for turn in turns for kind in turn.cut_off)
    counts = {f"answers that ran out of tokens, {kind.replace('_', ' ')}": count for kind, count in cut.items()}
    counts["turns without a plan that was asked for"] = sum(
        "planning" in turn.counselor_raw and not turn.plan for turn in turns
    )
    counts["turns with older utterances left out"] = sum(turn.dropped_utterances > 0 for turn in turns)
    counts["turns with the newest utterance cut"] = sum(turn.cut_characters > 0 for turn in turns)
    return {name: count for name, count in counts.items() if count}
