"""The trust of a client that does not give in: it opens slowly, closes again, and differs by resistance."""

import pytest

from mirror.clients.client import ChatClient, ScriptedClient, client_messages, trust_record
from mirror.clients.openness import OPEN, START, WAVERING, openness_by_turn
from mirror.clients.trust import first_trust, steps, trust_after, trust_by_turn
from mirror.prompts.client import CHANGES, MANNERS
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Memory, TrustRecord, Turn

LUIS = Profile("7", "Luis, 50", "emotional", "She does not like me.", "My friend does not call.", "man", ())
CUE, WORDS = "looks sad", "My best friend has not called me for weeks."
NAMES, IGNORES, ADVISES = "You look sad today, number {}.", "The weather is nice, {}.", "You should call her, {}."
REFLECTS = "Your best friend has not called, {}: what does it mean to you?"


def turns(*replies):
    return tuple(
        Turn(number=number, cue=CUE, words=WORDS, client_raw="", reply=reply.format(number))
        for number, reply in enumerate(replies, 1)
    )


def course(resistance, *replies):
    return [trust.points for trust in trust_by_turn(resistance, turns(*replies), "persistent")]


def test_the_published_rule_is_the_openness_itself():
    said = turns(NAMES, ADVISES, IGNORES, NAMES)
    for resistance in START:
        assert list(trust_by_turn(resistance, said, "published")) == list(openness_by_turn(resistance, said))


def test_the_stated_numbers_are_followed():
    assert course("emotional", NAMES, IGNORES, NAMES, NAMES) == [20, 32, 27, 33, 45]  # half a gain after the loss
    assert course("behavioral", NAMES, ADVISES) == [20, 28, 14]
    assert course("cognitive", REFLECTS, NAMES) == [20, 31, 37]


@pytest.mark.parametrize("resistance", ["emotional", "cognitive", "behavioral"])
def test_trust_opens_more_slowly_than_by_the_published_rule(resistance):
    said = turns(*[NAMES] * 20)
    published, persistent = (
        [trust.stage for trust in trust_by_turn(resistance, said, rule)].index("open")
        for rule in ("published", "persistent")
    )
    assert published < persistent <= 12


@pytest.mark.parametrize("resistance", START)
def test_an_open_client_closes_again_and_can_be_lost(resistance):
    points = course(resistance, *[NAMES] * 10, *[IGNORES] * 20)
    assert max(points) >= OPEN and points[-1] == 0
    after_opening = points[points.index(max(points)) :]
    assert any(point < WAVERING for point in after_opening)


def test_a_loss_is_larger_once_there_is_more_to_lose():
    for resistance in START:
        rule = steps(resistance)
        assert rule.change("ignored", OPEN, False) < rule.change("ignored", WAVERING - 1, False) < 0


def test_each_resistance_is_reached_and_closed_in_its_own_way():
    gains = {resistance: steps(resistance).gains for resistance in START}
    losses = {resistance: steps(resistance).losses for resistance in START}
    assert gains["emotional"]["named"] > gains["emotional"]["reflected"]
    assert gains["cognitive"]["reflected"] > gains["cognitive"]["named"]
    assert losses["behavioral"]["advised"] == max(max(of.values()) for of in losses.values())
    assert set(gains["none"]) | set(losses["none"]) == CHANGES.keys() - {""}


def test_the_scripted_client_speaks_and_records_by_its_rule():
    said = turns(*[IGNORES] * 6)
    (lost,) = ScriptedClient("persistent").speak([Conversation(LUIS, said, 1)])
    assert lost.utterance.ended and lost.trust == TrustRecord(points=0, stage="closed", after="repeated")
    (kept,) = ScriptedClient().speak([Conversation(LUIS, said, 1)])
    assert kept.trust is None
    assert ScriptedClient("persistent").facts()["trust"] == "persistent" and "trust" not in ScriptedClient().facts()


class Model:
    """A model that is asked nothing."""

    name = "none"

    def facts(self):
        return {}


