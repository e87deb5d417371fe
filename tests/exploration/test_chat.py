"""A chat does one thing at a time, says what it does and what went wrong, and loses nothing that was said or typed."""

import base64
import logging
import threading

import pytest

from mirror.counseling.reply import CounselorError
from mirror.exploration import actions
from mirror.exploration.chat import Busy, Chat
from mirror.exploration.fault import KEPT
from mirror.paths import output_path
from mirror.services.service import ServiceError
from mirror.transcripts.session_folder import SessionFolder
from tests.scripted_casts import PORTRAIT

NO = actions.Say(cue="frowns", words="No.")


def do(chat, action):
    return chat.accept(action)()


def said(chat):
    return [exchange.steps[0].taken.turn.words for exchange in chat.exploration.exchanges]


def test_a_turn_is_taken_and_what_is_being_done_is_told_meanwhile(chat):
    told = []
    chat.listeners.append(lambda: told.append((chat.doing, chat.typed and chat.typed.words, sorted(chat.can))))
    assert do(chat, NO) and said(chat) == ["No."]
    doing = [one for one, _, _ in told]
    assert doing[:4] == ["beginning the turn", "describing the face", "painting attempt 1 of at most 3",
                         "painting attempt 2 of at most 3"]  # fmt: skip
    assert doing[-2:] == ["the counselor replies", ""]
    assert {(words, *can) for _, words, can in told[:-1]} == {("No.", "stop")}
    assert told[-1][1] is None and chat.version == len(told)


def test_a_second_action_is_refused_while_one_is_under_way(chat):
    work = chat.accept(NO)
    with pytest.raises(Busy, match="beginning the turn; wait until it is done, or stop it"):
        chat.accept(actions.Again())
    assert work() and said(chat) == ["No."]
    assert do(chat, actions.Again())


FAULTS = {
    "painter": RuntimeError("CUDA out of memory"),
    "verifier": ServiceError("http://127.0.0.1:1/verify gave no answer after 4 tries"),
    "counselor": ConnectionError("no model there"),
}


@pytest.mark.parametrize("role", FAULTS)
def test_a_member_that_fails_is_told_whole_and_changes_nothing(role, chat, caplog):
    do(chat, NO)
    member = getattr(chat.exploration.cast, role)
    member.fault = FAULTS[role]
    with caplog.at_level(logging.CRITICAL):
        assert not do(chat, actions.Say(cue="", words="Why?"))
    assert str(FAULTS[role]) in chat.fault.message and chat.fault.advice.endswith(KEPT)
    assert said(chat) == ["No."] and chat.doing == "" and "say" in chat.can
    member.fault = None
    assert do(chat, actions.Say(cue="", words="Why?")) and chat.fault is None and said(chat) == ["No.", "Why?"]


def test_a_fault_of_the_program_is_in_the_log_with_its_traceback(chat, caplog):
    chat.exploration.cast.counselor.fault = KeyError("turn")
    assert not do(chat, NO)
    assert chat.fault.message == "KeyError: 'turn'" and "Traceback" in caplog.text


def test_after_a_reply_that_sampling_spoiled_another_seed_is_used(chat):
    seeds = []
    counselor = chat.exploration.cast.counselor
    for _ in range(2):
        counselor.fault = CounselorError("the counselor gave an empty reply twice")
        assert not do(chat, NO)
        seeds.append(counselor.asked[-1].conversation.seed)
    counselor.fault = ServiceError("no answer")
    assert not do(chat, NO)
    counselor.fault = None
    assert do(chat, NO)
    used = chat.exploration.exchanges[0].seed
    assert seeds[0] == 3 and len({*seeds, used}) == 3 and chat.exploration.exchanges[0].tries == 2
    assert do(chat, NO) and chat.exploration.exchanges[1].seed == 3


def test_a_stopped_turn_ends_before_its_next_step_and_adds_nothing(chat):
    painter = chat.exploration.cast.painter
    painter.gate.clear()
    work = threading.Thread(target=chat.accept(NO))
    work.start()
    painter.begun.wait(60)
    chat.stop()
    assert chat.doing == "stopping after painting attempt 1 of at most 3"
    painter.gate.set()
    work.join(60)
    assert (said(chat), chat.note, chat.fault) == ([], "Stopped; nothing was added.", None)
    assert len(painter.asked) == 1
    chat.stop()  # nothing is under way
    assert do(chat, NO)


