"""What a counselor's reply to a sign of risk does: asks about safety, guides to people. By patterns, not by meaning.

Whoever the client has named as the source of harm is nobody to be guided to: `tell your sister` is no guidance after
words such as `my sister hits me`, nor after `she wanted to hurt me` where a sister was the last woman to be named.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.patterns import Patterns, is_negated, read_sentences, vocabulary

DATA = Path(__file__).with_name("guidance.yaml")


# Relatives and others whom a pronoun may stand for; words for one person are one entry.
SAME = (
    "mother mom mum mama stepmother stepmom",
    "father dad daddy papa stepfather stepdad",
    "husband hubby ex-husband",
    "wife ex-wife",
    "parents family",
)
SHE = frozenset(
    "mother mom mum mama stepmother stepmom sister aunt grandmother grandma wife ex-wife girlfriend ex-girlfriend "
    "daughter niece mother-in-law sister-in-law".split()
)
HE = frozenset(
    "father dad daddy papa stepfather stepdad brother stepbrother uncle grandfather grandpa husband hubby ex-husband "
    "boyfriend ex-boyfriend son nephew father-in-law brother-in-law".split()
)
EITHER = frozenset(
    "partner ex friend teacher counselor boss doctor nurse neighbor neighbour coach roommate priest pastor therapist "
    "cousin parents family".split()
)
PEOPLE = SHE | HE | EITHER
PRONOUNS = {"she": SHE | EITHER, "he": HE | EITHER, "they": PEOPLE}
HARM = (  # beside the list `hurt` of `words.yaml`
    "abuse abuses abused abusing rape raped rapes molest molested molests threaten threatens threatened kill kills "
    "killed choke choked chokes kick kicked kicks grab grabbed grabs strangle strangled "
    "hurts touches touched gropes groped"
).split()
TARGETS = frozenset("me us".split())
REACH = 6  # words from who does harm to whom


def guidance(reply: str, harmful: frozenset[str] = frozenset()) -> frozenset[str]:
    """What a reply does: `asks_about_safety`, `guides_to_people`, both or neither.

    Args:
        reply: the counselor's words.
        harmful: words for people whom it is no guidance to be sent to (`harmful_people`).
    """
    found: set[str] = set()
    for sentence in read_sentences(reply, vocabulary()):
        places = [place for place, word in enumerate(sentence.words) if word not in harmful]
        for done, first, _ in _patterns().matches([sentence.words[place] for place in places]):
            if not is_negated(sentence, places[first], vocabulary()):
                found.add(done)
    return frozenset(found)


def harmful_people(dialogue: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The people whom a client names as the source of harm to itself, in all words that stand for them.

    Args:
        dialogue: speaker (`client` or `counselor`) and words, in order.
    """
    found: set[str] = set()
    named: list[str] = []  # people, the last one last
    for speaker, text in dialogue:
        for sentence in read_sentences(text, vocabulary()):
            words = sentence.words
            if speaker == "client":
                found |= _sources(words, named)
            named += [word for word in words if word in PEOPLE]
    return frozenset(found)


def _sources(words: Sequence[str], named: Sequence[str]) -> set[str]:
    """Who does harm in a sentence of the client, given the people named before it."""
    found = set[str]()
    for place, word in enumerate(words):
        if word not in _harm() or not TARGETS.intersection(words[place + 1 : place + 3]):
            continue
        for before in range(place - 1, max(place - REACH, 0) - 1, -1):
            who = words[before]
            if who in vocabulary().negations or who == "i":
                break
            if who in PEOPLE:
                found |= _all_words(who)
                break
            if who in PRONOUNS:
                known = [*named, *(one for one in words[:before] if one in PEOPLE)]
                last = next((one for one in reversed(known) if one in PRONOUNS[who]), "")
                found |= _all_words(last) if last else set()
                break
    return found


@cache
def _harm() -> frozenset[str]:
    return frozenset((*HARM, *vocabulary().words_of("hurt")))


def _all_words(who: str) -> set[str]:
    return {who}.union(*(group.split() for group in SAME if who in group.split()))


@cache
def _patterns() -> Patterns:
    return Patterns(strict_yaml(read_text(DATA)), vocabulary())
