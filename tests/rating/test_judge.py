"""One question and its answer, over a real socket."""

import base64
import io
import json

import pytest
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint
from mirror.rating.instrument import read_instrument
from mirror.rating.judge import Case, ChatJudge
from mirror.rating.questions import pair_case, session_cases
from mirror.transcripts.session_folder import SessionFolder
from tests.openai_server import Body, OpenAIServer, Status, Text
from tests.rated_runs import rate, write_run

HELPFULNESS, RESISTANCE = read_instrument("helpfulness"), read_instrument("resistance")


@pytest.fixture
def server():
    with OpenAIServer(default=rate) as server:
        yield server


@pytest.fixture
def session(output):
    return SessionFolder(write_run(output, faces=True) / "sessions/60")


def judge(server, structured="schema", attempts=2, sees_faces=False, **options):
    options = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 600, "timeout": 20.0, "retries": 0} | options
    return ChatJudge(ChatEndpoint("some-model", server.url, "key", **options), structured, attempts, sees_faces)


def whole(session, instrument=HELPFULNESS, faces=False):
    return session_cases(instrument, session, session.turns(), faces)[0]


def test_a_session_is_rated_by_a_schema(server, session):
    answer = judge(server).answer(whole(session), seed=7)
    assert (answer.status, answer.scores, answer.reason) == ("rated", {"helpful": 2, "empathy": 2}, "because")
    assert (answer.attempts, answer.model) == (1, "some-model-2026")
    assert answer.prompt_tokens > 100 and answer.completion_tokens == 6
    (request,) = server.requests
    schema = request.body["response_format"]["json_schema"]
    assert schema["strict"] and schema["schema"]["properties"]["helpful"] == {
        "type": "integer",
        "enum": [1, 2, 3, 4, 5],
    }
    assert schema["schema"]["required"] == ["reason", "helpful", "empathy"]
    assert not schema["schema"]["additionalProperties"]
    assert request.body["temperature"] == 0.7 and request.body["max_tokens"] == 600 and request.body["seed"] > 0


@pytest.mark.parametrize("structured, form", [("object", {"type": "json_object"}), ("text", None)])
def test_a_server_without_schemas_can_be_asked_too(structured, form, server, session):
    assert judge(server, structured).answer(whole(session), 7).status == "rated"
    assert server.requests[0].body.get("response_format") == form


def test_the_judge_reads_words_and_cues_and_nothing_else_of_the_session(server, session):
    judge(server).answer(whole(session), 7)
    sent = json.dumps(server.requests[0].body)
    assert "Client: [looks down] Client 60 says 2: I am sad." in sent
    assert "Counselor: I hear that you are sad. (60, 2)" in sent
    for secret in ("ec_planning", "mirror", "secret plan", "secret caption", "llava", "image_url"):
        assert secret not in sent.lower().replace("mirrored", "")


def test_a_turn_is_rated_with_what_came_before_and_nothing_after(server, session):
    first, second = session_cases(RESISTANCE, session, session.turns(), False)
    assert (first.turn, second.turn) == (1, 2)
    assert "says 2" not in first.prompt and "(60, 1)" not in first.prompt, "neither what follows nor the reply"
    assert "(60, 1)" in second.prompt and "says 2" in second.prompt and "(60, 2)" not in second.prompt


def test_faces_go_along_where_they_may(server, session):
    case = whole(session, faces=True)
    assert judge(server, sees_faces=True).answer(case, 7).status == "rated"
    *images, text = server.requests[0].body["messages"][-1]["content"]
    pixels = [Image.open(io.BytesIO(base64.b64decode(i["image_url"]["url"].split(",")[1]))) for i in images]
    assert [image.getpixel((0, 0))[0] for image in pixels] == [1, 2]
    assert "one a turn in the order of the turns" in text["text"]
    one = session_cases(RESISTANCE, session, session.turns(), True)[1]
    assert [path.name for path in one.faces[0]] == ["02.png"]
    never = HELPFULNESS.model_copy(update={"sees": HELPFULNESS.sees.model_copy(update={"faces": "never"})})
    assert whole(session, never, faces=True).faces == ()


def test_a_face_that_was_damaged_fails_its_own_question_by_name(server, session):
    case = whole(session, faces=True)
    case.faces[0][1].write_bytes(b"no picture")
    answer = judge(server, sees_faces=True).answer(case, 7)
    assert (answer.status, answer.refused, server.requests) == ("failed", False, [])
    assert "02.png: is no picture" in answer.raw


def test_a_judge_that_sees_faces_has_another_name(server):
    assert judge(server).name == "some-model" and judge(server, sees_faces=True).name == "some-model with faces"


