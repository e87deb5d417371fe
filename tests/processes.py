"""Whether processes have ended."""

import time
from pathlib import Path


def wait_for_end(processes: list[int], deadline: float) -> None:
    while any(is_running(process) for process in processes):
        assert time.monotonic() < deadline, f"still running: {processes}"
        time.sleep(0.05)


def is_running(process: int) -> bool:
    """Whether a process runs: one that has ended but was not yet waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
