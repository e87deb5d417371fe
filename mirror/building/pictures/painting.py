"""Makes the pictures of all dialogues: describes first, then paints several dialogues in one batch; resumable.

Every answer is on disk the moment it arrives. Several processes may share the work: each makes its share of the
dialogues in the same folder. A last one with the share 1/1, started when they have ended, finds their pictures on disk,
makes what is missing, and returns all.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mirror.building.dropped import Dropped, Sifted
from mirror.building.pictures.dialogue import Dialogue, Fate, Method, Policy, determining
from mirror.building.pictures.painted import Painted
from mirror.building.pictures.studio import Studio
from mirror.building.screenplays import Screenplay
from mirror.faces.description import Description, DescriptionRequest
from mirror.faces.rejection_sampling import Exhaustion, FaceRequest, PortraitUnusable
from mirror.files.lock import FolderInUse
from mirror.files.text_file import lone_surrogate
from mirror.progress_bar import count_as_done, progress_bar

PATIENCE = SHOWN = 5  # faults in a row after which no more is asked; faults that a message names
Task = tuple[Dialogue, int]


class PicturesMissing(RuntimeError):
    """Some pictures could not be made, through no fault of texts or portraits. The message names them.

    What was made is on disk; the next start asks only for what is missing.
    """


class Pictures:
    """Describes and paints the client's face for every line that the therapist answers."""

    def __init__(
        self,
        folder: Path,
        studio: Studio,
        seed: int = 0,
        attempts: int = 10,
        on_exhaustion: Policy = "drop_dialogue",
        share: tuple[int, int] = (1, 1),
    ) -> None:
        """Makes nothing yet.

        Args:
            folder: of all pictures; each dialogue gets a folder in it, named by its idx.
            studio: describes, paints and verifies faces.
            seed: of the build.
            attempts: faces painted per line at most, ≥ 1.
            on_exhaustion: if none of them is accepted, `drop_dialogue` drops the dialogue, for the first such line;
                `drop_turn` leaves the line without a picture; `keep_best` keeps the best safe face, and leaves the line
                without a picture if none is safe.
            share: (k, n): of all dialogues sorted by idx, this process makes every n-th from the k-th, k in 1…n.

        Raises:
            ValueError: the share, or the number of attempts, is out of its range.
            ServiceError: a service does not answer.
        """
        if min(attempts, share[0], share[1] - share[0] + 1) < 1:
            raise ValueError(
                f"attempts and share k/n (k ≤ n) must be 1 or more, found {attempts} and {share[0]}/{share[1]}"
            )
        self.folder, self.studio, self.share = folder, studio, share
        facts = {role: determining(found) for role, found in studio.facts.items()}
        self.method = Method(facts.pop("describer"), facts, seed, attempts, on_exhaustion)
        self._faults: dict[tuple[str, int | None], str] = {}
        self._in_a_row = self._tries = self._accepted = 0

    def make(self, screenplays: Sequence[Screenplay]) -> Sifted[Screenplay]:
        """Makes the pictures of this process's share of the dialogues; what is on disk already is not made again.

        Screenplays that have pictures are returned as they are.

        Returns:
            The dialogues of the share with their pictures, and what was dropped, in the order of the input.

        Raises:
            ValueError: an idx is not unique or cannot name a folder.
            PicturesMissing: a service or a filter failed, or another process works on some of the dialogues.
        """
        names = _checked_names(screenplays)
        mine = set(names[self.share[0] - 1 :: self.share[1]])
        chosen = [screenplay for screenplay in screenplays if screenplay.idx in mine]
        dialogues = [
            Dialogue(one, one.portrait, self.folder / one.idx, self.method)
            for one in sorted(chosen, key=lambda one: one.idx)
            if one.portrait and one.client_lines and not one.pictures
        ]
        self._faults.clear()
        try:
            self._describe(dialogues)
            fates = self._paint(dialogues)
        finally:
            for dialogue in dialogues:
                dialogue.release()
        if len(fates) < len(dialogues):
            raise PicturesMissing(
                self._missing([one.screenplay.idx for one in dialogues if one.screenplay.idx not in fates])
            )
        found = [fates.get(one.idx) or _without_work(one) for one in chosen]
        return Sifted(tuple(f.kept for f in found if f.kept), tuple(drop for f in found for drop in f.dropped))

    # Descriptions -----------------------------------------------------------------------------------------------------

    def _describe(self, dialogues: Sequence[Dialogue]) -> None:
        missing: dict[Dialogue, int] = {}
        for dialogue in dialogues:
            missing[dialogue] = len(dialogue.load().undescribed())
            dialogue.release()
        todo, total = [dialogue for dialogue, count in missing.items() if count], sum(missing.values())
        if not todo:
            return
        self._in_a_row = 0
        asked: list[Task] = []
        with progress_bar("describing", "faces", total) as bar:
            for place, answer in self.studio.describe(self._undescribed(todo, asked)):
                dialogue, line = asked[place]
                dialogue.under_way -= 1
                if not isinstance(answer, Exception) and (fault := _unsavable(answer)):
                    answer = ValueError(f"the description holds {fault}")
                if isinstance(answer, Exception):
                    self._fail(dialogue, line, str(answer) or repr(answer))
                else:
                    self._in_a_row = 0
                    dialogue.describe(line, answer)
                    bar.update()
                if not dialogue.under_way:
                    dialogue.release()

    def _undescribed(self, dialogues: Iterable[Dialogue], asked: list[Task]) -> Iterator[DescriptionRequest]:
        """The requests of all dialogues, and their lines in `asked`."""
        for dialogue in dialogues:
            if self._in_a_row >= PATIENCE:
                return
            if self._lock(dialogue):
                lines = dialogue.undescribed()
                dialogue.under_way = len(lines)
                for line in lines:
                    asked.append((dialogue, line))
                    yield dialogue.description_request(line)
                if not lines:
                    dialogue.release()

    # Pictures ---------------------------------------------------------------------------------------------------------

    def _paint(self, dialogues: Sequence[Dialogue]) -> dict[str, Fate]:
        """The fates of the dialogues that are done, by idx."""
        fates: dict[str, Fate] = {}
        asked: list[Task] = []
        total = sum(len(dialogue.screenplay.client_lines) for dialogue in dialogues)
        attempts, policy = self.method.attempts, self.method.on_exhaustion
        on_exhaustion: Exhaustion = "keep_best" if policy == "keep_best" else "stop"
        self._in_a_row = self._tries = self._accepted = 0
        with progress_bar("painting", "pictures", total) as bar:
            requests = self._requests(dialogues, asked, fates, bar)
            for place, painted in self.studio.paint(requests, attempts, on_exhaustion):
                dialogue, line = asked[place]
                dialogue.under_way -= 1
                self._keep(dialogue, line, painted)
                bar.update()
                bar.set_postfix_str(f"{self._accepted / max(self._tries, 1):.0%} of {self._tries} faces accepted")
                self._end(dialogue, fates)
        return fates

    def _requests(
        self, dialogues: Iterable[Dialogue], asked: list[Task], fates: dict[str, Fate], bar: "tqdm[Any]"
    ) -> Iterator[FaceRequest]:
        """The requests of all dialogues, and their lines in `asked`; a dialogue is locked until it is done."""
        for dialogue in dialogues:
            if self._in_a_row >= PATIENCE:
                return
            if fate := dialogue.load().settled():
                fates[dialogue.screenplay.idx] = fate
                count_as_done(bar, len(dialogue.screenplay.client_lines))
                dialogue.release()
                continue
            if dialogue.undescribed() or not self._lock(dialogue):
                dialogue.release()
                continue
            dialogue.under_way = 1  # its lines are being read
            for line in dialogue.unpainted():
                if self._in_a_row >= PATIENCE:
                    break
                try:
                    request = dialogue.request(line)
                except PortraitUnusable as error:
                    dialogue.keep(line, Painted.of(error))
                    continue
                asked.append((dialogue, line))
                dialogue.under_way += 1
                yield request
            dialogue.under_way -= 1
            self._end(dialogue, fates)

    def _keep(self, dialogue: Dialogue, line: int, painted: Painted) -> None:
        self._tries += len(painted.attempts)
        self._accepted += sum(attempt.verdict.accepted for attempt in painted.attempts)
        if painted.fault:
            self._fail(dialogue, line, painted.fault)
        else:
            self._in_a_row = 0
            dialogue.keep(line, painted)

    def _end(self, dialogue: Dialogue, fates: dict[str, Fate]) -> None:
        """Ends the work on a dialogue once nothing of it is under way."""
        if not dialogue.under_way:
            if fate := dialogue.settle():
                fates[dialogue.screenplay.idx] = fate
            dialogue.release()

    # Faults -----------------------------------------------------------------------------------------------------------

    def _lock(self, dialogue: Dialogue) -> bool:
        try:
            dialogue.lock()
        except FolderInUse as error:
            self._faults[dialogue.screenplay.idx, None] = str(error)
            return False
        return True

    def _fail(self, dialogue: Dialogue, line: int, fault: str) -> None:
        self._in_a_row += 1
        self._faults[dialogue.screenplay.idx, line] = fault

    def _missing(self, names: Sequence[str]) -> str:
        faults = sorted(((idx, -1 if line is None else line), text) for (idx, line), text in self._faults.items())
        named = [f"{i}, line {n}: {text}" if n >= 0 else f"{i}: {text}" for (i, n), text in faults if i in {*names}]
        more = [f"… and {len(named) - SHOWN} more"] if len(named) > SHOWN else []
        last = "What was made is kept; start again once the cause is gone, and only what is missing is made"
        return "\n".join([f"{len(names)} dialogues lack pictures:", *named[:SHOWN], *more, last])


def _checked_names(screenplays: Sequence[Screenplay]) -> list[str]:
    """The sorted idx of all screenplays."""
    names = sorted(screenplay.idx for screenplay in screenplays)
    faults = {f"{name!r} is there twice" for name, other in zip(names, names[1:], strict=False) if name == other}
    faults |= {f"{name!r} names no folder" for name in names if name in ("", ".", "..") or {*"/\\\0"} & {*name}}
    if faults:
        raise ValueError(f"idx must be unique names of folders: {'; '.join(sorted(faults))}")
    return names


def _without_work(screenplay: Screenplay) -> Fate:
    """The fate of a dialogue that needs no picture, or has no portrait to paint from."""
    if screenplay.pictures or not screenplay.client_lines:
        return Fate(screenplay)
    return Fate(None, (Dropped("picture", screenplay.idx, None, "no_portrait", "it has no portrait to paint from"),))


def _unsavable(answer: Description) -> str:
    return lone_surrogate("".join([answer.expression, answer.contrast, answer.response, *answer.rejected]))