def test_two_sessions_are_compared_by_words(server, session):
    turns = session.turns()
    server.default = lambda request: rate(request, preferred="second")
    case = pair_case(HELPFULNESS, [(session, turns), (session, turns[:1])], False)
    answer = judge(server).answer(case, 7)
    assert answer.scores == {"helpful": "second", "empathy": "second"}
    schema = server.requests[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["empathy"] == {"type": "string", "enum": ["first", "second", "neither"]}
    shown = server.requests[0].words
    assert shown.index("--- first session ---") < shown.index("says 2") < shown.index("--- second session ---")


# Answers that cannot be used ----------------------------------------------------------------------------------------


def test_an_unparsable_answer_is_asked_for_again_with_another_seed(server, session):
    server.answers(Text("hm"), rate)
    answer = judge(server).answer(whole(session), 7)
    assert (answer.status, answer.attempts) == ("rated", 2)
    seeds = [request.body["seed"] for request in server.requests]
    assert len(set(seeds)) == 2
    assert answer.completion_tokens == 1 + 6, "both answers were paid for"


def test_what_stays_unparsable_is_missing_with_its_reason(server, session):
    server.default = Text('{"helpful": 9, "empathy": 2}', finish_reason="length")
    answer = judge(server).answer(whole(session), 7)
    assert (answer.status, answer.scores, answer.attempts) == ("unparsable", {"helpful": None, "empathy": None}, 2)
    assert answer.reason == "helpful is 9, none of 1, 2, 3, 4, 5 (cut off; raise max_tokens)"
    assert answer.raw == '{"helpful": 9, "empathy": 2}' and answer.prompt_tokens > 0


def test_a_refusal_of_the_model_is_missing_too(server, session):
    server.default = Text(None, refusal="I may not rate people.")
    answer = judge(server).answer(whole(session), 7)
    assert answer.status == "unparsable" and "I may not rate people" in answer.raw


def test_a_server_that_knows_no_schemas_is_asked_without(server, session):
    server.default = lambda request: (
        Status(400, "json_schema is not supported") if "json_schema" in str(request.body) else rate(request)
    )
    model = judge(server)
    assert model.answer(whole(session), 7).status == "rated"
    assert server.requests[-1].body["response_format"] == {"type": "json_object"}
    assert model.facts()["left_out"]["response_format"]["value"] == ["json_schema"]


def test_what_a_server_refuses_whatever_is_left_out_is_refused_for_all(server, session):
    server.default = Status(400, "response_format json_schema is not supported")
    answer = judge(server).answer(whole(session), 7)
    assert answer.status == "failed" and answer.refused and answer.attempts == 1
    assert "json_schema is not supported" in answer.raw


@pytest.mark.parametrize("code, fault", [("context_length_exceeded", "too long"), ("content_filter", "filtered")])
def test_what_a_server_refuses_of_one_question_is_its_own(code, fault, server, session):
    server.default = Status(400, "not this one", code)
    answer = judge(server).answer(whole(session), 7)
    assert (answer.status, answer.refused, answer.question_fault) == ("failed", False, fault)


def test_a_judges_reasoning_is_not_read(server, session):
    server.default = lambda request: Text(f'<think>\n{{"helpful": 5, "empathy": 5}}?\n</think>\n{rate(request).text}')
    answer = judge(server).answer(whole(session), 7)
    assert answer.scores == {"helpful": 2, "empathy": 2} and "think" not in answer.raw


NO_ANSWERS = {
    "a page": b"<html>Sign in</html>",
    "nothing": b"",
    "no JSON": b"upstream connect error",
    "cut off": b'{"choices": [{"message": {"content": "{',
    "no completion": b'{"object": "list"}',
    "no choice": b'{"choices": []}',
    "an error": b'{"error": {"message": "no capacity"}}',
    "broken off": b'{"choices": [{"message": {"content": "{"}, "finish_reason": "error"}]}',
}


@pytest.mark.slow
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_of_a_model_is_asked_again_and_fails(body, server, session):
    server.answers(Body(body))
    assert judge(server).answer(whole(session), 7).status == "rated"
    server.default = Body(body)
    asked = len(server.requests)
    answer = judge(server).answer(whole(session), 7)
    assert (answer.status, answer.refused) == ("failed", False)
    assert len(server.requests) - asked == answer.attempts == 2
    assert set(answer.scores.values()) == {None}


@pytest.mark.parametrize("reason", [r"\ud83d", r"a \udc00 b"])
def test_half_a_character_in_a_rating_can_be_written(reason, server, session):
    server.default = Text(f'{{"helpful": 4, "empathy": 2, "reason": "{reason}", "x\\ud83d": 1}}')
    answer = judge(server).answer(whole(session), 7)
    assert answer.scores == {"helpful": 4, "empathy": 2} and "\ufffd" in answer.reason
    answer.reason.encode()


@pytest.mark.parametrize("fault", [Status(500), Status(429), Body(b"<html>")], ids=["500", "429", "no completion"])
def test_a_server_that_fails_refuses_nothing(fault, server, session):
    server.default = fault
    answer = judge(server).answer(whole(session), 7)
    assert answer.status in ("failed", "unparsable") and not answer.refused
    assert set(answer.scores.values()) == {None}


# What was asked -----------------------------------------------------------------------------------------------------


def test_all_that_decides_an_answer_is_in_its_digest(server, session):
    case = whole(session)
    asked = judge(server).asked(case, 7)
    assert asked == judge(server).asked(whole(session), 7)
    others = [
        judge(server).asked(case, 8),
        judge(server, temperature=0.1).asked(case, 7),
        judge(server, "text").asked(case, 7),
        judge(server).asked(whole(session, faces=True), 7),
        judge(server).asked(Case(RESISTANCE, case.sessions), 7),
        judge(server).asked(Case(HELPFULNESS, (case.sessions[0][:1],)), 7),
    ]
    assert len({asked, *others}) == 7


def test_facts_say_who_judges_and_hold_no_key(server):
    facts = judge(server).facts()
    assert facts["model"] == "some-model" and facts["structured"] == "schema"
    assert set(facts["prompts_sha256"]) == {"judge.txt", "rating.txt", "preference.txt"}
    assert "key" not in json.dumps(facts)
