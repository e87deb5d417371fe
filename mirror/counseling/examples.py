"""Two tiny counseling runs, offline, for a notebook that was given none: the same clients, two ways to counsel."""

from pathlib import Path

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path

CONFIGURATION = "params/counsel/pocket-llava.yaml"
COTS = ("base", "ec_planning")
SMALL = {"sessions": 3, "max_turns": 3, "attempts": 2}


def rehearse() -> list[Path]:
    """Counsels, or goes on, and gives the folders of the runs."""
    folders = []
    for cot in COTS:
        changes = SMALL | {"cot": cot, "run": f"rehearsal-pocket-{cot}"}
        counseling = Counseling(CounselSettings.from_file(input_path(CONFIGURATION), **changes))
        counseling.counsel()
        folders.append(counseling.run.folder)
    return folders
