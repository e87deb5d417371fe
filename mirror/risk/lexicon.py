"""Reads texts for risk by patterns of words, without a model.

Knows words, not meanings: it misses what is said in other words, and it is no substitute for a trained reader. The
patterns are in `client.yaml` and `counselor.yaml`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mirror.files.digests import content_digest
from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.flag import DEGREES, Degree, Flag, Speaker
from mirror.risk.patterns import DATA as WORDS
from mirror.risk.patterns import Patterns, Sentence, is_negated, masked, read_sentences, vocabulary

FILES: dict[Speaker, Path] = {
    "client": Path(__file__).with_name("client.yaml"),
    "counselor": Path(__file__).with_name("counselor.yaml"),
}
ADVICE = "medical_advice"  # the kind that a question of the counselor may show


@dataclass(frozen=True)
class Kind:
    """One kind of risk in the words of one speaker.

    Attributes:
        name: such as `self_harm`.
        speaker: whose words it is read in.
        signs: in groups by degree.
        harmless: what only sounds like it.
        is_told: whether a sentence about a film, a book or a game shows none.
    """

    name: str
    speaker: Speaker
    signs: Patterns
    harmless: Patterns
    is_told: bool


class RiskLexicon:
    """Finds signs of risk and says how far they go: at most one flag of a kind per text, the gravest.

    Takes time linear in the length of a text. A sign counts neither within a harmless pattern (`killing time`) nor
    after a negation in its clause (`I would never …`) that nothing takes back (`I can't stop thinking about …`).
    """

    def __init__(self, least: Degree = "hint") -> None:
        """Reads no file; the patterns are compiled when first used.

        Args:
            least: signs of a lower degree are left out.
        """
        self._least = DEGREES.index(least)

    @property
    def name(self) -> str:
        """With eight digits that change with the patterns and the words."""
        return f"lexicon {_version()}" + f", from {DEGREES[self._least]}" * bool(self._least)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of risk that it knows, of either speaker."""
        return tuple(dict.fromkeys(kind.name for kind in _kinds()))

    def flags(self, text: str, speaker: Speaker | None = None) -> tuple[Flag, ...]:
        """The gravest sign of each kind in one text, in the order of the kinds.

        Args:
            text: the words.
            speaker: who says them; None: they are read as those of either.
        """
        gravest: dict[str, tuple[int, Flag]] = {}
        for sentence in read_sentences(text, vocabulary()):
            for kind in _kinds():
                if speaker in (None, kind.speaker):
                    for rank, first, after in _signs(kind, sentence):
                        if rank > gravest.get(kind.name, (self._least - 1,))[0]:
                            start, end = sentence.spans[first][0], sentence.spans[after - 1][1]
                            words = " ".join(text[start:end].split())
                            gravest[kind.name] = (rank, Flag(kind.name, words, DEGREES[rank]))
        return tuple(gravest[kind][1] for kind in self.kinds if kind in gravest)

    def read(self, texts: Sequence[str], speakers: Sequence[Speaker] | None = None) -> list[tuple[Flag, ...]]:
        """The signs of risk in each text; the same text of the same speaker is read once."""
        by: Sequence[Speaker | None] = speakers or [None] * len(texts)
        said = list(zip(texts, by, strict=True))
        found = {one: self.flags(*one) for one in set(said)}
        return [found[one] for one in said]


def _signs(kind: Kind, sentence: Sentence) -> Iterator[tuple[int, int, int]]:
    """Yield (rank of the degree, first word, word after the last) of every sign of one kind."""
    if not any(kind.signs.matches(sentence.words)) or not _is_read(kind, sentence):
        return
    for degree, first, after in kind.signs.matches(masked(sentence, kind.harmless)):
        if not is_negated(sentence, first, vocabulary()):
            yield DEGREES.index(degree), first, after


def _is_read(kind: Kind, sentence: Sentence) -> bool:
    """Whether a sentence can show a kind: no question of a counselor's, and nothing told of a film or a book."""
    if kind.speaker == "counselor" and sentence.is_question:
        return kind.name == ADVICE
    return not (kind.is_told and any(vocabulary().read_word(word) & _fiction() for word in sentence.words))


@cache
def _fiction() -> int:
    return vocabulary().part("$fiction")


@cache
def _version() -> str:
    return content_digest({path.name: read_text(path) for path in (*FILES.values(), WORDS)})[:8]


@cache
def _kinds() -> tuple[Kind, ...]:
    return tuple(
        _compiled(name, speaker, entry)
        for speaker, path in FILES.items()
        for name, entry in strict_yaml(read_text(path)).items()
    )


def _compiled(name: str, speaker: Speaker, entry: Mapping[str, Any]) -> Kind:
    signs = Patterns({degree: entry.get(degree, ()) for degree in DEGREES}, vocabulary())
    harmless = Patterns({"harmless": entry.get("harmless", ())}, vocabulary())
    return Kind(name, speaker, signs, harmless, entry.get("told", False))
