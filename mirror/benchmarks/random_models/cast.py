"""A cast with random weights at the published shapes, for benchmarks of sessions that need no download."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from transformers import CLIPImageProcessorPil

from mirror.benchmarks.random_models.filters import random_filters
from mirror.benchmarks.random_models.llava import random_model
from mirror.benchmarks.random_models.sdxl import random_encoder, random_pipeline
from mirror.clients.client import ClientUtterance, ScriptedClient
from mirror.counseling.cast import Cast
from mirror.counseling.counselor import Counselor
from mirror.counseling.speaker import LlavaSpeaker
from mirror.faces.description import LexiconDescriber
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.models.llava import Llava, make_processor
from mirror.models.memory.rotation import Rotation
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path
from mirror.prompts import Variant, own_prompts
from mirror.transcripts.turn import Conversation

Compile = Literal["none", "blocks", "whole"]
REPLY = 64  # tokens of every reply and plan
POCKET = Path("pocket/models")


RECIPES = {
    "default": PaintRecipe(50, 5.0, 10, 1024, 336, "ddim"),
    "fast": PaintRecipe(4, 0.0, -1, 1024, 336, "euler", spacing="trailing", merge_at=0.2),  # as SDXL-Lightning's
}


class WaitingClient(ScriptedClient):
    """A scripted client that takes as long as a chat model behind an endpoint."""

    def __init__(self, seconds: float) -> None:
        """Takes `seconds` for the requests of all sessions that are asked together."""
        super().__init__()
        self.seconds = seconds

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """See `ScriptedClient.speak`."""
        time.sleep(self.seconds)
        return super().speak(conversations)


def random_cast(
    cot: str,
    recipe: PaintRecipe,
    folder: Path,
    compile: Literal["none", "blocks", "whole"] = "blocks",
    paint_batch: int = 8,
    rotation: Rotation | None = None,
) -> Cast:
    """A cast on the GPU with a scripted client.

    Args:
        cot: variant of the counselor.
        recipe: of the painter.
        folder: for the files of the filters.
        compile: what of the painter is compiled.
        paint_batch: faces painted at a time.
        rotation: in which models take turns on the GPU; None: all stay there.
    """
    device, dtype = "cuda", torch.bfloat16
    rotation = rotation or Rotation(device)
    model = random_model("7b", dtype, device).eval()
    images = CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    tokenizer = load_tokenizer(input_path(POCKET / "llava-v1.5-pocket"))
    model.generation_config.min_new_tokens = REPLY  # random weights may end a reply at any token
    seat = rotation.join("counselor", [model])
    llava = Llava(model, make_processor(model.config, tokenizer, images), "random weights, 7b", "", seat)
    pipeline = random_pipeline(input_path(POCKET / "sdxl-pocket/tokenizer"), dtype, device)
    painter = PhotoMaker(pipeline, random_encoder(dtype, device), recipe, {}, paint_batch, compile, None, rotation)
    speaker = LlavaSpeaker(llava, max_tokens=REPLY)
    counselor = Counselor(speaker, own_prompts(cot), Variant.of(cot), planning_max_tokens=REPLY)
    return Cast(ScriptedClient(), LexiconDescriber(), painter, random_filters(folder, device), counselor)
