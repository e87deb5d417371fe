"""A fault done to a stage, and judged by what the same command makes of it afterwards."""

import re
import shutil
import time
from pathlib import Path

from mirror.files.digests import DIGESTS, folder_faults
from mirror.run_folder import settings_faults
from mirror.transcripts.integrity import run_faults
from tests.attack import builds, stages
from tests.attack.case import DAMAGE, NO_FAULT, Fault, Place, Reference, command
from tests.attack.faults import ChildFault
from tests.attack.files import contents, snapshot
from tests.attack.stages import STAGES
from tests.attack.vendor import FAULTS

STARTS = 3  # of the same command afterwards
IN_FLIGHT = 2  # answers that may be on their way when a process dies
IN_USE = "is in use by"  # a process, or another one whose name is not written yet
DONE = ("exists already", "already exists", "is already there")  # what a merge says that was done before
PAID_FOR = (
    "ratings.jsonl",
    "preferences.jsonl",
    "turns.jsonl",
    "client.json",
    "end.json",
    "written.jsonl",
    "descriptions.jsonl",
)  # files with answers, or whose loss loses them


def try_fault(fault: Fault, reference: Reference, place: Place) -> str:
    """What came of a fault; begins with FELL where something was lost, changed in silence or paid twice."""
    case = place.folder / "case"
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(reference.template, case)
    place.vendor.begin()
    place.vendor.open()
    try:
        return Trial(fault, reference, place, case).result()
    finally:
        place.vendor.close()


