"""What to paint and how. Knows nothing of models."""

from dataclasses import dataclass
from typing import Literal

from PIL import Image

SCHEDULERS = ("ddim", "dpmsolver++")


@dataclass(frozen=True)
class PaintRequest:
    """One image to paint.

    Attributes:
        prompt: text that holds the trigger word `img` right behind the word for the person, as in `a man img, sad`.
        negative_prompt: what must not show.
        portraits: the person's, one or several; none paints the text alone.
        seed: of the noise that the image grows from; the same in any batch, on any device.
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
        guidance_scale: strength of the prompt over the negative prompt.
        merge_step: the last step, from 0, that sees the text alone; -1 merges the identity in from the start, the last
            step or more never. The published share is a fifth of the steps.
        size: side of the painted image in pixels, a multiple of 8.
        output_size: side of the image as returned.
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
