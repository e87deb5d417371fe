"""Describers: two lines from a model over the wire, from a local model, from the service, or from the lexicon."""

import http.server
import json
import threading
from dataclasses import astuple
from urllib.parse import parse_qs

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.local import LanguageModel
from mirror.chat.parameters import fold_seed
from mirror.clients.lexicon import lexicon
from mirror.faces.description import (
    ChatDescriber,
    Description,
    DescriptionRequest,
    HttpDescriber,
    LexiconDescriber,
    LocalDescriber,
    seed_of,
)
from mirror.paths import repository_root
from mirror.prompts import Utterance, parse_expression
from mirror.services.service import Service, ServiceError
from tests.openai_server import OpenAIServer, Status, Text, together

from_text = DescriptionRequest.from_text
HISTORY = "Therapist: What brings you here?\nClient: My wife."
REQUEST = from_text(HISTORY, "Client: [raises one eyebrow] Does this work?", seed=7)
LINES = """Facial Expression Description: one brow raised, lips pressed
Contrasting Facial Expression Description: wide smile, soft eyes"""


# A chat model over the wire -------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with OpenAIServer(default=Text(LINES)) as server:
        yield server


@pytest.fixture
def describer(server):
    return ChatDescriber(ChatEndpoint("some-model", server.url, "key", retries=0, timeout=20))


def test_the_two_lines_of_an_answer_are_the_description(describer, server):
    server.answers(Text(f"Sure!\n\n**{LINES}"))
    (description,) = describer.describe([REQUEST])
    (request,) = server.requests
    assert description == Description(
        expression="one brow raised, lips pressed",
        contrast="wide smile, soft eyes",
        response=f"Sure!\n\n**{LINES}",
        model="some-model-2026",
        attempts=1,
        fallback=False,
        prompt_tokens=len(request.words.split()),
        completion_tokens=17,
    )
    assert HISTORY in request.words and "[raises one eyebrow] Does this work?" in request.words
    assert request.body["seed"] == 7


def test_an_answer_that_cannot_be_read_is_asked_for_once_more_with_another_seed(describer, server):
    server.answers(Text("Facial Expression Description: a frown"))
    (description,) = describer.describe([REQUEST])
    assert (description.expression, description.attempts, description.fallback) == (
        "one brow raised, lips pressed",
        2,
        False,
    )
    assert description.rejected == ("Facial Expression Description: a frown",)
    first, second = (request.body["seed"] for request in server.requests)
    assert (first, second) == (7, fold_seed(seed_of(7, 2))) and first != second
    assert server.requests[0].words == server.requests[1].words


def test_after_two_such_answers_the_cue_itself_serves(describer, server):
    server.default = Text("I cannot help with that.")
    (description,) = describer.describe([REQUEST])
    assert description.fallback and description.attempts == 2 == len(server.requests)
    assert description.expression == "raises one eyebrow"
    assert description.contrast == lexicon().face("raises one eyebrow").contrast != ""
    assert parse_expression(description.response).shown == "raises one eyebrow"
    assert description.rejected == ("I cannot help with that.",) * 2
    assert description.model == "some-model"


def texts(face):
    return face.shown, face.contrast


FALLBACKS = {
    "an unknown cue": ("[holds a glass] Hm.", "holds a glass", ""),
    "no cue": ("I don't know.", *texts(lexicon().neutral())),
    "no cue, a feeling": ("I feel so sad.", *texts(lexicon().face("sad"))),
    "nothing": ("", *texts(lexicon().neutral())),
}


@pytest.mark.parametrize("utterance, expression, contrast", FALLBACKS.values(), ids=FALLBACKS)
def test_a_fallback_without_a_known_cue(utterance, expression, contrast, describer, server):
    server.default = Text("No.")
    (description,) = describer.describe([from_text("", utterance)])
    assert (description.expression, description.contrast, description.fallback) == (expression, contrast, True)


