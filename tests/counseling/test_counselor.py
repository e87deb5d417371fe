"""The counselor: what it is shown and asked, in which order, what it keeps, and that the batch changes nothing."""

import re
from bisect import bisect
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.messages import Completion
from mirror.counseling.counselor import Counselor
from mirror.counseling.reply import CounselorError, CounselorRequest, TooLong
from mirror.counseling.speaker import ChatSpeaker, LlavaSpeaker
from mirror.models.llava import load
from mirror.paths import input_path
from mirror.prompts import Utterance, Variant, clean_reply, completed, format_plan, own_prompts, own_template
from mirror.training.prompt_induction import induce
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Memory, Turn
from tests.openai_server import OpenAIServer, Text
from tests.published_prompts import records

PROFILE = Profile(
    "7", "Ada, 40, a cook", "emotional", "I am a bad cook.", "I burn the soup.", "woman", (Path("a.png"),)
)
STEPS = ("Name the worst.", "Ask how likely it is.")
PLAN = format_plan("Decatastrophizing", STEPS)
FACE = Image.new("RGB", (56, 56), "tan")


def turn(number, words="It burnt.", reply="Go on.", **more):
    return Turn(number=number, cue="SECRET frown", words=words, client_raw="", reply=reply, **more)


def request(turns=(), words="I burnt it again.", profile=PROFILE):
    return CounselorRequest(Conversation(profile, tuple(turns), seed=0), Utterance("SECRET cue", words), FACE)


