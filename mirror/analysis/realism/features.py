"""What of a session is compared with real ones, read from its words alone."""

import re
from collections.abc import Sequence
from functools import cache
from math import nan
from pathlib import Path
from typing import Any

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.transcripts.turn import Turn

DATA = Path(__file__).with_name("words.yaml")
TOPICS_BY_TURN = "topics_by_turn"
FEATURES = {  # label and unit, by feature; one number per session
    "turns": ("turns of a session", "number"),
    "client_words": ("words of a client's utterance", "number"),
    "counselor_words": ("words of a reply", "number"),
    "talk_share": ("client's share of all words", "share"),
    "client_questions": ("utterances with a question", "share"),
    "counselor_questions": ("replies with a question", "share"),
    "resistance_words": ("utterances with words of resistance", "share"),
}
_WORD = re.compile(r"[^\W_]+")


def session_features(turns: Sequence[Turn]) -> dict[str, float]:
    """The features of a session; NaN where nothing was said that has them."""
    said = [turn.words for turn in turns if turn.words]
    replies = [turn.reply for turn in turns if turn.reply]
    client, counselor = [len(_words(text)) for text in said], [len(_words(text)) for text in replies]
    total = sum(client) + sum(counselor)
    resistance = _pattern("resistance")
    return {
        "turns": float(len(turns)),
        "client_words": _mean(client),
        "counselor_words": _mean(counselor),
        "talk_share": sum(client) / total if total else nan,
        "client_questions": _mean(["?" in text for text in said]),
        "counselor_questions": _mean(["?" in text for text in replies]),
        "resistance_words": _mean([bool(resistance.search(_plain(text))) for text in said]),
    }


def topics_by_turn(turns: Sequence[Turn]) -> list[int]:
    """How many different topics the client has spoken of by the end of each turn."""
    found: set[str] = set()
    counts = []
    for turn in turns:
        found |= topics(turn.words)
        counts.append(len(found))
    return counts


def topics(words: str) -> set[str]:
    """The topics that a text speaks of, by their words."""
    text = _plain(words)
    return {topic for topic in _table()["topics"] if _pattern(topic).search(text)}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("'", "").replace("’", ""))


def _plain(text: str) -> str:
    return " ".join(_words(text.lower()))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else nan


@cache
def _table() -> Any:
    return strict_yaml(read_text(DATA))


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Any word of a list of `words.yaml`."""
    listed = _table()["topics"].get(name) or _table()[name]
    words = "|".join(re.escape(word.removesuffix("*")) + r"\w*" * word.endswith("*") for word in listed)
    return re.compile(rf"\b(?:{words})\b")
