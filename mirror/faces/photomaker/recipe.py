"""What to paint and how."""

from dataclasses import dataclass

from PIL import Image

from mirror.faces.schedule import SCHEDULERS, SPACINGS, Scheduler, Spacing, schedule_faults


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
        guidance_scale: weight of the prompt against the negative prompt (classifier-free guidance), above 1; 0 or 1:
            none, as distilled models want it; the negative prompt is not used, a step evaluates the network once.
        merge_step: the last step, from 0, that is conditioned on the text alone; -1 merges the identity from the start,
            the last step or more never. Published: a fifth of the steps.
        size: side of the painted image in pixels, a multiple of 8.
        output_size: side in pixels of the returned image.
        scheduler: `ddim`; `dpmsolver++`, which needs half the steps; `euler`, `lcm` and `tcd` for distilled models.
        spacing: of the timesteps: `leading` (published), `linspace`, `trailing` (distilled models); `model`: as the
            model's scheduler configuration says, the only one of `lcm` and `tcd`.
        merge_at: instead of `merge_step`, the share of the noise schedule, from 0 to 1, that is done from the text
            alone, whatever the number of steps: 0.2 are the published 10 of 50; 0 merges from the start, 1 never.
    """

    steps: int = 50
    guidance_scale: float = 5.0
    merge_step: int = 10
    size: int = 1024
    output_size: int = 336
    scheduler: Scheduler = "ddim"
    spacing: Spacing = "model"
    merge_at: float | None = None

    def __post_init__(self) -> None:
        rules = {
            "steps must be 1 or more": self.steps >= 1,
            "merge_step must be -1 or more": self.merge_step >= -1,
            "size must be a multiple of 8, 8 or more": self.size >= 8 and self.size % 8 == 0,
            "output_size must be 1 or more": self.output_size >= 1,
            f"scheduler must be one of {', '.join(SCHEDULERS)}": self.scheduler in SCHEDULERS,
            f"spacing must be one of {', '.join(SPACINGS)}": self.spacing in SPACINGS,
            "merge_at must be from 0 to 1, or None": self.merge_at is None or 0 <= self.merge_at <= 1,
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        broken += schedule_faults(self.scheduler, self.spacing, self.steps, self.guidance_scale)
        if broken:
            raise ValueError(f"{'; '.join(broken)}; found {self}")

    @property
    def guided(self) -> bool:
        """Whether the negative prompt guides, for which every step evaluates the network twice."""
        return self.guidance_scale > 1
