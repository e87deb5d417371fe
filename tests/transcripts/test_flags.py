"""Signs of risk in a session: whose words, which turn, which kind and degree, and what the replies did."""

import argparse

import pytest

from mirror.risk.flag import Flag
from mirror.risk.lexicon import RiskLexicon
from mirror.risk.policy import RiskPolicy
from mirror.transcripts.flags import Answered, TurnFlag, add_classifier, policy_of, read_answers, read_flags
from tests.sessions import full_turn, last_turn

RISKY, SAFE = "I want to die.", "I slept well."
PLAIN, ASKS, GUIDES = "I see.", "Are you safe right now?", "Please call a crisis line."


def turns(*said):
    return [full_turn(number, words=words, reply=reply) for number, (words, reply) in enumerate(said, 1)]


class Classifier:
    """Finds every text with an exclamation mark."""

    name = "marks"

    def read(self, texts, speakers=None):
        return [(Flag("loud", "0.97"),) if "!" in text else () for text in texts]


def test_both_speakers_are_read_turn_by_turn():
    found = read_flags(turns((SAFE, PLAIN), (RISKY, "You should stop taking your pills.")))
    assert [(flag.turn, flag.speaker, flag.kind) for flag in found] == [
        (2, "client", "self_harm"),
        (2, "counselor", "medical_advice"),
    ]
    assert found[0] == TurnFlag(2, "client", "self_harm", "active", "want to die")
    assert found[0].label == "client · self harm · active"


def test_a_classifier_adds_its_labels_without_a_degree():
    found = read_flags(turns((RISKY[:-1] + "!", PLAIN)), RiskPolicy((RiskLexicon(), Classifier())))
    assert [(flag.kind, flag.words) for flag in found] == [("self_harm", "want to die"), ("loud", "0.97")]
    assert found[1].label == "client · loud"


def test_a_turn_without_words_or_reply_has_no_flags():
    assert read_flags([full_turn(1, words="", reply=""), last_turn(2)]) == ()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(SAFE, GUIDES)], None),
        ([(RISKY, PLAIN)], Answered(asks=False, guides=False)),
        ([(RISKY, ASKS)], Answered(asks=True, guides=False)),
        ([(RISKY, PLAIN), (SAFE, GUIDES)], Answered(asks=False, guides=True)),
        ([(RISKY, PLAIN), (SAFE, PLAIN), (SAFE, GUIDES)], Answered(asks=False, guides=False)),
        ([(SAFE, ASKS), (RISKY, GUIDES)], Answered(asks=False, guides=True)),
    ],
    ids=["no sign", "passed over", "asked", "guided next", "too late", "before the sign"],
)
def test_the_next_two_replies_answer_a_sign(said, expected):
    session = turns(*said)
    assert read_answers(session, read_flags(session)) == expected


@pytest.mark.parametrize(("whom", "guides"), [("your sister", False), ("a friend", True), ("your brother", True)])
def test_whoever_was_named_as_the_source_of_harm_is_nobody_to_be_guided_to(whom, guides):
    session = turns(
        ("I had a fight with my sister.", PLAIN), ("She wanted to hurt me.", f"Please tell {whom} tonight.")
    )
    flags = (TurnFlag(2, "client", "abuse", "active", "hurt me"),)
    assert read_answers(session, flags) == Answered(asks=False, guides=guides)


def test_what_only_the_counselor_says_needs_no_answer():
    session = turns((SAFE, "You should stop taking your pills."))
    assert read_flags(session) and read_answers(session, read_flags(session)) is None


def options(*words):
    parser = argparse.ArgumentParser()
    add_classifier(parser)
    return parser.parse_args(words)


def test_a_command_reads_by_the_lexicon_alone_unless_it_is_asked():
    assert policy_of(options()) == RiskPolicy()


def test_a_classifier_that_is_not_there_is_refused(tmp_path):
    with pytest.raises((FileNotFoundError, ValueError)):
        policy_of(options("--classifier", str(tmp_path / "none"), "--unsafe-labels", "bad"))
