"""Where models run. Loads none."""

import torch


def device_name(device: torch.device) -> str:
    """The GPU's name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def resolve_device(device: str) -> str:
    """`device`, or for `auto` the first GPU if there is one.

    Raises:
        ValueError: a GPU that PyTorch does not see.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device}: PyTorch sees {torch.cuda.device_count()} GPUs; use auto or cpu")
    return device
