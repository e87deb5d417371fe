"""What to paint and how."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

SCHEDULERS = ("ddim", "dpmsolver++")


@dataclass(frozen=True)
class PaintRequest:
    """One image to paint.

    Attributes:
        prompt: text with the trigger word `img` right behind the word for the person, as in `a man img, sad`.
        negative_prompt: what must not show.
        portraits: of the person; none paints from the text alone.
        seed: of the initial noise, which is the same in any batch and on any device.
    """

    prompt: str
    negative_prompt: str
    portraits: tuple[Image.Image, ...]
    seed: int


@dataclass(frozen=True)
class PaintRecipe:
    """How an image is painted.

    Attributes:
        steps: denoising steps.
        guidance_scale: weight of the prompt against the negative prompt (classifier-free guidance), above 1.
        merge_step: the last step, from 0, that is conditioned on the text alone; -1 merges the identity from the start,
            the last step or more never. Published: a fifth of the steps.
        size: side of the painted image in pixels, a multiple of 8.
        output_size: side in pixels of the returned image.
        scheduler: `ddim`, or `dpmsolver++`, which needs half the steps.
    """

    steps: int = 50
    guidance_scale: float = 5.0
    merge_step: int = 10
    size: int = 1024
    output_size: int = 336
    scheduler: Literal["ddim", "dpmsolver++"] = "ddim"

    def __post_init__(self) -> None:
        rules = {
            "steps must be 1 or more": self.steps >= 1,
            "guidance_scale must be above 1": self.guidance_scale > 1,
            "merge_step must be -1 or more": self.merge_step >= -1,
            "size must be a multiple of 8, 8 or more": self.size >= 8 and self.size % 8 == 0,
            "output_size must be 1 or more": self.output_size >= 1,
            f"scheduler must be one of {', '.join(SCHEDULERS)}": self.scheduler in SCHEDULERS,
        }
        if broken := [rule for rule, kept in rules.items() if not kept]:
            raise ValueError(f"{'; '.join(broken)}; found {self}")
