"""Filters of screenplays: each fault is found, all are reported, and no verdict is made twice."""

from dataclasses import replace

import pytest

from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.building.screenplays.filters import TextRules, VerdictRecord, filter_texts
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.files.json_lines import read_lines
from mirror.risk.lexicon import RiskLexicon

INFO = ClientInfo("Anna is a nurse who works at night.", reason="I have not slept well for two months.")
LEXICON = RiskLexicon("passive")
RULES = TextRules()


def screenplay(*words, idx="a", turns=4):
    """A client's line and a reply, `turns` times; the first lines are those given."""
    given = dict(enumerate(words))
    lines = [
        Line(speaker, "nods", given.get(2 * turn + place, f"This is {speaker} sentence number {turn}."))
        for turn in range(turns)
        for place, speaker in enumerate(("client", "therapist"))
    ]
    return Screenplay(idx, INFO, "", (), tuple(lines))


def faults(one, rules=RULES, tagger=None, risk=LEXICON):
    sifted = filter_texts([one], rules, tagger, risk)
    assert bool(sifted.kept) != bool(sifted.dropped)
    return {dropped.reason: dropped for dropped in sifted.dropped}


@pytest.mark.parametrize("turns, reason", [(3, "too_few_turns"), (4, ""), (20, ""), (21, "too_many_turns")])
def test_turns_are_replies_to_the_client(turns, reason):
    assert list(faults(screenplay(turns=turns))) == [reason] * bool(reason)
    opened = replace(
        screenplay(turns=4), lines=(Line("therapist", "", "Welcome to this hour."), *screenplay(turns=turns).lines)
    )
    assert list(faults(opened)) == [reason] * bool(reason)


def test_the_detail_of_turns_says_how_many():
    assert faults(screenplay(turns=3))["too_few_turns"].detail == "3 turns, fewer than 4"


def test_repeated_words_are_found():
    dropped = faults(screenplay("Fine with me.", "good good good good good work"))["repeated_words"]
    assert (dropped.step, dropped.idx, dropped.line) == ("text", "a", 1)
    assert "33% of 6 words are different, fewer than 50%" in dropped.detail
    assert not faults(screenplay("No, no, no, no."))  # too short to be judged
    assert not faults(screenplay("go to it, go to it"))  # exactly half
    assert not faults(screenplay("good good good good good"), TextRules(unique_words=0))


def test_equal_parts_of_speech_are_found():
    tagger = load_tagger("hanta")
    words = "I bought table chair house garden window."
    dropped = faults(screenplay(words), tagger=tagger)["equal_parts_of_speech"]
    assert dropped.line == 0 and "5 words in a row are NOUN: 'table chair house garden window'" in dropped.detail
    assert not faults(screenplay("I bought tables, chairs, houses, gardens and windows."), tagger=tagger)
    assert not faults(screenplay(words), TextRules(equal_parts_of_speech=0), tagger)
    assert not faults(screenplay(words), TextRules(equal_parts_of_speech=5), tagger)


def test_a_copied_sentence_is_found():
    dropped = faults(screenplay("Hm.", "Right. ANNA is a nurse, who works at night!"))["copied_profile"]
    assert dropped.line == 1
    assert not faults(screenplay("Anna is a nurse who works at night."), TextRules(copied_words=9))


def test_risk_is_found_in_the_words_and_directions_of_both():
    found = faults(screenplay("I want to die.", "Stop taking your pills.", "I'd kill for a coffee."))
    assert found.keys() == {"unsafe_client", "unsafe_therapist"}
    assert found["unsafe_client"].line == 0 and "self_harm: 'want to die'" in found["unsafe_client"].detail
    assert found["unsafe_therapist"].line == 1 and "medical_advice" in found["unsafe_therapist"].detail
    shown = screenplay()
    shown = replace(shown, lines=(Line("client", "cuts herself again", "Look at it."), *shown.lines[1:]))
    assert faults(shown)["unsafe_client"].line == 0
    assert not faults(shown, risk=None)


def test_all_faults_are_reported_once_each_with_the_first_line():
    one = screenplay("no no no no no no", "I want to die.", "yes yes yes yes yes yes", "I want to die too.", turns=3)
    found = faults(one)
    assert {reason: dropped.line for reason, dropped in found.items()} == {
        "too_few_turns": None,
        "repeated_words": 0,
        "unsafe_therapist": 1,
    }
    assert found["repeated_words"].detail.endswith("(in 2 lines)")


class Counting:
    """A real reader that counts what it is asked for."""

    name = LEXICON.name

    def __init__(self):
        self.texts = []

    def read(self, texts):
        self.texts += texts
        return LEXICON.read(texts)


def test_no_verdict_is_made_twice(tmp_path):
    journal = tmp_path / "texts.jsonl"
    many = [
        screenplay(f"Line {number}.", "I want to die." if number % 3 else "", idx=f"{number:02}")
        for number in range(40)
    ]
    expected = filter_texts(many, TextRules(), None, LEXICON)
    assert filter_texts(many[:23], TextRules(), None, LEXICON, journal).kept == expected.kept[:8]
    with open(journal, "a", encoding="utf-8") as file:
        file.write('{"idx": "torn')  # as a killed process leaves it
    counting = Counting()
    assert filter_texts(many, TextRules(), None, counting, journal) == expected
    assert len(counting.texts) == 17 * 8
    assert len(read_lines(journal, VerdictRecord)) == 40
    assert filter_texts(many, TextRules(), None, counting, journal) == expected
    assert len(counting.texts) == 17 * 8


def test_other_texts_rules_and_models_get_verdicts_of_their_own(tmp_path):
    journal = tmp_path / "texts.jsonl"
    one = screenplay("I want to die.")
    assert not filter_texts([one], TextRules(), None, LEXICON, journal).kept
    assert filter_texts([one], TextRules(), None, None, journal).kept
    assert filter_texts([screenplay("I want to live.")], TextRules(), None, LEXICON, journal).kept
    assert not filter_texts([screenplay()], TextRules(min_turns=5), None, LEXICON, journal).kept


def test_the_order_changes_no_verdict():
    many = [
        screenplay(f"Line {number}.", "I want to die." if number % 3 else "", idx=f"{number:02}")
        for number in range(40)
    ]
    there, back = (filter_texts(order, TextRules(), None, LEXICON) for order in (many, many[::-1]))
    assert there.kept == back.kept[::-1] and there.dropped == back.dropped[::-1]
