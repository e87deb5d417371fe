"""The counselor: what it is shown and asked, in which order, what it keeps, and that the batch changes nothing."""

from pathlib import Path

import pytest
from openai_server import OpenAIServer, Text
from PIL import Image

from mirror.chat import ChatEndpoint
from mirror.counselor import Counselor, CounselorError, CounselorRequest, TooLong, clean_reply
from mirror.llava import load
from mirror.messages import Completion
from mirror.profile import Profile
from mirror.prompts import Utterance, Variant, format_plan, own_prompts
from mirror.run import input_path
from mirror.speaker import ChatSpeaker, LlavaSpeaker
from mirror.transcript import Conversation, Turn

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
    """Answers by the kind of prompt, from a script that runs out into its last answer; notes all prompts."""

    def __init__(self, room=10**6, **script):
        self.script = {kind: list(answers) for kind, answers in script.items()}
        self.room, self.asked, self.seeds = room, [], []

    def answer(self, prompts, images, seeds):
        self.seeds += seeds
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt):
        kind = "caption" if "How does this client feel" in prompt else "plan" if "Pick the CBT" in prompt else "reply"
        self.asked.append((kind, prompt))
        answers = self.script[kind]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Exception) else Completion(answer, 10, 5, "m", "stop")

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
    ],
)
def test_a_reply_is_cleaned_and_loses_no_sentence(raw, words):
    assert clean_reply(raw) == words


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


def test_a_llavas_reply_does_not_depend_on_its_batch():
    llava = load(str(input_path("pocket/models/llava-v1.5-pocket")))
    counselor = Counselor(LlavaSpeaker(llava, max_tokens=12), own_prompts("ec_planning"), Variant.of("ec_planning"))
    others = [Profile(str(n), f"Client {n}, " * n, "none", "x", "y" * n, "man", PROFILE.portraits) for n in range(1, 4)]
    requests = [request(), *(request([turn(1)], words=f"words {p.idx}", profile=p) for p in others)]
    together = counselor.reply(requests)
    assert together == [counselor.reply([one])[0] for one in requests]
    assert len({reply.words for reply in together}) > 1
