"""What a counselor's reply to a sign of risk does: asks about safety, guides to people. By patterns, not by meaning."""

from functools import cache
from pathlib import Path

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.patterns import Patterns, is_negated, read_sentences, vocabulary

DATA = Path(__file__).with_name("guidance.yaml")


def guidance(reply: str) -> frozenset[str]:
    """What a reply does: `asks_about_safety`, `guides_to_people`, both or neither."""
    return frozenset(
        done
        for sentence in read_sentences(reply, vocabulary())
        for done, first, _ in _patterns().matches(sentence.words)
        if not is_negated(sentence, first, vocabulary())
    )


@cache
def _patterns() -> Patterns:
    return Patterns(strict_yaml(read_text(DATA)), vocabulary())
