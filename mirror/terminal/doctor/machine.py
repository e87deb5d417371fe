"""Checks of the machine itself: Python and packages, GPUs, memory, disk, a compiler."""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from mirror.paths import output_path
from mirror.terminal.doctor.check import Check, gigabytes
from mirror.terminal.doctor.targets import Target

PACKAGE = "mirror-notebooks"
OLDEST = (3, 11)
MODULES = {"nf4": "bitsandbytes", "ray": "ray"}  # of the extras
INSTALL = "pip install --constraint constraints.txt --editable '.[{}]'"


@dataclass(frozen=True)
class Machine:
    """What a machine has.

    Attributes:
        python: its version.
        gpus: product name and bytes of memory of each GPU.
        memory: bytes of CPU memory.
        disk: bytes that are free where results and checkpoints go.
        compile_obstacle: why PyTorch cannot compile for a GPU; empty if it can, or if there is none.
        has_module: whether a module can be imported.
    """

    python: tuple[int, int]
    gpus: Sequence[tuple[str, int]]
    memory: int
    disk: int
    compile_obstacle: str = ""
    has_module: Callable[[str], bool] = lambda name: find_spec(name) is not None

    @classmethod
    def here(cls) -> "Machine":
        """This machine."""
        import torch  # slow to import

        from mirror.models.device import compile_obstacle, machine_memory

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        properties = [torch.cuda.get_device_properties(number) for number in range(count)]
        gpus = [(gpu.name, int(gpu.total_memory)) for gpu in properties]
        obstacle = compile_obstacle(torch.device("cuda")) if gpus else ""
        return cls(sys.version_info[:2], gpus, machine_memory(), free_disk(output_path(".")), obstacle)


def free_disk(folder: Path) -> int:
    """Bytes that are free where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def checks(target: Target, machine: Machine, to_download: int) -> Iterator[Check]:
    """Compare a machine with what a target needs.

    Args:
        target: the runs that are meant.
        machine: what there is.
        to_download: bytes of models that are still to come.
    """
    yield _python(machine)
    yield from (_module(extra, machine) for extra in target.extras)
    yield _gpus(target, machine)
    if target.gpus:
        mend = "install a C compiler (Debian, Ubuntu: apt install build-essential), or set compile false"
        found = machine.compile_obstacle or "there is one"
        yield Check("compiler", found, "one for PyTorch", mend if machine.compile_obstacle else "")
    needed = target.base_bytes
    mend = "use a machine with more memory; models that rest are kept in it" if machine.memory < needed else ""
    yield Check("memory", gigabytes(machine.memory), f"{gigabytes(needed)}: the base model" if needed else "", mend)
    yield _disk(target, machine, to_download)


def _python(machine: Machine) -> Check:
    found = ".".join(map(str, machine.python))
    try:
        found += f", {PACKAGE} {distribution(PACKAGE).version}"
    except PackageNotFoundError:
        found += f", {PACKAGE} not installed"
    mend = "" if machine.python >= OLDEST else "make clean, then make demo PYTHON=/path/to/python3.12"
    return Check(f"Python on {platform.system()}", found, ".".join(map(str, OLDEST)), mend)


def _module(extra: str, machine: Machine) -> Check:
    is_there = machine.has_module(MODULES[extra])
    return Check(
        f"extra {extra}",
        f"{MODULES[extra]} is {'' if is_there else 'not '}installed",
        MODULES[extra],
        "" if is_there else INSTALL.format(extra),
    )


def _gpus(target: Target, machine: Machine) -> Check:
    kinds = [f"{name} {gigabytes(size)}" for name, size in machine.gpus]
    found = ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds)) or "none that PyTorch sees"
    if not target.gpus:
        return Check("GPU", found)
    need = target.need
    least = max(target.gpu_gb * 1e9, need.total if need else 0)
    fitting = sum(size >= least for _, size in machine.gpus)
    needed = f"{target.gpus} × {target.gpu_gb} GB"
    if need:
        needed += f" (training: at least {gigabytes(need.total)} by estimate)"
    mend = "nvidia-smi must list the GPUs; free or add some, choose others with CUDA_VISIBLE_DEVICES, or --for laptop"
    return Check("GPU", found, needed, mend if fitting < target.gpus else "")


def _disk(target: Target, machine: Machine, to_download: int) -> Check:
    checkpoint = target.need.trained if target.need else 0
    needed = checkpoint + to_download
    words = [f"{gigabytes(to_download)} to download"] * bool(to_download)
    words += [f"{gigabytes(checkpoint)} for checkpoints"] * bool(checkpoint)
    mend = "free some, or set MIRROR_OUTPUT to another disk" if machine.disk < needed else ""
    return Check("disk", f"{gigabytes(machine.disk)} free", " and ".join(words), mend)
