"""The schedulers of a painter, and which of their options go together. Imports no model library."""

from typing import Literal, get_args

Scheduler = Literal["ddim", "dpmsolver++", "euler", "lcm", "tcd"]
Spacing = Literal["model", "leading", "linspace", "trailing"]

SCHEDULERS: tuple[str, ...] = get_args(Scheduler)
SPACINGS: tuple[str, ...] = get_args(Spacing)
# Consistency models are distilled on this many timesteps, evenly spaced, and take every n-th of them.
CONSISTENCY_STEPS = 50
CONSISTENCY = ("lcm", "tcd")


def schedule_faults(scheduler: str, spacing: str, steps: int, guidance_scale: float) -> list[str]:
    """What does not go together, one sentence each.

    Args:
        scheduler: one of `SCHEDULERS`.
        spacing: of its timesteps, one of `SPACINGS`.
        steps: of denoising.
        guidance_scale: of classifier-free guidance.
    """
    faults = []
    if not (guidance_scale in (0, 1) or guidance_scale > 1):
        faults.append(f"guidance_scale must be 0 or 1 (no guidance), or above 1, found {guidance_scale}")
    if scheduler in CONSISTENCY and spacing != "model":
        faults.append(f"spacing must be model with scheduler {scheduler}, which has its own, found {spacing}")
    if scheduler in CONSISTENCY and steps > CONSISTENCY_STEPS:
        faults.append(f"steps must be {CONSISTENCY_STEPS} at most with scheduler {scheduler}, found {steps}")
    return faults
