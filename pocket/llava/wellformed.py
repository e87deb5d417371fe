"""Checks whether a pocket counselor's reply is well-formed English, by the trigrams of the pocket language.

A sentence is accepted if each of its word trigrams occurs in the pocket dialogues or chats (names are interchangeable).
This finds broken words and word salad; it does not check whether a reply fits its client.
"""

import re
from functools import cache

from pocket.seeds import stream
from pocket.texts.clients import NAMES, Client
from pocket.texts.corpus import write_exchange
from pocket.texts.dialogues import write_dialogue
from pocket.texts.notes import write_sayings

SEED = 5  # of held-out clients
CLIENTS = 3000
SAYINGS = 4000
LONGEST = 80  # words of a reply
_NAMES = frozenset(name for names in NAMES.values() for name in names)
_TOKEN = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|[^\sA-Za-z]")
_END = re.compile(r"[.?!]\"?\Z")
_SENTENCE = re.compile(r"(?<=[.?!])\"?\s+")


def faults(reply: str) -> list[str]:
    """Lists what is wrong with a reply; empty if it is well-formed."""
    words = _TOKEN.findall(reply)
    found = []
    if not words:
        return ["empty"]
    if len(words) > LONGEST:
        found.append(f"too long: {len(words)} words, more than {LONGEST}")
    if not _END.search(reply):
        found.append("no final punctuation")
    found += [f"no capital: {s}" for s in _SENTENCE.split(reply) if not s.lstrip('"')[:1].isupper()]
    if reply.count('"') % 2:
        found.append("unbalanced quotation marks")
    if unknown := [three for three in _triples(reply) if three not in language()]:
        found.append(f"unknown trigram: {' '.join(unknown[0])}")
    fives = [tuple(words[i : i + 5]) for i in range(len(words) - 4)]
    if len(fives) != len(set(fives)):
        found.append("repeated phrase of five words")
    return found


@cache
def language() -> frozenset[tuple[str, ...]]:
    """Returns all word trigrams of the pocket language, in lower case, with empty strings at the ends of sentences."""
    random = stream("language", SEED)
    known: set[tuple[str, ...]] = set()
    for idx in range(CLIENTS):
        for exchange in write_dialogue(Client.from_seed(SEED, idx), SEED).exchanges:
            known.update(_triples(exchange.therapist))
    for _ in range(SAYINGS):
        for line in (*write_sayings(random).split("\n"), write_exchange(random)[1]):
            known.update(_triples(line))
    return frozenset(known)


def _triples(text: str) -> list[tuple[str, ...]]:
    triples = []
    for sentence in _SENTENCE.split(text):
        words = _TOKEN.findall(sentence)
        lower = ["", *("name" if word in _NAMES else word.lower() for word in words), ""]
        triples += [tuple(lower[i : i + 3]) for i in range(len(lower) - 2)]
    return triples
