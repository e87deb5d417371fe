"""Makes the scheduler of a recipe, and tells which of its steps are painted from the text alone."""

import logging
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    SchedulerMixin,
    TCDScheduler,
)

from mirror.faces.photomaker.recipe import PaintRecipe
from mirror.faces.schedule import CONSISTENCY, CONSISTENCY_STEPS
from mirror.seeds import seed_for

logger = logging.getLogger(__name__)

KINDS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "dpmsolver++": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
    "lcm": LCMScheduler,
    "tcd": TCDScheduler,
}
NOISY = ("lcm",)  # these add noise between steps; the others add none as they are called here (TCD with eta 0)


def make_scheduler(name: str, config: Any, spacing: str = "model") -> SchedulerMixin:
    """The scheduler `name`, set up by a model's scheduler configuration.

    Args:
        name: one of `mirror.faces.schedule.SCHEDULERS`.
        config: of the model's own scheduler, of any kind.
        spacing: of the timesteps; `model`: as the configuration says.
    """
    options: dict[str, Any] = {} if spacing == "model" else {"timestep_spacing": spacing}
    if name == "dpmsolver++":
        options["algorithm_type"] = "dpmsolver++"
    if name in CONSISTENCY:
        options["original_inference_steps"] = CONSISTENCY_STEPS
    scheduler: SchedulerMixin = KINDS[name].from_config(config, **options)
    return scheduler


def timesteps(scheduler: Any, steps: int) -> list[float]:
    """The timesteps of `steps` steps, falling; the noisiest is the scheduler's `num_train_timesteps` - 1."""
    scheduler.set_timesteps(steps)
    return [float(timestep) for timestep in scheduler.timesteps]


def text_steps(scheduler: Any, recipe: PaintRecipe) -> int:
    """The number of steps, from the first, that are conditioned on the text alone.

    With `merge_at` it is the number of steps that begin before more than this share of the noise schedule is done, but
    not the last step: a painter of one step paints the person with it. At 0 it is none, and at 1 all.
    """
    times = timesteps(scheduler, recipe.steps)
    if recipe.merge_at is None:
        return min(recipe.merge_step + 1, len(times))
    if recipe.merge_at in (0, 1):
        return round(recipe.merge_at) * len(times)
    done = [(times[0] - timestep) / scheduler.config.num_train_timesteps for timestep in times]
    return min(sum(share <= recipe.merge_at + 1e-6 for share in done), len(times) - 1)


def warn_of_late_start(scheduler: Any, steps: int) -> None:
    """Warns where the first step takes pure noise for a picture that is more than half done."""
    first, last = timesteps(scheduler, steps)[0], scheduler.config.num_train_timesteps - 1
    if first < last / 2:
        logger.warning(
            "the first of %d steps is at timestep %d of %d, for a picture that is more than half done, and painting "
            "begins with pure noise; use spacing trailing",
            steps,
            first,
            last,
        )


def step_noise(name: str, seeds: list[int]) -> list[torch.Generator] | None:
    """The sources of the noise that the scheduler `name` adds between steps, one per image; None if it adds none."""
    if name not in NOISY:
        return None
    return [torch.Generator().manual_seed(seed_for("noise between steps", seed)) for seed in seeds]
