"""Small counseling runs of the pocket models, for notebooks that were given no runs. Needs no network.

The runs are resumable: one that is complete already costs only the time to read it.
"""

from pathlib import Path
from typing import Any

from mirror.paths import input_path

CONFIGURATION = "params/counsel/pocket-llava.yaml"
COTS = ("base", "ec_planning")
SMALL: dict[str, Any] = {"sessions": 3, "max_turns": 3, "attempts": 2}
TINY: dict[str, Any] = {"sessions": 2, "max_turns": 2, "run": "rate-example"}


def example_runs(count: int = 2) -> list[Path]:
    """Counsels the same three clients in up to two variants, or resumes these runs.

    Args:
        count: number of runs, at most 2: the variant base first, then ec_planning.

    Returns:
        The folders of the runs.

    Raises:
        ValueError: `count` is not 1 or 2.
        SessionsFailed: some sessions failed.
    """
    if not 1 <= count <= len(COTS):
        raise ValueError(f"count must be 1 to {len(COTS)}, found {count}")
    return [_counsel(**SMALL, cot=cot, run=f"rehearsal-pocket-{cot}") for cot in COTS[:count]]


def example_run() -> Path:
    """Counsels two clients for two turns each, or resumes that run.

    Returns:
        The folder of the run.

    Raises:
        SessionsFailed: some sessions failed.
    """
    return _counsel(**TINY)


def _counsel(**changes: Any) -> Path:
    from mirror.counseling.run import Counseling  # loads torch and diffusers
    from mirror.counseling.settings import CounselSettings

    counseling = Counseling(CounselSettings.from_file(input_path(CONFIGURATION), **changes))
    counseling.counsel()
    return counseling.run.folder
