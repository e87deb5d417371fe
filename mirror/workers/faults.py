"""What is wrong with the parameters of workers, before a model is loaded. Imports nothing of Ray."""

import importlib.util


def worker_faults(workers: int, ray_address: str, device: str) -> list[str]:
    """Parameters that contradict each other, one sentence per fault."""
    faults = []
    if ray_address and workers == 1:
        faults.append("ray_address is set, and workers is 1, which uses no cluster; raise workers, or leave it empty")
    if workers > 1 and device.startswith("cuda:"):
        faults.append(f"device is {device}, and workers is {workers}, each with a GPU; use cuda or auto")
    return faults


def ray_missing(workers: int) -> list[str]:
    """That Ray is not installed, if it is needed."""
    if workers == 1 or importlib.util.find_spec("ray"):
        return []
    return ["workers above 1 need Ray: pip install 'mirror-notebooks[ray]', or set workers to 1"]
