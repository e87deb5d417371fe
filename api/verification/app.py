"""`POST /verify`: a verdict on a face, given a portrait and a statement."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Self

from fastapi import FastAPI, Request
from PIL import Image
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict
from starlette.concurrency import run_in_threadpool

from api.access import bearer
from api.batching import Batcher, BatchFailed
from api.budget import Budget
from api.errors import OF_ANY_BODY, Refusal, declared
from api.forms import MULTIPART, check_names, file, read_fields, text
from api.pages.trial import Field as TrialField
from api.pages.trial import Trial
from api.serving import new_app
from api.settings import ServiceSettings
from api.verification.images import UnreadableImage, check, decode
from mirror.files.image_file import MAX_PIXELS
from mirror.transcripts.verdict import Verdict

if TYPE_CHECKING:
    from mirror.faces.verification import Verifier

WHAT = (
    "Says of a painted face whether it is safe, fits what it should show, and is of the same person as the portrait: "
    "POST image, base_image (PNG, JPEG or WebP files) and statement as a multipart form to /verify."
)
DECODERS = 4  # pictures decoded at a time: 16-bit gray takes 30 bytes per pixel while it is converted to 3
Cosine = Annotated[float, Field(ge=-1, le=1)]


class VerificationSettings(ServiceSettings):
    """Serves the verification of faces over HTTP.

    Each option can also be set in the environment, under the name in brackets; MIRROR_SERVICE_TOKEN, if set there, is
    the bearer token that callers must send.
    """

    model_config = SettingsConfigDict(env_prefix="VERIFICATION_")

    port: int = Field(8001, ge=0, le=65535, description="0 takes a free one")
    max_pixels: int = Field(4096 * 2048, ge=1, le=MAX_PIXELS, description="of a picture, all its frames together")
    pixels_at_once: int = Field(
        64_000_000, ge=1, description="of all pictures under work, 3 bytes each; beyond, requests wait, then are `busy`"
    )
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

    @model_validator(mode="after")
    def _check_pixels(self) -> Self:
        if self.pixels_at_once < 2 * self.max_pixels:
            found = f"{2 * self.max_pixels}, found {self.pixels_at_once}"
            raise ValueError(f"pixels_at_once must hold two pictures of max_pixels, {found}")
        return self


def create_app(verifier: "Verifier", settings: VerificationSettings, token: str | None = None) -> FastAPI:
    """The FastAPI app over `verifier`; `token` is the bearer token that callers must send, if any."""
    from mirror.faces.verification import VerificationRequest  # imports torch, which --help does not need

    batcher = Batcher(
        *(verifier.verify, settings.max_batch, settings.max_wait_ms / 1000, settings.queue, settings.request_seconds)
    )
    facts = verifier.facts()
    app = new_app("verification", WHAT, lambda: facts, settings, batcher, token, _trial(settings))
    pictures = app.state.pictures = Budget(settings.pixels_at_once, "pixels")
    decoders = asyncio.Semaphore(DECODERS)
    codes = [*OF_ANY_BODY, "forbidden_origin", "too_many_pixels", "unsupported_image_type", "unsupported_image_shape"]
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
        with batcher.place(), app.state.uploads.share() as share:
            fields = await read_fields(request, (MULTIPART,), settings, share)
            check_names(fields, ("image", "base_image", "statement"))
            statement = text(fields, "statement", settings.max_text)
            face_file, portrait_file = file(fields, "image"), file(fields, "base_image")
            del fields
            pixels = 0
            for data, name in ((portrait_file, "base_image"), (face_file, "image")):
                async with decoders:
                    pixels += await run_in_threadpool(check, data, name, settings.max_pixels)
            async with pictures.held(pixels, settings.request_seconds):
                try:
                    portrait = await decoded(portrait_file, "base_image")
                except UnreadableImage as error:
                    raise Refusal("unreadable_base_image", f"{error}; send another portrait") from None
                try:
                    face = await decoded(face_file, "image")
                except UnreadableImage:
                    return Verdict(outcome="unreadable_image")
                del face_file, portrait_file, data  # only the decoded pictures are needed now
                share.give_back()
                verdict = await batcher.submit(VerificationRequest(face, portrait, statement))
            if isinstance(verdict, Exception):  # logged by the verifier
                raise BatchFailed(str(verdict)) from verdict
            return verdict

    async def decoded(data: bytes, name: str) -> Image.Image:
        async with decoders:
            return await run_in_threadpool(decode, data, name, settings.max_pixels)

    return app


def _trial(settings: VerificationSettings) -> Trial:
    shown = "such as: looks down, lips pressed together"
    fields = (
        TrialField("base_image", "Portrait", "picture", "who the face should be"),
        TrialField("image", "Face", "picture", "the painted face"),
        TrialField("statement", "What the face should show", "line", shown, settings.max_text),
    )
    return Trial("/verify", "Verify", fields, "verdict")


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
