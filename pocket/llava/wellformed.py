"""Whether a pocket counselor's reply is well-formed English, by what this small language allows.

A sentence is taken for English if any three words that follow on each other in it do so somewhere in the language of
the pocket dialogues and chats (one name is as good as another): broken words and salads are found. Knows nothing
of whether a reply fits its client.
"""

import re
from functools import cache

from pocket.seeds import stream
from pocket.texts.clients import NAMES, Client
from pocket.texts.corpus import write_exchange
from pocket.texts.dialogues import write_dialogue
from pocket.texts.notes import write_sayings

SEED = 5  # of clients whom no training set knows
CLIENTS = 3000
SAYINGS = 4000
LONGEST = 80  # words of a reply
_NAMES = frozenset(name for names in NAMES.values() for name in names)
_TOKEN = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|[^\sA-Za-z]")
_END = re.compile(r"[.?!]\"?\Z")
_SENTENCE = re.compile(r"(?<=[.?!])\"?\s+")


def faults(reply: str) -> list[str]:
    """What is wrong with a reply, nothing if it is well-formed."""
    words = _TOKEN.findall(reply)
    found = []
    if not words:
        return ["it is empty"]
    if len(words) > LONGEST:
        found.append(f"it has {len(words)} words")
    if not _END.search(reply):
        found.append("it has no end")
    found += [f"no capital: {s}" for s in _SENTENCE.split(reply) if not s.lstrip('"')[:1].isupper()]
    if reply.count('"') % 2:
        found.append("a quotation is not closed")
    if unknown := [three for three in _triples(reply) if three not in language()]:
        found.append(f"no English: {' '.join(unknown[0])}")
    fives = [tuple(words[i : i + 5]) for i in range(len(words) - 4)]
    if len(fives) != len(set(fives)):
        found.append("a phrase is repeated")
    return found


@cache
def language() -> frozenset[tuple[str, ...]]:
    """All triples of words, in lower case, that follow on each other in a sentence."""
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
