"""The openness of a scripted client: what each reply does to it, and that naming the feeling is the shortest way."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.clients.openness import (
    FAULT,
    FULL,
    IGNORED,
    NAMED,
    REFLECTED,
    START,
    Openness,
    Reaction,
    named_feeling,
    openness_after,
    react,
)
from mirror.transcripts.turn import Turn
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.speech import NAMING

CUE = "looks down with drawn-up inner brows"  # sad
WORDS = "My sister has not called me since the wedding."

REPLIES = {
    "names the feeling": ("You look sad.", Reaction("named", NAMED, "sad")),
    "names it in another word": ("There is grief in your face.", Reaction("named", NAMED, "sad")),
    "names another": ("You look annoyed.", Reaction("ignored", IGNORED)),
    "denies it": ("You don't look sad to me.", Reaction("ignored", IGNORED)),
    "takes up the words and asks": ("What happened with your sister at the wedding?", Reaction("reflected", REFLECTED)),
    "does both": (
        "You look sad. What happened with your sister at the wedding?",
        Reaction("named", NAMED + REFLECTED, "sad"),
    ),
    "takes up one word": ("What is your sister's name?", Reaction("ignored", IGNORED)),
    "takes up the words and does not ask": ("Your sister. The wedding.", Reaction("ignored", IGNORED)),
    "asks a closed question": ("Was your sister at the wedding?", Reaction("ignored", IGNORED)),
    "passes over it": ("Let us begin.", Reaction("ignored", IGNORED)),
    "gives advice": ("You should call her.", Reaction("advised", FAULT)),
    "gives orders": ("I see. Just write a letter to her.", Reaction("advised", FAULT)),
    "names the feeling and gives advice": (
        "You look sad. You should call her.",
        Reaction("named", NAMED + FAULT, "sad"),
    ),
    "takes up the words and gives advice": (
        "Why don't you call your sister about the wedding?",
        Reaction("advised", REFLECTED + FAULT),
    ),
    "supposes what it is like": ("You must be tired of waiting.", Reaction("ignored", IGNORED)),
    "is empty": ("", Reaction("empty", FAULT)),
    "has no words": (" … 12 ", Reaction("empty", FAULT)),
    "is in another script": ("Что случилось?", Reaction("ignored", IGNORED)),
    "repeats itself": ("Good MORNING!", Reaction("repeated", FAULT)),
    "repeats itself and names the feeling": ("You are sad.", Reaction("named", NAMED + FAULT, "sad")),
}
EARLIER = ["Good morning.", "You are sad."]


@pytest.mark.parametrize("reply, reaction", REPLIES.values(), ids=REPLIES)
def test_what_a_reply_does(reply, reaction):
    assert react(reply, CUE, WORDS, EARLIER) == reaction


def test_advice_is_welcome_to_a_client_who_is_open():
    assert react("You should call her.", CUE, WORDS, [], is_open=True) == Reaction("ignored", IGNORED)
    assert react("You look sad. You should call her.", CUE, WORDS, [], is_open=True).points == NAMED


def test_a_face_that_shows_two_feelings_may_be_named_by_either():
    for feeling in ("withdrawn", "anxious"):
        assert named_feeling(f"You seem {feeling}.", "glancing away, voice trembling") == feeling


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_pocket_counselors_way_to_name_a_feeling_counts_as_naming(name):
    for cue, feeling, naming in product(EXPRESSIONS[name].cues, EXPRESSIONS[name].feelings, NAMING[name]):
        assert named_feeling(naming.format(feeling=feeling, name="Luis"), cue) == name


def turn(number, reply, words="It is so."):
    return Turn(number=number, cue=CUE, words=words, client_raw="", reply=reply)


def course(resistance, replies):
    turns = [turn(number, reply) for number, reply in enumerate(replies, 1)]
    return [openness_after(resistance, turns[:number]) for number in range(len(turns) + 1)]


@pytest.mark.parametrize("resistance", START)
def test_the_openness_starts_from_the_resistance(resistance):
    assert openness_after(resistance, ()) == Openness(START[resistance])
    assert 0 < openness_after(resistance, ()).value < 1
    assert START["none"] > START[resistance] or resistance == "none"


def test_the_stages_follow_the_openness():
    stages = [openness.stage for openness in course("emotional", [f"You look sad. {number}a" for number in range(4)])]
    assert stages == ["closed", "wavering", "wavering", "open", "open"]


@pytest.mark.parametrize("resistance", START)
def test_a_client_is_complete_or_lost_and_nothing_goes_beyond(resistance):
    reached = course(resistance, ["You look sad."] * 10)
    lost = course(resistance, [""] * 20)
    assert reached[-1].value == 1 and reached[-1].is_complete and not reached[-1].is_lost
    assert lost[-1].value == 0 and lost[-1].is_lost and not lost[-1].is_complete


NAMING_REPLIES = st.sampled_from(["You look sad.", "You seem sad. You should rest.", "Sad. What is it that is so?"])
OTHER_REPLIES = st.sampled_from(["", "Let us begin.", "You should rest.", "Next.", "Where was that?", "Good morning."])


def replies_until(resistance, replies):
    """How many replies it takes until the client is reached or lost."""
    for number, openness in enumerate(course(resistance, replies)):
        if openness.is_complete or openness.is_lost:
            return number
    return None


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(list(START)),
    st.lists(NAMING_REPLIES, min_size=20, max_size=20),
    st.lists(OTHER_REPLIES, min_size=20, max_size=20),
)
def test_who_always_names_the_feeling_is_done_before_anyone_who_never_does(resistance, naming, other):
    """Whatever else is wrong with the replies; the others are all lost in the end."""
    assert replies_until(resistance, naming) < replies_until(resistance, other)
    assert course(resistance, naming)[-1].is_complete and course(resistance, other)[-1].is_lost


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(START)), st.lists(NAMING_REPLIES | OTHER_REPLIES, max_size=12))
def test_the_openness_is_the_sum_of_the_reactions_within_its_bounds(resistance, replies):
    points = START[resistance]
    for place, openness in enumerate(course(resistance, replies)[1:]):
        reaction = react(replies[place], CUE, "It is so.", replies[:place], points >= 75)
        points = min(FULL, max(0, points + reaction.points))
        assert openness == Openness(points, reaction)