def test_only_what_could_not_be_read_is_asked_for_again(describer, server):
    server.default = lambda request: Text("No." if request.body["seed"] == 1 else LINES)
    descriptions = describer.describe([from_text("", "[nods]", seed) for seed in range(3)])
    assert [description.attempts for description in descriptions] == [1, 2, 1]
    assert sorted(request.body["seed"] for request in server.requests) == sorted([0, 1, 2, fold_seed(seed_of(1, 2))])


def test_an_endpoints_fault_stays_its_own_and_is_no_fallback(describer, server):
    server.default = lambda request: Status(500, "broken") if request.body["seed"] == 1 else Text(LINES)
    first, second, third = describer.describe([from_text("", "[nods]", seed) for seed in range(3)])
    assert isinstance(second, ChatError) and server.url in str(second)
    assert first == third and not first.fallback


def test_a_fault_at_the_second_asking_is_the_result(describer, server):
    server.answers(Text("No."), Status(500))
    assert isinstance(describer.describe([REQUEST])[0], ChatError)


def test_an_empty_batch_is_no_request(describer, server):
    assert describer.describe([]) == []
    assert server.requests == []


def test_the_facts_name_model_sampling_and_prompt(describer, server):
    facts = describer.facts()
    assert (facts["describer"], facts["model"], facts["base_url"]) == ("openai", "some-model", server.url)
    assert facts["temperature"] == 0.7 and len(facts["prompt_sha256"]) == 64


# A local model --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Random weights: it never gives the two lines."""
    folder = tmp_path_factory.mktemp("chat")
    tokenizer = AutoTokenizer.from_pretrained(repository_root() / "pocket/models/llava-v1.5-pocket")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=1024, eos_token_id=2, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return LocalDescriber(LanguageModel.load(str(folder), device="cpu", max_tokens=8))


def test_a_local_model_is_asked_in_the_same_way(local):
    first, second = local.describe([REQUEST, from_text("", "[nods]", 3)])
    assert first.fallback and first.expression == "raises one eyebrow" and first.model == local.model.name
    assert len(set(first.rejected)) == 2  # another seed, another answer
    assert second == local.describe([from_text("", "[nods]", 3)])[0]
    assert local.facts()["describer"] == "local"


def test_a_dialogue_that_is_too_long_stays_its_own_fault(local):
    long, short = local.describe([from_text("Client: word " * 2000, "[nods]"), REQUEST])
    assert isinstance(long, ValueError) and "shorten the dialogue" in str(long)
    assert short.fallback


# The service ----------------------------------------------------------------------------------------------------------


class Form:
    def __init__(self, body):
        fields = parse_qs(body, keep_blank_values=True)
        self.words = fields["client_utt"][0]
        self.fields = {name: value[0] for name, value in fields.items()}


