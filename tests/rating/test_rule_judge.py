import pytest

from mirror.clients.lexicon import KEEPS_AWAY, lexicon
from mirror.rating import rule_judge
from mirror.rating.instrument import read_instrument
from mirror.rating.judge import Case
from mirror.rating.rule_judge import INSTRUMENTS, RuleJudge, helpfulness, resistance
from mirror.rating.settings import RULED
from mirror.transcripts.turn import Turn

NAMES = "You look sad. What makes you so sad about your letters and your money?"
IGNORES = "The weather is nice."


def turns(*exchanges):
    return [
        Turn(number=number, cue=cue, words=words, client_raw="", reply=reply)
        for number, (cue, words, reply) in enumerate(exchanges, 1)
    ]


def test_an_open_client_does_not_resist():
    assert resistance(turns(("weeps", "I am afraid of my letters.", ""))) == 0


def test_resistance_adds_up():
    said = "There is no point in this."
    assert resistance(turns(("crosses the arms, guarded", "I am afraid.", ""))) == 2
    assert resistance(turns(("crosses the arms, guarded", said, ""))) == 3
    assert resistance(turns(("sad", "My money.", IGNORES), ("crosses the arms, guarded", said, ""))) == 4
    assert resistance(turns(("sad", "My money.", NAMES), ("crosses the arms, guarded", said, ""))) == 3


def test_a_denied_expression_keeps_nobody_away():
    assert resistance(turns(("does not look angry", "Yes.", ""))) == 0


def test_empathy_is_to_name_what_shows():
    named = turns(("sad", "I owe money.", NAMES), ("sad", "My letters.", NAMES + " Tell me."))
    assert helpfulness(named) == (5, 5)
    assert helpfulness(turns(("sad", "I owe money.", IGNORES))) == (1, 1)
    assert helpfulness([*named[:1], *turns(("sad", "I owe.", IGNORES))]) == (3, 3)
    assert helpfulness(turns(("sad", "I owe.", ""))) == (1, 1)


def case(instrument, *sessions):
    return Case(read_instrument(instrument), tuple(map(tuple, sessions)))


def test_the_kinds_of_resistance_are_missing_and_not_0():
    answer = RuleJudge().answer(case("resistance", turns(("guarded", "No point.", ""))), 1)
    assert answer.scores == {"overall": 3, "emotional": None, "cognitive": None, "behavioral": None}


def test_the_better_session_is_preferred_in_either_place():
    good, bad = turns(("sad", "I owe money.", NAMES)), turns(("sad", "I owe money.", IGNORES))
    judge = RuleJudge()
    assert judge.answer(case("helpfulness", good, bad), 1).scores["empathy"] == "first"
    assert judge.answer(case("helpfulness", bad, good), 1).scores["empathy"] == "second"
    assert judge.answer(case("helpfulness", bad, bad), 1).scores["empathy"] == "neither"


def test_the_same_session_gets_the_same_rating_and_says_by_whom():
    one = case("helpfulness", turns(("sad", "I owe money.", NAMES)))
    judge = RuleJudge()
    assert judge.answer(one, 1) == judge.answer(one, 2)
    assert judge.name == judge.facts()["judge"] == "rules" and "no evidence" in judge.facts()["note"]
    assert judge.answer(one, 1).reason.startswith("by rules")
    assert judge.answer(one, 1).model == "" and judge.answer(one, 1).prompt_tokens is None


def test_settings_and_rules_know_the_same_instruments():
    assert RULED == INSTRUMENTS and set(KEEPS_AWAY) <= lexicon().entries.keys()
    for name in INSTRUMENTS:
        answer = RuleJudge().answer(case(name, turns(("sad", "I owe.", NAMES))), 1)
        assert answer.scores.keys() == {item.id for item in read_instrument(name).items}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_question_is_known_by_what_is_shown(seed):
    judge, one, other = RuleJudge(), turns(("sad", "a", NAMES)), turns(("sad", "b", NAMES))
    assert judge.asked(case("helpfulness", one), seed) != judge.asked(case("helpfulness", other), seed)
    assert judge.asked(case("helpfulness", one), seed) != judge.asked(case("resistance", one), seed)


def test_the_module_says_that_its_ratings_are_no_evidence():
    assert "no evidence about a counselor" in " ".join(rule_judge.__doc__.split())
