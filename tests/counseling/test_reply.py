"""What the counselor is asked, and a reply that takes in one answer after another."""

from pathlib import Path

from PIL import Image

from mirror.chat.messages import Completion, NoAnswer
from mirror.chat.retries import Attempts
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Turn

PROFILE = Profile("7", "Ada, 40", "emotional", "I am bad.", "I burn soup.", "woman", (Path("a.png"),))
FIRST = Turn(number=1, cue="frowns", words="", client_raw="", reply="Welcome.")


def request(words, *turns, seed=3):
    return CounselorRequest(Conversation(PROFILE, turns, seed), Utterance("cries", words), Image.new("RGB", (8, 8)))


def completion(text, prompt=10, answer=2, reason="stop"):
    return Completion(text, prompt, answer, "m", reason)


def test_the_dialogue_is_what_was_spoken_without_cues_and_silence():
    asked = request("It burnt.", FIRST)
    assert asked.dialogue == (("therapist", "Welcome."), ("client", "It burnt.")) and asked.has_spoken
    silent = request("", FIRST)
    assert silent.dialogue == (("therapist", "Welcome."),) and not silent.has_spoken


def test_a_client_who_spoke_before_has_spoken():
    earlier = FIRST.model_copy(update={"words": "Hello."})
    assert request("", earlier).has_spoken


def test_each_attempt_has_a_seed_of_its_own_that_the_position_in_the_run_decides():
    asked = request("It burnt.", FIRST)
    assert asked.attempt_seed("response", 2) == seed_for(3, "counselor", "response", "7", 2, 2)
    seeds = [
        asked.attempt_seed("response", 1),
        asked.attempt_seed("response", 2),
        asked.attempt_seed("planning", 1),
        request("It burnt.").attempt_seed("response", 1),
        request("It burnt.", FIRST, seed=4).attempt_seed("response", 1),
    ]
    assert len(set(seeds)) == 5 and request("Else.", FIRST).attempt_seed("response", 1) == seeds[0]


def test_a_reply_keeps_the_last_answer_of_each_prompt_and_sums_all_tokens():
    empty = Reply(words="Go on.")
    caption = empty.with_answers("emotion_recognition", Attempts((completion("sad", reason="length"),)))
    both = caption.with_answers("response", Attempts((completion(" "), NoAnswer(), completion("Go on.", 11, 5))))
    assert both.raw == {"emotion_recognition": "sad", "response": "Go on."}
    assert both.cut_off == ("emotion_recognition",) and both.words == "Go on."
    assert (both.prompt_tokens, both.completion_tokens) == (31, 9)
    assert empty == Reply(words="Go on."), "the earlier reply stays as it was"


def test_a_prompt_without_an_answer_has_an_empty_text_and_unknown_counts_add_nothing():
    failed = Reply().with_answers("planning", Attempts((completion("a plan", reason="length"), NoAnswer())))
    assert failed.raw == {"planning": ""} and failed.cut_off == ("planning",) and failed.prompt_tokens == 10
    uncounted = Reply().with_answers("response", Attempts((completion("Yes.", None, None),)))
    assert (uncounted.prompt_tokens, uncounted.completion_tokens) == (0, 0)
    nothing = Reply().with_answers("response", Attempts((NoAnswer(),)))
    assert nothing.raw == {"response": ""} and nothing.cut_off == ()