@pytest.fixture
def service():
    """A server with one function for all: from the form to status and body."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(200, {"service": "description", "model": "lexicon"})

        def do_POST(self):
            form = Form(self.rfile.read(int(self.headers["content-length"])).decode())
            asked.append(form.fields)
            self.answer(*self.server.behavior(form))

        def answer(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked = asked
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def described(form):
    description = LexiconDescriber().describe([from_text("", form.words)])[0]
    return 200, description.model_dump(mode="json") | {"version": "1"}


def test_the_service_is_asked_for_each_and_its_description_comes_back(service):
    service.behavior = described
    describer = HttpDescriber(Service(service.url, "/describe", retries=0))
    requests = [
        REQUEST,
        from_text("", "[sighs]", 2**62),
        from_text("", "[hält inne & “lacht”]"),
    ]
    assert describer.describe(requests) == LexiconDescriber().describe(requests)
    assert {
        "history": HISTORY,
        "client_utt": "Client: [raises one eyebrow] Does this work?",
        "seed": "7",
    } in service.asked
    assert {"history": "", "client_utt": "Client: [sighs]", "seed": str(2**62)} in service.asked


def test_the_requests_of_a_batch_go_out_concurrently(service):
    wait = together(4)

    def behavior(form):
        status = wait(form)
        return described(form) if isinstance(status, Text) else (500, {})

    service.behavior = behavior
    describer = HttpDescriber(Service(service.url, "/describe", retries=0), concurrency=4)
    utterances = [f"[{cue}]" for cue in ("sighs", "nods", "shrugs", "smiles", "weeps", "yawns", "frowns", "winces")]
    descriptions = describer.describe([from_text("", utterance) for utterance in utterances])
    assert [d.expression for d in descriptions] == [
        d.expression for d in LexiconDescriber().describe([from_text("", u) for u in utterances])
    ]


def test_a_fault_of_the_service_stays_its_own(service):
    service.behavior = lambda form: (503, {}) if form.words == "Client: [nods]" else described(form)
    describer = HttpDescriber(Service(service.url, "/describe", retries=0))
    first, second = describer.describe([from_text("", "[nods]"), from_text("", "[sighs]")])
    assert isinstance(first, ServiceError) and service.url in str(first)
    assert second.expression.startswith("tired look")


def test_an_answer_of_another_service_is_an_error_that_says_so(service):
    service.behavior = lambda form: (200, {"accepted": True})
    (error,) = HttpDescriber(Service(service.url, "/describe", retries=0)).describe([REQUEST])
    assert isinstance(error, ServiceError) and "no Description" in str(error)


def test_a_request_survives_the_form():
    for utterance in (
        Utterance("sighs", "No."),
        Utterance("", "No."),
        Utterance("nods", ""),
        Utterance("nods", "", True),
    ):
        request = DescriptionRequest("Therapist: Hm?", utterance, 7)
        assert from_text(**request.to_form()) == request


def test_the_facts_are_the_services_own(service):
    facts = HttpDescriber(Service(service.url, "/describe", retries=0)).facts()
    assert facts["url"] == f"{service.url}/describe"
    assert facts["service"] == {"service": "description", "model": "lexicon"}


# The lexicon ----------------------------------------------------------------------------------------------------------


def test_the_lexicon_describes_the_cue_and_not_the_words():
    (description,) = LexiconDescriber().describe([from_text("", "Client: [sighs] I am so angry!")])
    face = lexicon().face("sighs")
    assert (description.expression, description.contrast) == (face.shown, face.contrast)
    assert (description.model, description.attempts, description.fallback) == ("lexicon", 1, False)
    assert astuple(parse_expression(description.response)) == texts(face)


def test_without_a_cue_what_the_client_feels_counts():
    (description,) = LexiconDescriber().describe([from_text("", "I am so angry!")])
    assert description.expression.startswith("angry look") and not description.fallback


@pytest.mark.parametrize("utterance", ["[holds a glass] Hm.", "I don't know.", ""])
def test_where_the_lexicon_knows_nothing_the_face_is_neutral_and_marked(utterance):
    (description,) = LexiconDescriber().describe([from_text("", utterance)])
    assert (description.expression, description.contrast) == texts(lexicon().neutral())
    assert description.fallback and description.relevance_text == "neutral look"


LOOKS = {
    "[cries]": "tearful look",
    "[rolls her eyes] Sure.": "contemptuous look",
    "[a very deep frown]": "deeply irritated look",
    "[leans back and laughs]": "amused look",
    "[is not angry]": "calm look",
    "I feel so sad today.": "sad look",
}


@pytest.mark.parametrize("utterance", LOOKS)
def test_the_relevance_filter_is_to_look_for_what_the_lexicon_read(utterance):
    (description,) = LexiconDescriber().describe([from_text("", utterance)])
    assert description.relevance_text == LOOKS[utterance] == description.expression.split(", ")[0]


def test_a_chat_models_face_is_compared_with_the_cue_itself(describer, server):
    server.answers(Text(LINES))
    (description,) = describer.describe([REQUEST])
    assert description.relevance_text == ""


def test_a_description_survives_json():
    (description,) = LexiconDescriber().describe([REQUEST])
    assert Description.model_validate_json(description.model_dump_json()) == description


def test_the_lexicons_facts_change_with_its_words():
    facts = LexiconDescriber().facts()
    assert facts["describer"] == "lexicon" and facts["expressions"] >= 40 and len(facts["sha256"]) == 64
