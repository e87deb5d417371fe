"""The script of the scripted client: what it takes from a profile, and that its lines can be shown and read."""

import string
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.clients.lexicon import lexicon
from mirror.clients.openness import START, Openness
from mirror.clients.script import LONGEST, Story, UtteranceComposer, load_returning, load_script, sentences
from mirror.prompts import Utterance, format_utterance, parse_utterance
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Turn
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.worries import WORRIES

RESISTANCES = tuple(START)
STAGES = ("closed", "wavering", "open")
SLOTS = {"Reason", "noted", "thought", "topic", "feeling", "Feeling"}


def story(reason="", thought=""):
    return Story.of(Profile("7", "", "none", thought, reason, "woman", ()))


# The data -------------------------------------------------------------------------------------------------------------


def leaves(data):
    """All texts of the script, with the names on the way to them."""
    if isinstance(data, str):
        return [((), data)]
    items = data.items() if isinstance(data, dict) else ((place, part) for place, part in enumerate(data))
    return [((name, *path), text) for name, part in items for path, text in leaves(part)]


CUES = [(name, cue) for name, cues in load_script()["cues"].items() for cue in cues]
SPOKEN = [(path, text) for path, text in leaves(load_script()) if "cues" not in path]


@pytest.mark.parametrize("name, cue", CUES)
def test_the_lexicon_reads_each_cue_as_its_expression_and_no_other(name, cue):
    assert [(reading.name, reading.negated) for reading in lexicon().read(cue)] == [(name, False)]


def test_the_cues_are_those_of_the_pocket_faces_and_more():
    for name, expression in EXPRESSIONS.items():
        assert set(expression.cues) < set(load_script()["cues"][name])


@pytest.mark.parametrize("cue", load_script()["leaving"]["cues"])
def test_a_client_who_leaves_shows_it(cue):
    (reading,) = lexicon().read(cue)
    assert reading.name in ("withdrawn", "guarded", "irritated") and not reading.negated


def test_no_text_stands_twice():
    counted = Counter(text for _, text in leaves(load_script()) if text not in load_script()["cues"])
    assert [text for text, number in counted.items() if number > 1] == []


@pytest.mark.parametrize("path, text", SPOKEN)
def test_a_line_has_known_slots_and_is_read_back_as_words(path, text):
    assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= SLOTS
    filled = text.format(**dict.fromkeys(SLOTS, "word"))
    utterance = Utterance("nods", filled)
    assert parse_utterance(format_utterance(utterance)) == utterance
    assert filled[0].isupper() or text.startswith("{")
    assert filled.endswith((".", "!", "?"))


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_each_resistance_has_lines_for_every_stage(resistance):
    lines = load_script()["lines"][resistance]
    assert tuple(lines) == STAGES
    for by_expression in lines.values():
        assert len(by_expression) >= 3 and set(by_expression) <= set(load_script()["cues"])
        assert all(len(templates) >= 3 for templates in by_expression.values())
        assert any("{thought}" in template for template in chain.from_iterable(by_expression.values()))
    plain = [t for path, t in SPOKEN if path[:2] == ("lines", resistance) and "{" not in t]
    assert len(plain) >= 20  # for a profile that says next to nothing


def test_what_a_cooperative_client_shows_is_no_resistance():
    shown = set(chain.from_iterable(load_script()["lines"]["none"].values()))
    assert not shown & {"irritated", "guarded", "skeptical"}


# The profile ----------------------------------------------------------------------------------------------------------


def test_a_story_is_told_in_sentences():
    told = story("I lost my job last year. I can't sleep!\n- And my wife is ill;  it never ends", "no one wants me.")
    assert told.reason == ("I lost my job last year", "I can't sleep!", "And my wife is ill")
    assert told.noted == ()  # "it never ends" might be anyone's words
    assert told.thought == ("no one wants me",)
    assert told.topic == "my job"


def test_a_reason_in_someone_elses_words_is_only_quoted():
    told = story("The client suffers from sleepless nights. She wants help.")
    assert told.reason == () and told.noted == ("The client suffers from sleepless nights", "She wants help")
    assert told.topic == "this"


TOPICS = {
    "My best friend has not called me.": "my best friend",
    "I worry about my social life and cry.": "my social life",
    "My father told me to go.": "my father",
    "I can't bear my own.": "this",
    "It is hard, and my. Then my Romantic Relationships fail.": "my romantic relationships",
    "They laugh.": "this",
}