def test_an_interrupt_of_the_kernel_stops_a_turn(chat):
    chat.exploration.cast.counselor.fault = KeyboardInterrupt()
    assert not do(chat, NO) and chat.note == "Stopped; nothing was added." and chat.doing == ""


def test_the_last_turn_is_taken_back_and_its_words_can_be_typed_again(chat):
    do(chat, NO)
    do(chat, actions.Say(cue="looks down", words="Why?"))
    assert do(chat, actions.TakeBack()) and said(chat) == ["No."]
    assert (chat.draft.number, chat.draft.cue, chat.draft.words) == (1, "looks down", "Why?")
    do(chat, actions.TakeBack())
    assert not do(chat, actions.TakeBack()) and "there is no turn to take back" in chat.fault.message


def test_another_seed_gives_another_face_and_reply_to_the_same_words(chat):
    do(chat, NO)
    (before,) = chat.exploration.exchanges
    do(chat, actions.Again())
    (after,) = chat.exploration.exchanges
    first, second = before.steps[0].taken, after.steps[0].taken
    assert second.turn.words == "No." and (after.tries, after.serial) != (before.tries, before.serial)
    assert first.turn.counselor_raw != second.turn.counselor_raw
    assert first.face.image.tobytes() != second.face.image.tobytes()
    do(chat, actions.TakeBack())
    do(chat, NO)
    (third,) = chat.exploration.exchanges
    assert third.steps[0].taken.turn == first.turn, "the same words, client and seed give the same turn"


def test_a_retry_that_fails_leaves_the_turn_as_it_was(chat):
    do(chat, NO)
    before = chat.exploration.exchanges
    chat.exploration.cast.painter.fault = RuntimeError("no memory")
    assert not do(chat, actions.Again()) and chat.exploration.exchanges is before


def test_the_clients_own_turn_is_its_own_again_and_it_can_end_the_session(chat):
    while "listen" in chat.can:
        assert do(chat, actions.Listen())
    turns = chat.exploration.conversation.turns
    assert turns[-1].ended and "say" not in chat.can and chat.exploration.exchanges[-1].typed is None
    assert not do(chat, NO) and "the client has ended the session" in chat.fault.message
    assert do(chat, actions.Save())
    folder = SessionFolder(output_path("results/explored/sessions/61"))
    assert folder.ended["reason"] == "the client ended the session" and folder.turns() == turns


def test_a_new_session_can_be_undone(chat):
    do(chat, NO)
    before = chat.exploration.exchanges
    do(chat, actions.Begin(client="60"))
    assert chat.exploration.profile.idx == "60" and said(chat) == [] and "restore" in chat.can
    do(chat, actions.TakeBack())
    assert chat.exploration.profile.idx == "61" and chat.exploration.exchanges is before and "restore" not in chat.can
    assert not do(chat, actions.Begin(client="7")) and "the table has no client '7'" in chat.fault.message


def test_it_is_known_what_is_saved(chat):
    assert chat.is_saved and "save" not in chat.can
    do(chat, NO)
    assert not chat.is_saved and do(chat, actions.Save())
    assert chat.note == "Saved in results/explored/sessions/61." and chat.is_saved and "save" not in chat.can
    do(chat, actions.Again())
    assert not chat.is_saved and do(chat, actions.Save()) and chat.sitting.name == "61"
    do(chat, actions.Begin(client="61"))
    do(chat, NO)
    do(chat, actions.Save())
    assert chat.note == "Saved in results/explored/sessions/61+s2."


@pytest.mark.parametrize("given", [{"path": str(PORTRAIT)}, {"picture": base64.b64encode(PORTRAIT.read_bytes())}])
def test_a_client_of_ones_own_begins_a_session(given, chat):
    do(chat, NO)
    assert do(chat, actions.GivePortrait(**given, about={"name": "Ben", "gender": "man"}))
    profile = chat.exploration.profile
    assert profile.name == "Ben" and said(chat) == [] and "listen" not in chat.can and {"say", "restore"} <= chat.can
    assert do(chat, NO) and "a man img" in chat.exploration.cast.painter.asked[-1].prompt


