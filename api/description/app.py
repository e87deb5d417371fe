"""`POST /describe`: the description of a face, given the dialogue and the client's utterance."""

from typing import Any, Literal

from fastapi import FastAPI, Request
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from api.access import bearer
from api.batching import Batcher
from api.errors import OF_ANY_BODY, Refusal, declared
from api.forms import JSON, MAX_SEED, MULTIPART, URLENCODED, check_names, read_fields, seed, text
from api.pages.trial import Field as TrialField
from api.pages.trial import Trial
from api.serving import new_app
from api.settings import ServiceSettings
from mirror.faces.description import Describer, Description, DescriptionRequest

WHAT = (
    "Says which face goes with a client's words, and which would contradict them: POST history, client_utt and, if you "
    "like, seed to /describe, as a form or as JSON."
)


class DescriptionSettings(ServiceSettings):
    """Serves the description of faces over HTTP.

    Each option can also be set in the environment, under the name in brackets; MIRROR_SERVICE_TOKEN, if set there, is
    the bearer token that callers must send, and OPENAI_API_KEY the key for the endpoint of the describer `openai`.
    """

    model_config = SettingsConfigDict(env_prefix="DESCRIPTION_")

    port: int = Field(8002, ge=0, le=65535, description="0 takes a free one")
    max_text: int = Field(20_000, ge=1, description="characters of a text")
    max_body_bytes: int = Field(
        2**20, ge=1, description="of a whole request; two texts in JSON's escapes take half of it"
    )
    describer: Literal["lexicon", "openai", "local"] = Field(
        "lexicon",
        description="lexicon: a table of words, no model; openai: an OpenAI-compatible endpoint; local: transformers",
    )
    model: str = Field(
        "",
        description="openai: the name the endpoint knows it by; local: Hub id or folder; published: "
        "meta-llama/Meta-Llama-3-8B-Instruct",
    )
    base_url: str = Field(
        "",
        description="openai: the endpoint, or several with commas between; empty: OPENAI_BASE_URL or OpenAI itself; "
        "the key is OPENAI_API_KEY",
    )
    temperature: float = Field(
        0.7, ge=0, allow_inf_nan=False, description="openai, local: of the sampling; 0: the likeliest words"
    )
    top_p: float = Field(0.9, gt=0, le=1, description="openai, local: share of the probability that is sampled from")
    max_tokens: int = Field(128, ge=1, description="openai, local: of an answer, the model's reasoning included")


def create_app(describer: Describer, settings: DescriptionSettings, token: str | None = None) -> FastAPI:
    """The FastAPI app over `describer`; `token` is the bearer token that callers must send, if any."""
    # Requests to an endpoint are independent: one that hangs there must not delay the others.
    batch, at_once = (1, settings.queue) if settings.describer == "openai" else (settings.max_batch, 1)
    wait = settings.max_wait_ms / 1000
    batcher = Batcher(describer.describe, batch, wait, settings.queue, settings.request_seconds, at_once)
    app = new_app("description", WHAT, describer.facts, settings, batcher, token, _trial(settings))
    codes = [*OF_ANY_BODY, "backend_unavailable", "forbidden_origin", "unauthorized" if token else "forbidden_host"]

    @app.post(
        "/describe",
        summary="The face that goes with an utterance",
        responses=declared(*codes),
        openapi_extra={"requestBody": _request_body(settings)},
        dependencies=bearer(token),
    )
    async def describe(request: Request) -> Description:
        """The same request gives the same answer where the model is deterministic for a seed."""
        with batcher.place():
            with app.state.uploads.share() as share:
                fields = await read_fields(request, (JSON, URLENCODED, MULTIPART), settings, share)
            check_names(fields, ("history", "client_utt"), ("seed",))
            history = text(fields, "history", settings.max_text, may_be_empty=True)
            utterance = text(fields, "client_utt", settings.max_text)
            described = await batcher.submit(DescriptionRequest.from_text(history, utterance, seed(fields, "seed")))
            if isinstance(described, ValueError):  # by convention: the model refuses the request
                raise Refusal("text_too_long", str(described))
            if isinstance(described, Exception):  # any other: a fault of the endpoint
                raise Refusal("backend_unavailable", str(described))
            return described

    return app


def _trial(settings: DescriptionSettings) -> Trial:
    shown, words = "[looks down] I do not know.", "the visible cue in brackets, then the words, such as:"
    lines = "lines that begin with Therapist: or Client:; may be empty"
    fields = (
        TrialField("client_utt", "The client's utterance", "line", f"{words} {shown}", settings.max_text),
        TrialField("history", "The dialogue so far", "text", lines, settings.max_text, required=False),
        TrialField("seed", "Seed", "number", "of a model's sampling; 0 if empty", MAX_SEED, required=False),
    )
    return Trial("/describe", "Describe", fields, "description")


def _request_body(settings: DescriptionSettings) -> dict[str, Any]:
    words = {"type": "string", "maxLength": settings.max_text}
    schema = {
        "type": "object",
        "properties": {
            "history": words
            | {"description": "the dialogue so far, `Therapist: …` and `Client: …` lines; may be empty"},
            "client_utt": words | {"minLength": 1, "pattern": r"\S", "description": "`[visible cue] spoken words`"},
            "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 0},
        },
        "required": ["history", "client_utt"],
        "additionalProperties": False,
    }
    return {
        "required": True,
        "content": {media_type: {"schema": schema} for media_type in (JSON, URLENCODED, MULTIPART)},
    }