def test_a_model_is_told_the_same_trust_at_the_end_of_the_last_message_alone():
    conversation = Conversation(LUIS, turns(NAMES, ADVISES), 1)
    plain, told = client_messages(conversation), client_messages(conversation, "persistent")
    trust = trust_record(conversation, "persistent")
    assert trust.points == trust_after("emotional", conversation.turns, "persistent").points == 22
    assert told[:-1] == plain[:-1] and told[-1].content.startswith(plain[-1].content)
    note = told[-1].content.removeprefix(plain[-1].content)
    assert "trust the counselor 22 out of 100: you are closed." in note
    assert CHANGES["advised"] in note and MANNERS["closed"] in note


def test_the_note_is_named_in_the_record_of_a_run_only_where_it_is_told():
    assert "client.trust.txt" not in ChatClient(Model()).facts()["prompts_sha256"]
    facts = ChatClient(Model(), "persistent").facts()
    assert "client.trust.txt" in facts["prompts_sha256"] and facts["trust"] == "persistent"


def test_trust_stands_in_the_transcript_and_nowhere_else():
    (turn,) = turns(NAMES)
    assert "trust" not in turn.model_dump_json() and Turn.model_validate_json(turn.model_dump_json()) == turn
    told = turn.model_copy(update={"trust": TrustRecord(points=22, stage="closed", after="advised")})
    assert '"trust":{"points":22,"stage":"closed","after":"advised"}' in told.model_dump_json()
    assert Turn.model_validate_json(told.model_dump_json()) == told


def test_a_later_session_begins_with_three_quarters_of_what_the_one_before_changed():
    good, bad = turns(NAMES, IGNORES, NAMES, NAMES), turns(*[IGNORES] * 9)
    assert first_trust("emotional", "persistent") == 20
    assert first_trust("emotional", "persistent", [good]) == 39  # 20 + 0.75 * (45 - 20) = 38.75
    assert first_trust("emotional", "persistent", [bad]) == 5  # 20 - 0.75 * 20
    assert first_trust("none", "published", [turns(*[NAMES] * 3)]) == 88  # 50 + 0.75 * (100 - 50) = 87.5
    # the second session began with 39, of which a loss of 5 leaves 34: 20 + 0.75 * 14 = 30.5, to the even hundredth
    assert first_trust("emotional", "persistent", [good, turns(IGNORES)]) == 30


def test_nothing_but_the_trust_is_carried_over():
    earlier = turns(NAMES, ADVISES)  # ends in a setback, and with replies that may be given again
    start = first_trust("behavioral", "persistent", [earlier])
    found = list(trust_by_turn("behavioral", earlier, "persistent", [earlier]))
    assert found[0].points == start and found[0].reaction is None
    assert [trust.reaction.kind for trust in found[1:]] == ["named", "advised"]
    assert found[1].points == start + steps("behavioral").gains["named"]


def test_the_turn_that_ends_a_session_changes_no_trust():
    said = turns(NAMES)
    end = Turn(number=2, cue=CUE, words="Bye.", client_raw="", ended=True)
    for rule in ("published", "persistent"):
        assert first_trust("none", rule, [(*said, end)]) == first_trust("none", rule, [said])


@pytest.mark.parametrize("rule", ["published", "persistent"])
@pytest.mark.parametrize("resistance", START)
def test_no_client_begins_a_session_lost_or_complete(resistance, rule):
    for reply in (NAMES, IGNORES):
        earlier = [turns(*[reply] * 40)] * 5
        assert 0 < first_trust(resistance, rule, earlier) < 100


def test_a_client_that_comes_back_speaks_with_its_trust():
    earlier = turns(NAMES, IGNORES, NAMES, NAMES)
    conversation = Conversation(LUIS, (), 1, 2, Memory((earlier,), forgotten=4))  # told nothing, and yet trusting
    assert trust_record(conversation, "persistent") == TrustRecord(points=39, stage="closed")
    (said,) = ScriptedClient("persistent").speak([conversation])
    assert said.trust == TrustRecord(points=39, stage="closed")
    assert "you trust the counselor 39 out of 100" in client_messages(conversation, "persistent")[-1].content
