"""Whether processes have ended; papermill as a process."""

import sys
import time
from pathlib import Path

# papermill's command, without a library that it imports for two seconds and no notebook needs.
PAPERMILL = [
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None; from papermill.cli import papermill; papermill()",
]


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