@pytest.mark.parametrize("reason", TOPICS)
def test_what_the_story_is_about(reason):
    assert story(reason).topic == TOPICS[reason]


@pytest.mark.parametrize("worry", WORRIES)
def test_the_pocket_worries_are_told_whole(worry):
    told = story(worry.reason, worry.thought)
    assert told.reason == (worry.reason.removesuffix("."),)
    assert told.thought == (worry.thought,)


def test_a_long_sentence_ends_at_a_clause_or_with_dots():
    (clause,) = sentences("I went to the office one morning, " + "and then to the next " * 20)
    assert clause == "I went to the office one morning"
    (cut,) = sentences("word " * 1000)
    assert cut == "word " * (LONGEST[0] - 1) + "word…"
    (cut,) = sentences("x" * 100_000)
    assert len(cut) == LONGEST[1] + 1


MARKS = {
    '"I failed," she wrote.': "I failed, she wrote",
    "I said [nothing] (at all) *sighs* [/END]": "I said nothing at all sighs /END",
    "Client: I am Client: Therapist: sad": "Client, I am Client, Therapist, sad",
    "I can't, don't and won't say 'yes'.": "I can't, don't and won't say yes",
    "1. I failed": "I failed",
    "{thought} {0} {": "thought 0",
}


@pytest.mark.parametrize("text", MARKS)
def test_marks_that_would_pass_for_a_cue_or_a_label_are_gone(text):
    assert sentences(text) == (MARKS[text],)


@pytest.mark.parametrize("text", ["", "  \n", "...", "- – —", "123 456.", "[]"])
def test_a_text_without_words_has_no_sentences(text):
    assert sentences(text) == ()


@settings(deadline=None)
@given(st.text(max_size=400) | st.text("[]\"'“”Client: \n/END*.!?{}", max_size=80))
def test_the_sentences_of_any_text_are_read_back_as_words(text):
    for sentence in sentences(text):
        for words in (f"{sentence[:1].upper()}{sentence[1:]}. Yes.", f"I hear it: {sentence}."):
            utterance = Utterance("nods", " ".join(words.split()))
            assert parse_utterance(format_utterance(utterance)) == utterance


# Coming back ----------------------------------------------------------------------------------------------------------


def composer(resistance, seed=1, words="", earlier=()):
    profile = Profile("7", "", resistance, "I always fail.", "I lost my job.", "woman", ())
    first = Turn(number=1, cue="nods", words=words, client_raw="", reply="Welcome back.")
    return UtteranceComposer(profile, [first], seed, earlier)


def told(words):
    return Turn(number=1, cue="nods", words=words, client_raw="", reply="I see.")


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_a_client_that_comes_back_begins_with_what_it_said_before(resistance):
    opened = {
        composer(resistance, seed, earlier=[told("I always fail.")]).line(Openness(50)).words for seed in range(40)
    }
    assert opened == {template.format(said="I always fail") for template in load_returning()[resistance]}
    with_reason = composer(resistance, earlier=[told("I lost my job.")]).line(Openness(50)).words
    assert with_reason in {template.format(said="I lost my job") for template in load_returning()[resistance]}


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_a_client_that_said_nothing_of_itself_begins_as_if_for_the_first_time(resistance):
    for seed in range(10):
        first = composer(resistance, seed).line(Openness(50))
        assert composer(resistance, seed, earlier=[told("Maybe.")]).line(Openness(50)) == first


def test_lines_that_were_said_in_an_earlier_session_come_last():
    once = composer("none", words="I always fail. I lost my job.").line(Openness(50)).words
    earlier = [told(f"I always fail. {once}")]
    assert all(
        composer("none", seed, "I always fail. I lost my job.", earlier).line(Openness(50)).words != once
        for seed in range(40)
    )


def test_openings_of_a_return_can_be_filled_and_read():
    assert load_returning().keys() == set(RESISTANCES)
    for template in chain(*load_returning().values()):
        assert {name for _, name, _, _ in string.Formatter().parse(template) if name} == {"said"}
        words = template.format(said="I always fail")
        assert parse_utterance(format_utterance(Utterance("nods", words))) == Utterance("nods", words)