def test_a_portrait_that_cannot_be_used_leaves_the_session(chat):
    do(chat, NO)
    for given in ({}, {"path": "nowhere.png"}, {"path": "a.png", "picture": b"aGk="}, {"picture": b"aGk="}):
        assert not do(chat, actions.GivePortrait(**given))
        assert chat.fault.title == "This client cannot be used" and said(chat) == ["No."]


# Two counselors -------------------------------------------------------------------------------------------------------


@pytest.fixture
def blind(pair):
    return Chat(pair)


def test_two_counselors_get_the_same_words_and_face_each_in_its_own_conversation(blind):
    do(blind, NO)
    do(blind, actions.Say(cue="", words="Why?"))
    first, second = (cast.counselor for cast in blind.exploration.casts)
    assert [one.utterance for one in first.asked] == [one.utterance for one in second.asked]
    assert all(a.face is b.face for a, b in zip(first.asked, second.asked, strict=True))
    assert first.asked[1].conversation.turns[0].reply == "I hear: No."
    assert second.asked[1].conversation.turns[0].reply == "You say: No."
    assert len(blind.exploration.cast.painter.asked) == 4, "each face is painted once"


def test_nobody_learns_who_counsels_before_the_vote(blind):
    do(blind, NO)
    (exchange,) = blind.exploration.exchanges
    page = blind.exchange_page(exchange)
    assert blind.counselors == () and blind.names == ("Counselor A", "Counselor B")
    assert "secret of" not in page and "thinker" not in page and "Looks sad" not in page
    do(blind, actions.Save())
    assert blind.note == (
        "Saved in results/explored-pocket-llava/sessions/61 and results/explored-thinker/sessions/61."
    )
    assert blind.is_blind and "vote" in blind.can
    doing = []
    blind.listeners.append(lambda: doing.append(blind.doing))
    do(blind, NO)
    assert doing.count("a counselor replies") == 2


def test_a_vote_saves_the_session_tells_who_they_were_and_ends_it(blind):
    do(blind, NO)
    shown = [blind.exploration.casts[side].counselor.way for side in blind.sitting.order]
    assert do(blind, actions.CastVote(vote="second", reason="warmer"))
    names = {"I hear": "explored-pocket-llava", "You say": "explored-thinker"}
    assert blind.names == tuple(f"Counselor {x} · {names[way]}" for x, way in zip("AB", shown, strict=True))
    assert blind.counselors[1].startswith(f"B was {names[shown[1]]}. The counselor is not fine-tuned")
    assert f"Of your 1 votes so far: {names[shown[1]]} in 1" in blind.note and "Saved in" in blind.note
    assert "secret of I hear" in blind.exchange_page(blind.exploration.exchanges[0])
    for action in (NO, actions.Again(), actions.TakeBack(), actions.CastVote(vote="first")):
        assert not do(blind, action) and "you have voted on this session" in blind.fault.message
    assert do(blind, actions.Begin(client="61")) and blind.is_blind and {"say", "restore"} <= blind.can


def test_a_vote_needs_two_counselors_and_a_turn(chat, blind):
    do(chat, NO)
    assert not do(chat, actions.CastVote(vote="first")) and "there is one counselor" in chat.fault.message
    assert not do(blind, actions.CastVote(vote="first")) and blind.is_blind
    assert "there is nothing to save" in blind.fault.message


def test_a_client_who_reacts_to_one_counselor_may_only_open_a_comparison(blind):
    assert do(blind, actions.Listen()) and "listen" not in blind.can
    assert not do(blind, actions.Listen()) and "two are compared by the same words" in blind.fault.message


def test_a_second_counselor_that_fails_takes_no_turn_of_the_first(blind):
    blind.exploration.casts[1].counselor.fault = ServiceError("no answer")
    assert not do(blind, NO) and blind.exploration.exchanges == ()


def test_a_comparison_begins_anew_since_who_replied_before_was_seen(pair, exploration):
    for one, turns in ((pair, 0), (exploration, 1)):
        one.say("frowns", "No.")
        assert len(Chat(one).exploration.exchanges) == turns
