"""Ends a worker's process with the Ray node that started it, even while threads of its own wait for orders."""

import os
import threading
import time

INTERVAL = 1.0  # seconds


def end_with_parent() -> None:
    """Watches the parent process in a thread, and ends this process at once when it is gone."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(1)
