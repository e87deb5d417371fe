"""Checks of the machine itself: Python and extras, GPUs, memory, a compiler, the port of the panel."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

from mirror.exploration.command import PORT, listen
from mirror.terminal.doctor.check import INSTALL, PACKAGE, Check, gigabytes
from mirror.terminal.doctor.targets import Target

OLDEST = (3, 11)
POCKET_MEMORY = 1.0e9  # bytes
MODULES = {"nf4": "bitsandbytes", "ray": "ray", "build": "HanTa"}  # of the extras
VISIBLE = "CUDA_VISIBLE_DEVICES"
GPU_ADVICE = f"nvidia-smi must list the GPUs; free or add some, choose others with {VISIBLE}, or --for laptop"
TORCH = (
    "pip uninstall --yes torch, then pip install --constraint constraints.txt --index-url https://pypi.org/simple torch"
)
DRIVER = "use a machine with GPUs, or --for laptop; if this one has some, install their driver"
NO_GPU = ("none that PyTorch sees", GPU_ADVICE)


@dataclass(frozen=True)
class Machine:
    """What a machine has.

    Attributes:
        python: its version.
        gpus: product name and bytes of memory of each GPU.
        memory: bytes of CPU memory.
        gpu_obstacle: what PyTorch says that it sees no GPU, and what mends that; empty where it sees some.
        compile_obstacle: why PyTorch cannot compile for a GPU; empty if it can, or if there is none.
        has_module: whether a module can be imported.
        has_port: whether the port of `mirror explore` is free.
    """

    python: tuple[int, int]
    gpus: Sequence[tuple[str, int]]
    memory: int
    gpu_obstacle: tuple[str, str] = NO_GPU
    compile_obstacle: str = ""
    has_module: Callable[[str], bool] = lambda name: find_spec(name) is not None
    has_port: bool = True

    @classmethod
    def here(cls) -> "Machine":
        """This machine."""
        import torch  # slow to import

        from mirror.models.device import compile_obstacle, machine_memory

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        properties = [torch.cuda.get_device_properties(number) for number in range(count)]
        gpus = [(gpu.name, int(gpu.total_memory)) for gpu in properties]
        obstacle = compile_obstacle(torch.device("cuda")) if gpus else ""
        why = why_no_gpu(
            shutil.which("nvidia-smi") is not None, torch.__version__, torch.version.cuda, os.environ.get(VISIBLE)
        )
        return cls(sys.version_info[:2], gpus, machine_memory(), why, obstacle, has_port=is_free(PORT))


def is_free(port: int) -> bool:
    """Whether a program of this machine can listen at a port of its loopback address."""
    try:
        listen(port).close()
    except OSError:
        return False
    return True


def why_no_gpu(has_driver: bool, torch_version: str, cuda: str | None, visible: str | None) -> tuple[str, str]:
    """Why PyTorch sees no GPU where there is one, as far as it can tell, and what mends that.

    Args:
        has_driver: whether the program nvidia-smi is there, which comes with the driver of the GPUs.
        torch_version: such as `2.13.0+cpu`.
        cuda: the version of CUDA that this PyTorch was built for; None without.
        visible: the value of CUDA_VISIBLE_DEVICES; None if it is not set.
    """
    if not has_driver:
        return "none, nor a driver of one (nvidia-smi)", DRIVER
    if cuda is None:
        return f"none that PyTorch sees: torch {torch_version} is built without CUDA", TORCH
    if visible is not None and visible.strip() in ("", "-1"):
        return f"none that PyTorch sees: {VISIBLE} hides them", f"unset {VISIBLE}"
    return NO_GPU


def checks(target: Target, machine: Machine) -> Iterator[Check]:
    """Compare a machine with what a target needs.

    Args:
        target: the runs that are meant.
        machine: what there is.
    """
    yield _python(machine)
    yield from (_module(extra, machine) for extra in target.extras)
    yield _gpus(target, machine)
    if target.gpus:
        mend = "install a C compiler (Debian, Ubuntu: apt install build-essential), or set compile false"
        found = machine.compile_obstacle or "there is one"
        yield Check("compiler", found, "one for PyTorch", mend if machine.compile_obstacle else "")
    yield _memory(target, machine)
    yield _port(machine)


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
        "" if is_there else INSTALL.format(f"[{extra}]"),
    )


def _gpus(target: Target, machine: Machine) -> Check:
    kinds = [f"{name} {gigabytes(size)}" for name, size in machine.gpus]
    found = ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds)) or machine.gpu_obstacle[0]
    if not target.gpus:
        return Check("GPU", found)
    need = target.need
    least = max(target.gpu_gb * 1e9, need.total if need else 0)
    fitting = sum(size >= least for _, size in machine.gpus)
    needed = f"{target.gpus} × {target.gpu_gb} GB"
    if need:
        needed += f" (training: at least {gigabytes(need.total)} by estimate)"
    mend = GPU_ADVICE if machine.gpus else machine.gpu_obstacle[1]
    return Check("GPU", found, needed, mend if fitting < target.gpus else "")


def _memory(target: Target, machine: Machine) -> Check:
    needed = target.resting_bytes or target.base_bytes or POCKET_MEMORY
    what = "the base model" if target.base_bytes else "a notebook with the pocket models"
    words = f"{gigabytes(needed)}: {'weights at rest while others work' if target.resting_bytes else what}"
    mend = "use a machine with more memory, or give the job or container more: --mem of Slurm, --memory of Docker"
    return Check("memory", gigabytes(machine.memory), words, mend if machine.memory < needed else "")


def _port(machine: Machine) -> Check:
    found = "free" if machine.has_port else "taken, by a running panel or another program"
    return Check(f"port {PORT}", found, "mirror explore", "" if machine.has_port else "mirror explore --port 0")
