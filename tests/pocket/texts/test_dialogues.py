"""Pocket clients and dialogues: who says what, and how the mood answers the therapist."""

from collections import Counter
from itertools import cycle

import pytest

from mirror.prompts import TECHNIQUES
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.seeds import stream
from pocket.texts import techniques
from pocket.texts.clients import RESISTANCES, Client
from pocket.texts.dialogues import ADVERSE_MOVES, MOODS, next_stage, write_dialogue
from pocket.texts.speech import AMBIGUOUS, REACTIONS, STAYING, UNAMBIGUOUS


@pytest.fixture(scope="module")
def dialogues():
    return [write_dialogue(Client.from_seed(3, idx), 3) for idx in range(72)]


def test_clients_cover_resistances_and_techniques(dialogues):
    assert {d.client.resistance for d in dialogues} == set(RESISTANCES)
    assert {d.technique for d in dialogues} == set(TECHNIQUES) == set(techniques.TECHNIQUES)
    assert all(d.technique in d.client.worry.techniques for d in dialogues)


def test_a_client_looks_as_old_and_of_the_gender_that_is_told(dialogues):
    for dialogue in dialogues:
        client = dialogue.client
        assert str(client.identity.age) in client.personal_information
        assert client.gender == client.identity.gender
        assert client.job != "student" or client.age < 30


def test_the_reply_names_what_the_face_shows_and_nothing_else(dialogues):
    for exchange in (e for d in dialogues for e in d.exchanges):
        assert expression_of(exchange.caption).name == exchange.expression
        assert exchange.caption.removeprefix("Looks ") in exchange.therapist
        assert expression_of(exchange.therapist).name == exchange.expression


def test_the_client_is_silent_first_and_ambiguous_half_of_the_time(dialogues):
    assert all(d.exchanges[0].client == "" and not d.exchanges[0].ambiguous for d in dialogues)
    spoken = [e for d in dialogues for e in d.exchanges[1:]]
    assert all(e.client for e in spoken)
    assert 0.4 < sum(e.ambiguous for e in spoken) / len(spoken) < 0.6


def test_ambiguous_words_meet_different_faces_and_different_replies(dialogues):
    faces = {}
    for exchange in (e for d in dialogues for e in d.exchanges if e.ambiguous):
        words = next(a for a in AMBIGUOUS if exchange.client.endswith(a.rpartition("}")[2]))
        faces.setdefault(words, set()).add(exchange.expression)
    assert sum(len(shown) > 2 for shown in faces.values()) > 10


def test_a_client_reacts_now_and_then_to_the_feeling_that_was_named_before(dialogues):
    stems = [part for reaction in REACTIONS for part in [reaction.partition("{")[0]] if part]
    reacting = asked = 0
    for dialogue in dialogues:
        for before, now in zip(dialogue.exchanges, dialogue.exchanges[1:], strict=False):
            named = before.caption.removeprefix("Looks ")
            first = now.client[: 40 + len(named)].lower()
            asked += 1
            reacting += named in first and (first.startswith(named) or any(first.startswith(s.lower()) for s in stems))
    assert 0.3 < reacting / asked < 0.5


def test_all_expressions_occur_about_as_often(dialogues):
    counts = Counter(e.expression for d in dialogues for e in d.exchanges)
    assert set(counts) == set(EXPRESSIONS) == set(UNAMBIGUOUS)
    assert max(counts.values()) < 3 * min(counts.values())


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_a_sore_move_closes_and_any_other_opens(resistance):
    random = stream("test")
    after = {move: sum(next_stage(resistance, 1, move, random) for _ in range(300)) for move in ("explore", "support")}
    assert after["support"] > 400
    assert (after["explore"] < 200) == (ADVERSE_MOVES[resistance] == "explore")


def test_moods_belong_to_the_resistance(dialogues):
    for dialogue in dialogues:
        known = {mood for stage in MOODS[dialogue.client.resistance] for mood in stage}
        assert {e.expression for e in dialogue.exchanges} <= known


def test_the_plan_waits_while_a_strong_feeling_shows(dialogues):
    waited = 0
    for dialogue in dialogues:
        steps = cycle(techniques.TECHNIQUES[dialogue.technique].says)
        for exchange in dialogue.exchanges[1:]:
            waits = exchange.expression in STAYING
            sentences = STAYING[exchange.expression] if waits else next(steps)
            stems = [sentence.partition("{")[0][1:] for sentence in sentences]
            assert any(stem in exchange.therapist for stem in stems), exchange
            waited += waits
    assert waited > 10


def test_no_brace_and_no_doubled_blank_is_left(dialogues):
    for dialogue in dialogues:
        texts = [text for e in dialogue.exchanges for text in (e.client, e.therapist)] + list(dialogue.plan)
        for text in texts:
            assert "{" not in text and "  " not in text
            assert not text or (text[0].isupper() and text[-1] in '.?!"')
        assert not any(word in " ".join(dialogue.plan).split() for word in ("I", "my", "me", "your", "you"))
