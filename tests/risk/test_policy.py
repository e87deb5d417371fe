"""The policy of safety: which readers read."""

import re

import pytest

from mirror.risk.flag import Flag
from mirror.risk.lexicon import RiskLexicon
from mirror.risk.policy import RiskPolicy


class Loud:
    """Finds every text with an exclamation mark."""

    name = "loud"

    def read(self, texts, speakers=None):
        return [(Flag("loud", "0.97"),) if "!" in text else () for text in texts]


def test_the_lexicon_alone_reads_unless_a_classifier_is_named():
    assert (
        re.fullmatch("lexicon [0-9a-f]{8}", RiskPolicy.of().name)
        and RiskPolicy.of("", "bad").readers == RiskPolicy().readers
    )


def test_all_readers_add_their_flags_in_order():
    policy = RiskPolicy((RiskLexicon(), Loud()))
    found = policy.read(["Hello!", "I want to die!", "Hello."], ["client"] * 3)
    assert [[flag.kind for flag in flags] for flags in found] == [["loud"], ["self_harm", "loud"], []]
    assert policy.name == f"{RiskLexicon().name} and loud"


def test_a_classifier_that_is_not_there_is_refused(tmp_path):
    with pytest.raises((FileNotFoundError, ValueError)):
        RiskPolicy.of(str(tmp_path / "none"), "bad", "cpu")
