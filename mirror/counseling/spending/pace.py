"""The seconds of a turn: by rule before a session is complete, then as measured."""

from collections.abc import Mapping, Sequence

from mirror.chat.roles import REMOTE
from mirror.counseling.settings import CounselSettings
from mirror.prompts import Variant

# On one H200, at n sessions at a time, as a + b / n (docs/counsel.md): a face of 50 steps at 1024 pixels, accepted at
# once, and a reply of 64 tokens by the 7b model. At pocket size, on two CPU cores.
FACE, REPLY = (1.505, 0.242), (0.0475, 0.5205)
POCKET_FACE, POCKET_REPLY = 0.17, 0.06
STEPS, SIDE = 50, 1024
LARGER = {"7b": 1.0, "13b": 13 / 7}
PLAN = 142 / 64  # the time of a plan, which a session has once, in that of a reply: by their usual tokens
ANSWER = 2.0  # of an endpoint


def expected_stages(settings: CounselSettings, together: int = 1) -> dict[str, float]:
    """The seconds of each stage of a turn by rule, if so many sessions advance together."""
    variant = Variant.of(settings.cot)
    prompts = 1 + variant.ec
    if settings.size == "pocket":
        face, reply = POCKET_FACE, POCKET_REPLY * prompts
    else:
        face, reply = (fixed + shared / together for fixed, shared in (FACE, REPLY))
        face *= settings.steps / STEPS * (settings.image_size / SIDE) ** 2
        reply *= (prompts + variant.planning * PLAN / settings.max_turns) * LARGER.get(settings.size, 1.0)
    stages = {"client": 0.0, "description": 0.0, "face": face, "counselor": reply}
    return stages | {stage: ANSWER * (prompts if stage == "counselor" else 1) for stage in waiting_stages(settings)}


def seconds_per_turn(
    settings: CounselSettings, complete: Sequence[Mapping[str, float]], together: int, workers: int = 1
) -> float:
    """The seconds that pass per turn, if so many sessions advance together on each of some workers.

    The first session is counseled alone: with n others, its waiting for endpoints is shared, and its other work is not.
    Once there are more, the time that passed for these is taken.

    Args:
        settings: of the run.
        complete: the amounts of each complete session: turns, elapsed, seconds by stage.
        together: the number of sessions per worker.
        workers: their number; once there are two complete sessions, these were measured with it.
    """
    if len(complete) > 1:
        return sum(one["elapsed"] for one in complete[1:]) / max(sum(one["turns"] for one in complete[1:]), 1)
    stages = expected_stages(settings, together)
    if complete:
        stages = {stage: complete[0].get(stage, 0) / max(complete[0]["turns"], 1) for stage in stages}
    waits = waiting_stages(settings)
    work = sum(seconds for stage, seconds in stages.items() if stage not in waits) * together
    wait = sum(stages[stage] for stage in waits)
    return max(work, work / min(settings.waves, together) + wait) / (together * workers)


def waiting_stages(settings: CounselSettings) -> list[str]:
    """The stages that wait for an endpoint or a service."""
    roles = {"client": settings.client, "description": settings.describer, "counselor": settings.counselor}
    return [stage for stage, who in roles.items() if who in (*REMOTE, "http")]