class Speaker:
    """Answers by the kind of prompt, from a script that runs out into its last answer; notes all prompts.

    An answer that ends in `…` ran out of tokens.
    """

    def __init__(self, room=10**6, **script):
        self.script = {kind: list(answers) for kind, answers in script.items()}
        self.room, self.asked, self.seeds, self.limits = room, [], [], []

    def answer(self, prompts, images, seeds, *, max_tokens=None):
        self.seeds += seeds
        self.limits += [max_tokens] * len(prompts)
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt):
        kind = "caption" if "How does this client feel" in prompt else "plan" if "Pick the CBT" in prompt else "reply"
        self.asked.append((kind, prompt))
        answers = self.script[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            return answer
        return Completion(answer, 10, 5, "m", "length" if answer.endswith("…") else "stop")

    def fits(self, prompt):
        return len(prompt) <= self.room

    def facts(self):
        return {}

    @property
    def kinds(self):
        return [kind for kind, _ in self.asked]


def replied(cot, requests, speaker):
    return Counselor(speaker, own_prompts(cot), Variant.of(cot)).reply(requests)


def test_each_variant_asks_what_it_is_made_of():
    for cot, kinds in {
        "base": ["reply"],
        "ec": ["caption", "reply"],
        "planning": ["plan", "reply"],
        "ec_planning": ["caption", "plan", "reply"],
    }.items():
        speaker = Speaker(caption=["Looks sad"], plan=[PLAN], reply=["I see."])
        (reply,) = replied(cot, [request()], speaker)
        assert speaker.kinds == kinds and reply.words == "I see."
        prompt = speaker.asked[-1][1]
        assert ("Looks sad" in prompt) == (reply.caption == "Looks sad") == ("caption" in kinds)
        assert ("2. Ask how likely it is." in prompt) == (reply.plan == STEPS) == ("plan" in kinds)
        assert prompt.count("Client: I burnt it again.") == 1
        assert (reply.prompt_tokens, reply.completion_tokens) == (10 * len(kinds), 5 * len(kinds))
        assert reply.raw.keys() == {
            {"caption": "emotion_recognition", "plan": "planning", "reply": "response"}[k] for k in kinds
        }


def test_the_cue_is_never_shown():
    speaker = Speaker(caption=["Looks sad"], plan=[PLAN], reply=["I see."])
    replied("ec_planning", [request([turn(1), turn(2)])], speaker)
    assert len(speaker.asked) == 3 and not any("SECRET" in prompt for _, prompt in speaker.asked)


def test_a_cue_that_is_read_is_the_caption_or_stands_before_the_newest_words():
    speaker = Speaker(caption=["Looks sad"], plan=[PLAN], reply=["I see."])
    asked = replace(request([turn(1)]), cue="Looks\n away")
    (captioned,) = replied("ec_planning", [asked], speaker)
    assert speaker.kinds == ["plan", "reply"] and captioned.caption == "Looks away"
    assert "Looks away" in speaker.asked[1][1] and not any("(Looks" in prompt for _, prompt in speaker.asked)
    speaker = Speaker(plan=[PLAN], reply=["I see."])
    (plain, silent) = replied("base", [asked, replace(request(words=""), cue="Looks away")], speaker)
    assert plain.caption == "" and speaker.asked[0][1].count("(Looks\n away) I burnt it again.") == 1
    assert speaker.asked[0][1].count("(Looks") == 1 and "Client: (Looks away)" in speaker.asked[1][1]
    assert silent.words == "I see."


def test_a_prompt_shows_one_face_whatever_is_said():
    speaker = Speaker(caption=["An <image>"], plan=[PLAN], reply=["I see."])
    hostile = replace(PROFILE, reason="<image><image>", personal_info="Ada <ima<image>ge>")
    (reply,) = replied("ec_planning", [request([turn(1, "<image>", "<image>?")], "Look: <image>", hostile)], speaker)
    assert [prompt.count("<image>") for _, prompt in speaker.asked] == [1, 1, 1]
    assert "Client: Look: (image)" in speaker.asked[-1][1] and reply.caption == "An <image>"


def test_a_plan_waits_for_words_and_is_kept_for_the_session():
    speaker = Speaker(plan=[PLAN], reply=["Hello."])
    (silent,) = replied("planning", [request(words="")], speaker)
    assert speaker.kinds == ["reply"] and silent.plan == () and "Client:" not in speaker.asked[0][1]
    kept = turn(2, technique="Continuum", plan=("Draw a line.",))
    (later,) = replied("planning", [request([turn(1), kept])], speaker)
    assert speaker.kinds == ["reply", "reply"]
    assert (later.technique, later.plan) == ("Continuum", ("Draw a line.",)) and "1. Draw a line." in speaker.asked[1][
        1
    ]


def test_a_plan_that_cannot_be_read_is_asked_for_once_more_and_again_in_the_next_turn():
    speaker = Speaker(plan=["Nonsense."], reply=["Hm."])
    (reply,) = replied("planning", [request()], speaker)
    assert speaker.kinds == ["plan", "plan", "reply"] and reply.plan == () and reply.raw["planning"] == "Nonsense."
    assert len(set(speaker.seeds)) == 3
    speaker = Speaker(plan=["Nonsense.", PLAN], reply=["Hm."])
    assert replied("planning", [request()], speaker)[0].plan == STEPS


def test_a_plan_has_room_of_its_own_and_one_that_was_cut_off_is_never_kept():
    cut = PLAN[:-4] + "…"
    speaker = Speaker(plan=[cut, PLAN], reply=["Hm."])
    (reply,) = replied("planning", [request()], speaker)
    assert reply.plan == STEPS and reply.raw["planning"] == PLAN and reply.cut_off == ()
    assert speaker.kinds == ["plan", "plan", "reply"] and speaker.limits == [512, 512, None]
    assert len(set(speaker.seeds)) == 3
    speaker = Speaker(plan=[cut], reply=["Hm."])
    (reply,) = replied("planning", [request()], speaker)
    assert speaker.kinds == ["plan", "plan", "reply"]
    assert (reply.words, reply.plan, reply.technique, reply.plan_text) == ("Hm.", (), "", "")
    assert reply.raw["planning"] == cut and reply.cut_off == ("planning",)
    later = turn(1, counselor_raw=reply.raw, cut_off=reply.cut_off)
    assert replied("planning", [request([later])], Speaker(plan=[PLAN], reply=["Hm."]))[0].plan == STEPS


def test_a_turn_goes_on_without_a_plan_that_an_endpoint_gives_no_text_for():
    empty = ChatError("answered with no text (finish_reason length)", 200, 1)
    (reply,) = replied("planning", [request()], Speaker(plan=[empty], reply=["Hm."]))
    assert (reply.words, reply.plan, reply.raw["planning"]) == ("Hm.", (), "")
    down = ChatError("cannot be reached", None, 1)
    assert replied("planning", [request()], Speaker(plan=[down], reply=["Hm."])) == [down]


def test_a_caption_that_was_cut_off_is_asked_for_again_and_then_used():
    speaker = Speaker(caption=["Looks sad and…", "Looks sad"], reply=["Hm."])
    (reply,) = replied("ec", [request()], speaker)
    assert (reply.caption, reply.cut_off, speaker.kinds) == ("Looks sad", (), ["caption", "caption", "reply"])
    (reply,) = replied("ec", [request()], Speaker(caption=["Looks sad and…"], reply=["Hm. And…"]))
    assert (reply.caption, reply.words) == ("Looks sad and…", "Hm. And…")
    assert reply.cut_off == ("emotion_recognition", "response")


def test_a_plan_stands_in_the_prompt_as_the_data_write_plans_and_stays_so():
    steps = lambda found: "\n".join(f"Step {n}: {step}" for n, step in enumerate(found, 1))  # noqa: E731
    prompts = completed(induce(records("planning", write_plan=steps)), "planning")
    speaker = Speaker(plan=[PLAN], reply=["Hm."])
    counselor = Counselor(speaker, prompts, Variant.of("planning"))
    (reply,) = counselor.reply([request()])
    written = "Step 1: Name the worst.\nStep 2: Ask how likely it is."
    assert reply.plan_text == written and f"- Counseling planning:\n{written}\n" in speaker.asked[-1][1]
    assert "- CBT technique:\nDecatastrophizing\n" in speaker.asked[-1][1]
    kept = turn(1, technique=reply.technique, plan=reply.plan, plan_text=reply.plan_text)
    counselor.reply([request([kept])])
    assert written in speaker.asked[-1][1]


def test_a_field_that_is_not_known_is_left_out_where_the_data_left_it_out():
    fields = [
        {"personal_information": f"Ada {n}, {n} years", "reason_for_counseling": f"{n} fears."} for n in range(60)
    ]
    wording = own_template("response", "base")
    found = [("response", wording.render(**known, dialogue=f"Client: Hm {n}.")) for n, known in enumerate(fields)]
    without = [(kind, re.sub("- Reason for Counseling: .*\n", "", prompt)) for kind, prompt in found[:20]]
    speaker = Speaker(reply=["Hm."])
    counselor = Counselor(speaker, induce(found + without), Variant.of("base"))
    for reason in ("Not found", "", "not found."):
        counselor.reply([request(profile=replace(PROFILE, reason=reason))])
        assert "Reason" not in speaker.asked[-1][1] and "Not found" not in speaker.asked[-1][1]
    Counselor(speaker, induce(found), Variant.of("base")).reply([request(profile=replace(PROFILE, reason="Not found"))])
    assert "- Reason for Counseling: \n" in speaker.asked[-1][1]


def test_an_empty_reply_is_asked_for_once_more_and_then_an_error_of_its_own():
    assert replied("base", [request()], Speaker(reply=["", "Yes."]))[0].words == "Yes."
    empty, fine = replied("base", [request(), request()], Speaker(reply=["", "Yes.", ""]))
    assert isinstance(empty, CounselorError) and fine.words == "Yes."
    assert isinstance(replied("ec", [request()], Speaker(caption=[" "], reply=["x"]))[0], CounselorError)


def test_a_fault_of_the_model_stays_with_its_session():
    fault = RuntimeError("down")
    bad, good = replied("base", [request(), request()], Speaker(reply=[fault, "Yes."]))
    assert bad is fault and good.words == "Yes."


def test_the_context_is_the_last_16_utterances_and_what_fits():
    turns = [turn(n, words=f"words {n}.", reply=f"reply {n}.") for n in range(1, 11)]
    speaker = Speaker(reply=["Yes."])
    (reply,) = replied("base", [request(turns)], speaker)
    prompt = speaker.asked[0][1]
    assert reply.dropped_utterances == 5 and "reply 2." not in prompt and "words 3." not in prompt
    assert "Therapist: reply 3." in prompt and prompt.count("Client:") + prompt.count("Therapist:") == 16
    speaker = Speaker(room=len(prompt) - 1, reply=["Yes."])
    (reply,) = replied("base", [request(turns)], speaker)
    assert reply.dropped_utterances == 6 and "reply 3." not in speaker.asked[0][1]
    assert "I burnt it again." in speaker.asked[0][1]
    assert isinstance(replied("base", [request(turns)], Speaker(room=10, reply=["Yes."]))[0], TooLong)


def test_the_newest_utterance_is_cut_and_never_dropped():
    words = " ".join(f"word{number}" for number in range(400))
    turns = [turn(1), turn(2)]
    speaker = Speaker(room=1000, reply=["Yes."])
    (reply,) = replied("base", [request(turns, words=words)], speaker)
    prompt = speaker.asked[0][1]
    kept = re.search("Client: … (.*)\n", prompt)[1]
    assert words.endswith(f" {kept}") and len(kept) > 500 and 990 < len(prompt) <= 1000
    assert (reply.dropped_utterances, reply.cut_characters) == (4, len(words) - len(kept))
    speaker = Speaker(room=1000, reply=["Yes."])
    (whole,) = replied("base", [request(turns)], speaker)
    assert whole.cut_characters == 0 and "I burnt it again." in speaker.asked[0][1]
    unbroken = replied("base", [request(words="x" * 5000)], Speaker(room=1000, reply=["Yes."]))[0]
    assert 4000 < unbroken.cut_characters < 5000


def test_what_leaves_no_room_is_named():
    profile = replace(PROFILE, personal_info="A cook. " * 300)
    (error,) = replied("base", [request(profile=profile)], Speaker(room=1000, reply=["Yes."]))
    assert isinstance(error, TooLong)
    assert "client 7: the response prompt" in str(error) and "personal_information has 2,400 characters" in str(error)


@pytest.mark.parametrize(
    "raw, words",
    [
        ("Therapist: I see.", "I see."),
        ("**Counselor:** I see. You", "I see. You"),
        ("I see.\nTell me more.", "I see. Tell me more."),
        ("I see.\nClient: I am sad.\nTherapist: Hm.", "I see."),
        ("Your client: is it well? A client said so.", "Your client: is it well? A client said so."),
        ("Note: the word therapist: stays.", "Note: the word therapist: stays."),
        ("Client: me.", ""),
        ("  ", ""),
        ("Psychotherapist: Hello.", "Hello."),
        ("Sure.\nTherapist: And you?\nTherapist: Well?", "Sure. And you? Well?"),
        ("[Therapist]: Hello.\n[Client]: No.", "Hello."),
        ("[Therapist] Hello.", "Hello."),
        ("Therapist (softly): Hello.", "Hello."),
        ("AI: Hello.", "Hello."),
        ("**AI Counsellor**: Hello.", "Hello."),
        ("Assistant:\nHello.", "Hello."),
        ("Hello. Therapist: And you? Client: No.", "Hello. And you?"),
        ("Well.\n**Patient:** No.\nTherapist: Yes.", "Well."),
        ("Well.\n- User: No.", "Well."),
        ("Therapist: [leans forward] Go on.\n[nods] Yes.", "Go on. Yes."),
        ("[nods]", "[nods]"),
        ("The therapist: a word in passing.", "The therapist: a word in passing."),
        ("We look at it as a client: what helps? Your therapist: who is it?",) * 2,
        ("Rate it [0 to 10] now.", "Rate it [0 to 10] now."),
        ("An aide: yes. Aim: rest.", "An aide: yes. Aim: rest."),
    ],
)
def test_a_reply_is_cleaned_and_loses_no_sentence(raw, words):
    assert clean_reply(raw) == words


def test_a_chat_model_gives_plans_their_own_room():
    with OpenAIServer() as server:
        server.answers(Text(PLAN), Text("I hear you."))
        speaker = ChatSpeaker(ChatEndpoint("m", server.url, retries=0, max_tokens=9), True)
        counselor = Counselor(speaker, own_prompts("planning"), Variant.of("planning"), planning_max_tokens=77)
        (reply,) = counselor.reply([request()])
        rooms = [sent.body["max_tokens"] for sent in server.requests]
    assert (reply.words, reply.plan, rooms) == ("I hear you.", STEPS, [77, 9])
    assert counselor.facts()["planning_max_tokens"] == 77


def test_a_llavas_plan_has_its_own_room_and_every_prompt_leaves_it():
    llava = load(str(input_path("pocket/models/llava-v1.5-pocket")))
    speaker = LlavaSpeaker(llava, max_tokens=4, longest_answer=20)
    (short,) = speaker.answer(["<image>\nHello."], [FACE], [1])
    (longer,) = speaker.answer(["<image>\nHello."], [FACE], [1], max_tokens=20)
    assert short.finish_reason == "length" and short.completion_tokens == 4 < longer.completion_tokens
    room = llava.model.config.text_config.max_position_embeddings
    longest = bisect(range(room), False, key=lambda n: not speaker.fits("<image>\n" + "I am. " * n)) - 1
    assert 0 < longest < room
    assert not LlavaSpeaker(llava, max_tokens=40).fits("<image>\n" + "I am. " * longest)
    assert LlavaSpeaker(llava, max_tokens=4).fits("<image>\n" + "I am. " * (longest + 5))


@pytest.mark.parametrize("sees_face", [True, False])
def test_a_chat_model_sees_the_face_or_only_words(sees_face):
    with OpenAIServer() as server:
        server.answers(Text("I hear you."))
        speaker = ChatSpeaker(ChatEndpoint("m", server.url, retries=0), sees_face)
        (reply,) = Counselor(speaker, own_prompts("base", face=sees_face), Variant.of("base")).reply([request()])
        (sent,) = server.requests
    content = sent.body["messages"][0]["content"]
    assert reply.words == "I hear you."
    assert ("image_url" in str(content)) == sees_face == ("The image shows" in str(content))
    assert "<image>" not in str(content) and "Client: I burnt it again." in sent.words


@pytest.mark.slow
def test_a_llavas_reply_does_not_depend_on_its_batch():
    llava = load(str(input_path("pocket/models/llava-v1.5-pocket")))
    speaker = LlavaSpeaker(llava, max_tokens=12)
    counselor = Counselor(speaker, own_prompts("ec_planning"), Variant.of("ec_planning"), planning_max_tokens=24)
    others = [Profile(str(n), f"Client {n}, " * n, "none", "x", "y" * n, "man", PROFILE.portraits) for n in range(1, 4)]
    requests = [request(), *(request([turn(1)], words=f"words {p.idx}", profile=p) for p in others)]
    together = counselor.reply(requests)
    assert together == [counselor.reply([one])[0] for one in requests]
    assert len({reply.words for reply in together}) > 1


def test_what_no_record_asked_for_is_answered_by_the_speaker_named_for_it():
    tuned, base = Speaker(reply=["I see."], plan=["I see."]), Speaker(plan=[PLAN])
    counselor = Counselor(tuned, own_prompts("planning"), Variant.of("planning"), untrained={"planning": base})
    (reply,) = counselor.reply([request()])
    assert (reply.words, reply.plan) == ("I see.", STEPS)
    assert [kind for kind, _ in tuned.asked] == ["reply"] and [kind for kind, _ in base.asked] == ["plan"]


def returning(turns=(), words="I burnt it again."):
    earlier = ((turn(1, words=""), turn(2)), (turn(1, "It was fine.", "Good."),))
    return CounselorRequest(
        Conversation(PROFILE, turns, 0, 3, Memory(earlier, 1)), Utterance("SECRET cue", words), FACE
    )


def spoken_part(prompt):
    return prompt.partition("The session so far:\n")[2].rpartition("\nAnswer as")[0]


def test_what_was_said_in_earlier_sessions_stands_before_the_dialogue():
    speaker = Speaker(plan=[PLAN], reply=["I see."])
    (reply,) = replied("planning", [returning([turn(1, words="", reply="Welcome back.")])], speaker)
    for kind, prompt in speaker.asked:
        assert (
            "(Session 1)\nClient: It burnt.\nTherapist: Go on.\n(Session 2)\nClient: It was fine.\nTherapist: Good.\n"
            "(Session 3)\nTherapist: Welcome back.\nClient: I burnt it again." in prompt
        ), kind
        assert "SECRET" not in prompt
    assert (reply.remembered, reply.dropped_utterances) == (4, 0) and reply.technique


def test_before_a_word_of_this_session_the_counselor_reads_the_earlier_ones_and_has_no_plan():
    speaker = Speaker(plan=[PLAN], reply=["I see."])
    (reply,) = replied("planning", [returning(words="")], speaker)
    assert speaker.kinds == ["reply"] and not reply.plan
    assert spoken_part(speaker.asked[0][1]).endswith("Therapist: Good.\n(Session 3)")


def test_a_short_window_leaves_out_earlier_sessions_first():
    whole = Speaker(reply=["I see."])
    replied("base", [returning()], whole)
    longest = len(whole.asked[0][1])
    for room, remembered in ((longest, 4), (longest - 1, 3), (longest - 60, 1), (longest - 110, 0)):
        speaker = Speaker(room=room, reply=["I see."])
        (reply,) = replied("base", [returning()], speaker)
        assert (reply.remembered, reply.dropped_utterances) == (remembered, 0), room
        assert len(speaker.asked[0][1]) <= room and "I burnt it again." in speaker.asked[0][1]


def test_a_first_session_remembers_nothing_and_says_so_nowhere():
    speaker = Speaker(reply=["I see."])
    (reply,) = replied("base", [request()], speaker)
    assert reply.remembered is None and "(Session" not in speaker.asked[0][1]
