"""`POST /verify`: a face, a portrait and a statement in, a verdict out. The verifier is passed in."""

from typing import Annotated, Any

from fastapi import FastAPI, Request
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from starlette.concurrency import run_in_threadpool

from api.access import bearer
from api.batching import Batcher
from api.errors import OF_ANY_BODY, Refusal, declared
from api.forms import MULTIPART, check_names, file, read_fields, text
from api.images import UnreadableImage, decode
from api.serving import new_app
from api.settings import ServiceSettings
from mirror.picture import MAX_PIXELS
from mirror.verdict import Verdict

WHAT = (
    "Says of a painted face whether it is safe, fits what it should show, and is of the same person as the portrait: "
    "POST image, base_image (PNG, JPEG or WebP files) and statement as a multipart form to /verify."
)
Cosine = Annotated[float, Field(ge=-1, le=1)]


class VerificationSettings(ServiceSettings):
    """Serves the verification of faces over HTTP.

    Each option can also be set in the environment, under the name in brackets; MIRROR_SERVICE_TOKEN, if set there, is
    the bearer token that callers must send.
    """

    model_config = SettingsConfigDict(env_prefix="VERIFICATION_")

    port: int = Field(8001, ge=0, le=65535, description="0 takes a free one")
    max_pixels: int = Field(4096 * 2048, ge=1, le=MAX_PIXELS, description="of a picture, all its frames together")
    safety_model: str = Field(
        "pocket/models/nsfw-pocket",
        description="image classifier with the classes nsfw and normal; published: Falconsai/nsfw_image_detection",
    )
    relevance_model: str = Field(
        "pocket/models/clip-pocket", description="CLIP; published: openai/clip-vit-base-patch32"
    )
    face_pack: str = Field(
        "pocket/models/faces-pocket",
        description="folder of an insightface pack, such as ~/.insightface/models/buffalo_l",
    )
    relevance_threshold: Cosine | None = Field(
        None, description="least cosine of face and statement; none: the model's own, else the published 0.2"
    )
    identity_threshold: Cosine | None = Field(None, description="least cosine of the two faces; none: the pack's own")


def create_app(verifier: Any, settings: VerificationSettings, token: str | None = None) -> FastAPI:
    """The service over `verifier`, which has `verify(requests) -> verdicts` and `facts()` (a LocalVerifier)."""
    from mirror.verification import VerificationRequest  # it imports torch, which --help can do without

    batcher = Batcher(
        *(verifier.verify, settings.max_batch, settings.max_wait_ms / 1000, settings.queue, settings.request_seconds)
    )
    facts = verifier.facts()
    app = new_app("verification", WHAT, lambda: facts, settings, batcher, token)
    codes = [*OF_ANY_BODY, "too_many_pixels", "unsupported_image_type", "unsupported_image_shape"]
    codes += ["unreadable_base_image"]
    codes += ["unauthorized" if token else "forbidden_host"]

    @app.post(
        "/verify",
        summary="A verdict on a face",
        responses=declared(*codes),
        openapi_extra={"requestBody": _request_body(settings)},
        dependencies=bearer(token),
    )
    async def verify(request: Request) -> Verdict:
        """200 for every verdict, a rejection too. An `image` that cannot be decoded is `unreadable_image`."""
        with batcher.place():
            fields = await read_fields(request, (MULTIPART,), settings.max_body_bytes, settings.request_seconds)
            check_names(fields, ("image", "base_image", "statement"))
            statement = text(fields, "statement", settings.max_text)
            face, portrait = file(fields, "image"), file(fields, "base_image")
            try:
                portrait = await run_in_threadpool(decode, portrait, "base_image", settings.max_pixels)
            except UnreadableImage as error:
                raise Refusal("unreadable_base_image", f"{error}; send another portrait") from None
            try:
                face = await run_in_threadpool(decode, face, "image", settings.max_pixels)
            except UnreadableImage:
                return Verdict(outcome="unreadable_image")
            verdict = await batcher.submit(VerificationRequest(face, portrait, statement))
            if isinstance(verdict, Exception):
                raise verdict
            return verdict

    return app


def _request_body(settings: VerificationSettings) -> dict[str, Any]:
    picture = {"type": "string", "format": "binary", "description": f"at most {settings.max_pixels} pixels"}
    statement = {
        "type": "string",
        "minLength": 1,
        "maxLength": settings.max_text,
        "pattern": r"\S",
        "description": "what the face should show",
    }
    types = {"contentType": "image/png, image/jpeg, image/webp"}
    schema = {
        "type": "object",
        "properties": {"image": picture, "base_image": picture, "statement": statement},
        "required": ["image", "base_image", "statement"],
        "additionalProperties": False,
    }
    return {
        "required": True,
        "content": {MULTIPART: {"schema": schema, "encoding": {"image": types, "base_image": types}}},
    }
