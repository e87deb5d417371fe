"""What of a session is compared with real ones."""

from math import isnan

import pytest

from mirror.analysis.realism.features import FEATURES, session_features, topics, topics_by_turn
from mirror.transcripts.turn import Turn

TURNS = [
    Turn(number=1, cue="nods", words="", client_raw="", reply="Hello. How are you?"),
    Turn(number=2, cue="nods", words="I don't know. My job?", client_raw="", reply="Your job."),
    Turn(number=3, cue="nods", words="My mother died. I can't sleep.", client_raw="", reply="I see."),
]


def test_a_session_is_counted():
    assert session_features(TURNS) == {
        "turns": 3,
        "client_words": 5.5,
        "counselor_words": pytest.approx(8 / 3),
        "talk_share": 11 / 19,
        "client_questions": 0.5,
        "counselor_questions": pytest.approx(1 / 3),
        "resistance_words": 0.5,
    }
    assert session_features(TURNS).keys() == FEATURES.keys()


def test_a_session_without_words_has_no_shares():
    assert isnan(session_features(TURNS[:1])["client_words"]) and session_features([])["turns"] == 0


def test_topics_are_counted_once():
    assert topics_by_turn(TURNS) == [0, 1, 4]
    assert topics("My mother died, and I can’t sleep.") == {"family", "loss", "sleep"}
    assert topics("Working late, as a kid.") == {"work", "past"} | topics("kid")
    assert topics("The weather is nice.") == set()
