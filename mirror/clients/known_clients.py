"""The clients that a counselor's model can speak of: a list that a model folder may carry.

A small model may know so few words that it calls a client by another name, or speaks of another worry. Such a folder
holds `known_clients.json`; a folder without it says nothing, and no client is strange to it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.json_file import read_json
from mirror.paths import display_path
from mirror.transcripts.profile import Profile

KNOWN_CLIENTS = "known_clients.json"
LISTS = ("names", "reasons")
MOST_SHOWN = 8  # clients that a sentence names

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


@dataclass(frozen=True)
class KnownClients:
    """What a model knows of clients.

    Attributes:
        names: first names.
        reasons: reasons for seeking counseling, word for word.
        otherwise: by list, what the model does with a client who is not in it, e.g. `it says another name`.
        file: where this was read.
    """

    names: frozenset[str]
    reasons: frozenset[str]
    otherwise: Mapping[str, str]
    file: Path

    @classmethod
    def read(cls, folder: Path) -> "KnownClients | None":
        """Reads the list of a model folder; None if it carries none.

        Raises:
            ValueError: the file is no such list.
        """
        file = folder / KNOWN_CLIENTS
        if not file.is_file():
            return None
        found: Mapping[str, Any] = read_json(file)
        otherwise = found.get("otherwise")
        texts = [found.get(name) for name in LISTS]
        if not all(_are_texts(text) for text in texts) or not _are_words(otherwise):
            raise ValueError(
                f"{display_path(file)}: must hold the lists of texts names and reasons, and otherwise, which says of "
                "each what the model does with others; correct it, or remove it"
            )
        names, reasons = (frozenset(text) for text in texts if isinstance(text, list))
        return cls(names, reasons, dict(otherwise or {}), file)

    def strangers(self, profiles: Iterable[Profile]) -> list[str]:
        """Says which names and reasons of some clients the model does not know, and what it will do; one line each.

        It reads a name in `personal_info`, and knows a reason in other spacing, with other apostrophes, or within more
        words.
        """
        profiles = list(profiles)
        named = [one for one in profiles if one.name or one.personal_info]
        unnamed = [(one.idx, _name(one)) for one in named if self.names.isdisjoint(_WORD.findall(one.personal_info))]
        known, told = {_plain(reason) for reason in self.reasons}, [one for one in profiles if one.reason]
        untold = [(one.idx, one.reason) for one in told if not any(reason in _plain(one.reason) for reason in known)]
        pairs = (
            ("names", "names", unnamed, len(named)),
            ("reasons", "reasons for seeking counseling", untold, len(told)),
        )
        return [
            f"the counselor's model does not know {len(unknown)} of {number} {words} of clients, and "
            f"{self.otherwise[name]}: {_shown(unknown)} ({display_path(self.file)} lists those that it knows)"
            for name, words, unknown, number in pairs
            if unknown
        ]


def _name(profile: Profile) -> str:
    """The client's name as the table gives it, and that the model cannot read it where it does not stand."""
    first = profile.personal_info.partition(",")[0].strip()
    return f"{profile.name} (not in personal_info)" if profile.name and profile.name not in first else first


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").lower().split()).rstrip(".!")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_words(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in LISTS)


def _shown(unknown: list[tuple[str, str]]) -> str:
    more = [f"{len(unknown) - MOST_SHOWN} more"] * (len(unknown) > MOST_SHOWN)
    return "; ".join([*(f"{idx}: {text!r}" for idx, text in unknown[:MOST_SHOWN]), *more])