class Trial:
    """A fault and what follows."""

    def __init__(self, fault: Fault, reference: Reference, place: Place, case: Path) -> None:
        self.fault, self.reference, self.place, self.case = fault, reference, place, case
        self.done = ""  # what was done, in words
        self.damaged: Path | None = None
        self.whole = b""  # the damaged file as it was

    def result(self) -> str:
        try:
            if problem := self.strike():
                return f"FELL {self.done}: {problem}"
            outcome = self.go_on()
        except Fell as error:
            return f"FELL {self.done}: {error}"
        return f"{self.done}: {outcome}"

    def strike(self) -> str:
        """Does the fault; what is wrong with how the command took it."""
        kind, draws, writes = self.fault.kind, self.fault.draws, self.reference.writes
        number = 1 + int(draws[0] * writes)
        match kind:
            case "kill":
                run, moment = command(self.fault.stage, self.place), draws[0] * self.reference.seconds
                run.process.join(moment)
                run.process.kill()
                run.end()
                self.done = f"after {moment:.2f} s"
            case "kill at a write":
                self.run(ChildFault(kill_at=number, torn=draws[1]))
                self.done = f"before write {number} of {writes}"
            case "full disk":
                self.done = f"from write {number} of {writes}"
                status = self.run(ChildFault(full_at=number, torn=draws[1]))
                if status == 0:  # only a file that the result does without, such as a lock's
                    if differing := snapshot(self.case, self.reference.before).differing(self.reference.files):
                        return f"status 0 and other files: {', '.join(differing[:4])}"
                elif "No space left" not in self.place.log():
                    return f"status {status} without a word of the disk: {last_line(self.place.log())}"
            case "file limit":
                sizes = sorted({len(content) for content in self.reference.files.raw.values()})
                limit = max(1, int(sizes[int(draws[0] * len(sizes))] * draws[1]))
                self.done = f"{limit} bytes a file"
                self.run(ChildFault(most_bytes=limit))
            case "second":
                return self.twice()
            case "clock":
                seconds = (draws[0] - 0.5) * 20 * 365 * 86400
                self.run(ChildFault(kill_at=number if draws[1] < 0.7 else 0, clock=seconds))
                self.done = f"{seconds / 86400:.0f} days off, ended before write {number}"
            case "vendor":
                return self.bad_vendor()
            case "gone":
                self.place.vendor.close()
                status = self.run(NO_FAULT)
                self.place.vendor.open()
                self.done = "the service was not there"
                return "" if status > 0 else f"the command ended with status {status}"
            case _:
                self.damage(number)
                return self.unnoticed()
        return ""

    def run(self, fault: ChildFault) -> int:
        return command(self.fault.stage, self.place, fault).end()

    def twice(self) -> str:
        """Starts a second process beside the first: it is refused by name, or comes after all was done."""
        self.done = "started again while one is at work"
        first = command(self.fault.stage, self.place)
        time.sleep(self.fault.draws[0] * self.reference.seconds)
        second = command(self.fault.stage, self.place, log="log of the second")
        ends = {"log": first.end(), "log of the second": second.end()}
        refused = [self.place.log(name) for name, status in ends.items() if status != 0]
        if len(refused) == 2:
            return f"both failed: {last_line(refused[0])}; {last_line(refused[1])}"
        if refused and not any(words in last_line(refused[0]) for words in (IN_USE, *DONE)):
            return f"refused for another reason: {last_line(refused[0])}"
        return ""

    def bad_vendor(self) -> str:
        vendor, draws = self.place.vendor, self.fault.draws
        name = list(FAULTS)[int(draws[0] * len(FAULTS))]
        vendor.fault, vendor.times, vendor.share = name, (1, 2, 1000)[int(draws[1] * 3)], 0.2 + 0.8 * draws[2]
        self.done = f"{name}, {vendor.times} times to {vendor.share:.0%} of the questions"
        self.run(NO_FAULT)
        vendor.fault = ""
        return ""

    def damage(self, number: int) -> None:
        """Lets a run end, or be killed, and then changes one of the files that are there."""
        draws = self.fault.draws
        if draws[1] < 0.5:
            self.run(ChildFault(kill_at=number, torn=draws[1]))
        elif draws[1] < 0.8:
            self.run(NO_FAULT)
        if not contents(self.case):
            self.run(NO_FAULT)
        names = sorted(contents(self.case))
        name = names[int(draws[2] * len(names))]
        self.damaged = path = self.case / "output" / name
        self.whole = data = path.read_bytes()
        place = int(draws[3] * len(data))
        self.done = f"{name} at byte {place} of {len(data)}"
        match self.fault.kind:
            case "cut":
                path.write_bytes(data[:place])
            case "flipped":
                path.write_bytes(data[:place] + bytes([data[place] ^ 1 << int(draws[4] * 8)]) + data[place + 1 :])
            case "emptied":
                path.write_bytes(b"")
            case "removed":
                path.unlink()

    def unnoticed(self) -> str:
        """Whether the check of a built set, or a training that takes the set, is silent on the damage."""
        if not builds.is_of_set(self.case, self.damaged):
            return ""
        if not self.names_the_damage("\n".join(STAGES[self.fault.stage].faults(self.case))):
            return "the check of the set does not name the file"
        if not (records := builds.taken_with(self.case, self.damaged)):
            return ""
        status = command(records, self.place, work=stages.take, log="log of the training").end()
        log = self.place.log("log of the training")
        if status == 0 or not self.names_the_damage(log):
            return f"a training took the set with status {status} and does not name the file: {last_line(log)}"
        return ""

    # Afterwards ---------------------------------------------------------------------------------------------------

    def go_on(self) -> str:
        """Starts the command until it ends as an unbroken one does; what it took, in words."""
        named = ""
        for start in range(1, STARTS + 1):
            status = self.run(NO_FAULT)
            if status == -99:
                raise Fell("the command hangs")
            if status == 0 or any(words in last_line(self.place.log()) for words in DONE):
                break
            if not self.damaged:
                raise Fell(f"start {start} afterwards failed with status {status}: {last_line(self.place.log())}")
            if not self.names_the_damage(self.place.log()):
                raise Fell(f"refused without naming the file: {last_line(self.place.log())}")
            named = "named, mended, "
            self.damaged.write_bytes(self.whole)
        else:
            raise Fell(f"{STARTS} starts afterwards failed: {last_line(self.place.log())}")
        self.check_payments(bool(named))
        mine = snapshot(self.case, self.reference.before)
        differing = mine.differing(self.reference.files)
        faults = self.checked()
        if self.fault.stage == "build" and self.fault.kind == "vendor" and differing and not faults:
            differing = builds.unexplained(self.reference.files, mine, differing)
            named += "what the vendor spoiled is named, otherwise " if not differing else ""
        if self.damaged and not named and self.names_the_damage("\n".join(faults)):
            return "named by the check"  # a file that this command does not read again
        if not differing and not faults:
            return f"{named}equal"
        if not faults and self.is_named_as_not_complete():
            return "named in the results"
        if not differing:
            raise Fell(f"ended well, and the check says: {faults[0]}")
        raise Fell(f"differs in silence: {', '.join(differing[:4])}: {shown(differing[0], self)}")

    def names_the_damage(self, words: str) -> bool:
        relative = self.damaged.relative_to(self.case / "output")
        if str(relative) in words:
            return True
        if relative.name == "settings.yaml":  # missing or other settings are named by the run's folder
            return any(f"{relative.parent} {verb}" in words for verb in ("contains", "holds"))
        if f"{relative.parent} contains" in words and f"but no {relative.name}" in words:
            return True
        if any(f"{parent}, found '{relative.relative_to(parent)}'" in words for parent in relative.parents):
            return True
        # A digest that was changed itself accuses another file of its folder.
        return relative.name == DIGESTS and f"{relative.parent}/" in words

    def is_named_as_not_complete(self) -> bool:
        """Whether a session that lost its end, and so counts as under way, is named in the results of an analysis."""
        if self.damaged is None or self.damaged.name != "end.json" or self.damaged.exists():
            return False
        found = "\n".join(path.read_text("utf-8") for path in (self.case / "output/results").glob("*/metrics.json"))
        return re.search(rf"not complete \([^)]*\b{re.escape(self.damaged.parent.name)}\b", found) is not None

    def checked(self) -> list[str]:
        """What the check of files says of every run and every checkpoint."""
        output = self.case / "output"
        runs = [faults for run in (output / "results").glob("*/") for _, faults in run_faults(run)]
        folders = [folder_faults(path.parent, thorough=True) for path in output.rglob(DIGESTS)]
        settings = [settings_faults(run) for run in (output / "results").glob("*/")]
        own = STAGES[self.fault.stage].faults(self.case)
        return [fault for faults in (*runs, *folders, *settings, own) for fault in faults]

    def check_payments(self, is_mended: bool) -> None:
        """What a lost file held is paid again, and what was on its way when a process died; nothing else is."""
        if self.damaged and not is_mended and self.damaged.name in PAID_FOR:
            return
        was_killed = self.fault.kind in ("kill", "kill at a write", "full disk", "file limit", "clock", *DAMAGE)
        may_be = IN_FLIGHT if was_killed else 0
        if (twice := sum(count - 1 for count in self.place.vendor.paid.values())) > may_be:
            raise Fell(f"{twice} answers were paid twice, {may_be} were on their way")


class Fell(Exception):
    """What must not happen."""


def last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no words"


def shown(name: str, trial: Trial) -> str:
    """How a file differs, in short."""
    mine = snapshot(trial.case, trial.reference.before).compared.get(name)
    other = trial.reference.files.compared.get(name)
    if isinstance(mine, dict) and isinstance(other, dict):
        changed = {key: (other.get(key), mine.get(key)) for key in mine | other if mine.get(key) != other.get(key)}
        return str(changed)[:300]
    return "missing" if mine is None else "too many" if other is None else "other content"
