"""Faults drawn from a seed, the commands they are done to, and what an unbroken command leaves."""

import multiprocessing
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.attack import stages
from tests.attack.faults import ChildFault
from tests.attack.files import Snapshot, contents, snapshot
from tests.attack.stages import STAGES
from tests.attack.vendor import Vendor

HANGS = 180  # seconds after which a command counts as one that hangs
DAMAGE = ("cut", "flipped", "emptied", "removed")
KINDS = ("kill", "kill at a write", "full disk", "file limit", "second", "clock", *DAMAGE)
VENDOR_KINDS = ("vendor", "gone")
NO_FAULT = ChildFault()

FORKS = multiprocessing.get_context("forkserver")  # imports the libraries once, and forks a process a command
FORKS.set_forkserver_preload(["tests.attack.warm"])


@dataclass(frozen=True)
class Fault:
    """A fault; `draws` are shares (0…1) that say where it strikes."""

    number: int
    stage: str
    kind: str
    draws: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.number:4} {self.stage:8} {self.kind:16}"


def draw(number: int, seed: int, names: list[str]) -> Fault:
    """The fault of a number: the same whatever other faults there are; each row of faults hits every stage once."""
    row, place = divmod(number - 1, len(names))
    stage = Random(f"{seed}:row {row}").sample(names, len(names))[place]
    random = Random(f"{seed}:{number}")
    kind = random.choice(KINDS + VENDOR_KINDS if STAGES[stage].asks else KINDS)
    return Fault(number, stage, kind, tuple(random.random() for _ in range(6)))


@dataclass(frozen=True)
class Reference:
    """An unbroken run: its files, how many writes and seconds it took, and the files that were there before."""

    files: Snapshot
    before: frozenset[str]
    writes: int
    seconds: float
    template: Path

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.writes} writes, {len(self.files)} files"


class Place:
    """A folder and a vendor for one fault at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vendor = folder, Vendor()
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, name: str = "log") -> str:
        path = self.folder / "case" / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


@dataclass
class Command:
    """A stage under way in a process of its own."""

    process: multiprocessing.process.BaseProcess
    writes: object

    def end(self) -> int:
        """Its exit status."""
        self.process.join(HANGS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            return -99
        return self.process.exitcode


def command(
    stage: str, place: Place, fault: ChildFault = NO_FAULT, work: Callable = stages.start, log: str = "log"
) -> Command:
    """Starts a stage; what it says goes to the file `log` in the case's folder."""
    count = FORKS.Value("i", 0, lock=False)
    arguments = (stage, str(place.folder / "case"), place.vendor.url, fault, count, log)
    process = FORKS.Process(target=work, args=arguments)
    process.start()
    return Command(process, count)


def unbroken(stage: str, place: Place) -> Reference:
    """What a run without faults leaves; and the folder with what the stage needs, to copy."""
    case, template = place.folder / "case", place.folder.parent / f"template-{stage}"
    shutil.rmtree(case, ignore_errors=True)
    assert command(stage, place, work=stages.prepare).end() == 0, f"{stage} could not be prepared"
    shutil.rmtree(template, ignore_errors=True)
    shutil.copytree(case, template)
    before = frozenset(contents(case))
    place.vendor.open()
    begun = time.monotonic()
    run = command(stage, place)
    status = run.end()
    place.vendor.close()
    assert status == 0, f"{stage} failed without a fault:\n{place.log()}"
    seconds = time.monotonic() - begun
    return Reference(snapshot(case, before), before, run.writes.value, seconds, template)
