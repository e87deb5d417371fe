"""Device and precision of models, resolved from the settings' values, and what compilation needs. Loads no model."""

import importlib.util
import os
import shutil
from pathlib import Path

import torch


def device_name(device: torch.device) -> str:
    """The GPU's product name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def resolve_device(device: str) -> str:
    """The device to run on: `device` itself, or for `auto` the first GPU if there is one, else `cpu`.

    Raises:
        ValueError: PyTorch does not see the GPU that was asked for.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device}: PyTorch sees {torch.cuda.device_count()} GPUs; use auto or cpu")
    return device


def resolve_dtype(precision: str, device: str) -> torch.dtype:
    """The dtype of a model's weights.

    Args:
        precision: `bf16`, `float32`, or `auto`: bf16 on a GPU and float32 on the CPU.
        device: as returned by `resolve_device`.
    """
    is_half = precision == "bf16" or (precision == "auto" and device != "cpu")
    return torch.bfloat16 if is_half else torch.float32


def available_memory(device: torch.device) -> int:
    """Bytes that this process can have of a device: of a GPU, what nobody uses; else of the machine."""
    if device.type != "cuda":
        return machine_memory()
    number = torch.cuda.current_device() if device.index is None else device.index
    free, total = torch.cuda.mem_get_info(number)
    used, cached = torch.cuda.memory_allocated(number), torch.cuda.memory_reserved(number)
    share = int(torch.cuda.get_per_process_memory_fraction(number) * total)
    return min(free + cached - used, share - used)


def machine_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes of CPU memory that this process can have: the machine's, or what its container or job may use of it.

    Args:
        groups: where Linux shows the limits of control groups (version 2, and 1 for memory).
        own: the file with the groups of this process.
    """
    files = [groups / "memory/memory.limit_in_bytes", groups / "memory.max"]
    if own.is_file():
        for line in own.read_text(encoding="utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            name = {"": "memory.max", "memory": "memory/memory.limit_in_bytes"}.get(kinds, "")
            top = Path(path.lstrip("/"))
            root, file = (groups / name).parent, Path(name).name
            files += [root / folder / file for folder in (top, *top.parents) if name]
    limits = [file.read_text(encoding="utf-8").strip() for file in files if file.is_file()]
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *(int(limit) for limit in limits if limit.isdigit())])  # "max" is no limit


def compile_obstacle(device: torch.device) -> str:
    """Why PyTorch cannot compile for `device` on this machine; empty if it can."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton is missing"
    compiler = os.environ.get("CC", "cc")
    return "" if shutil.which(compiler) else f"there is no C compiler ({compiler})"


def keep_compiled_code() -> Path:
    """Lets PyTorch keep compiled code in a lasting folder; to be called before anything is compiled.

    By itself it uses the system's temporary folder, which many machines empty at every start.

    Returns:
        The folder: that of $TORCHINDUCTOR_CACHE_DIR if set, else `mirror/inductor` in the user's cache folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "mirror" / "inductor")))
