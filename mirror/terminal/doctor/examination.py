"""All checks of a machine for a target, as a text."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi

from mirror.paths import repository_root
from mirror.terminal.doctor import access, endpoints, storage
from mirror.terminal.doctor.check import Check
from mirror.terminal.doctor.hub import Hub, models
from mirror.terminal.doctor.machine import Machine, checks
from mirror.terminal.doctor.packages import PINS, packages
from mirror.terminal.doctor.storage import Storage
from mirror.terminal.doctor.targets import SET, TARGETS, target_of

MARKS = {True: "ok     ", False: "MISSING"}


def examine(name: str | None, machine: Machine | None = None, hub: Hub | None = None) -> tuple[str, list[Check]]:
    """Check a machine.

    Args:
        name: of a target; None for the one that its GPUs suggest.
        machine: None for this one.
        hub: None for the Hugging Face Hub.

    Returns:
        The target's name and its checks.
    """
    machine = machine or Machine.here()
    name = name or target_of([size for _, size in machine.gpus])
    target = TARGETS[name]
    training, counseling = target.training, target.counseling
    of_data = list(access.data(training, counseling))
    building = None if all(check.is_met for check in of_data) else target.building
    hub = hub or Hub(HfApi())
    of_models = list(hub.checks(models(training, counseling, building)))
    found = [
        *packages(repository_root() / PINS),
        *checks(target, machine),
        *storage.checks(
            Storage.of_results(),
            Storage.of_models() if hub.absent else None,
            target.need.trained if target.need else 0,
            hub.to_download,
            SET if building else 0,
        ),
        *of_models,
        *endpoints.keys(counseling),
        *endpoints.endpoints(counseling),
        *access.services(),
        *access.pack(counseling),
        *of_data,
        *(access.sources(building) if building else ()),
    ]
    return name, found


def report(name: str, found: Sequence[Check]) -> str:
    """The checks as a text, the missing things again at the end with what mends them."""
    target = TARGETS[name]
    files = ", ".join(filter(None, (target.build, target.train, target.counsel)))
    lines = [f"This machine, for {name} ({files}):", ""]
    for check in found:
        needed = f"; needed: {check.needed}" if check.needed else ""
        lines.append(f"  {MARKS[check.is_met]}  {check.name}: {check.found}{needed}")
    if not target.gpus:
        others = ", ".join(other for other, target in TARGETS.items() if target.gpus)
        lines += ["", f"For real models, ask for the machine that will run them: mirror doctor --for NAME ({others})."]
    missing = [check for check in found if not check.is_met]
    lines += ["", f"{len(missing)} missing:" if missing else "Nothing is missing."]
    if missing and not is_active(shutil.which("python")):
        lines.append("  These commands are of the environment; activate it first: source .venv/bin/activate")
    lines += [f"  {check.name}: {check.mend}" for check in missing]
    return "\n".join(lines)


def is_active(python: str | None) -> bool:
    """Whether the shell's `python`, the path of a program, is that of this environment."""
    return python is not None and Path(python).parent == Path(sys.executable).parent
