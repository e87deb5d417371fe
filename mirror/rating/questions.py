"""What is put before a judge, question by question: the cases of a session, of its turns, and of two sessions.

Knows nothing of how many runs there are, or of what was asked before.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mirror.rating.instrument import Instrument
from mirror.rating.judge import Answer, Case, Judge
from mirror.rating.preferences import Preference
from mirror.rating.ratings import Rating
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

REFUSED = 3  # refusals before the first answer, after which the rest is not asked
UNWRITTEN = ("refused", "own")  # of an answer, what its record does not hold


Key = tuple[tuple[str, ...], str, str]  # the runs that are shown, the client, and what was asked


@dataclass(frozen=True)
class Question:
    """One case, asked once; `shown` are the rated runs' names in the order in which the judge sees their sessions."""

    idx: str
    shown: tuple[str, ...]
    case: Case
    repeat: int
    seed: int
    asked: str
    path: Path

    @property
    def key(self) -> Key:
        """What tells it from all others: two arms may have the same words."""
        return self.shown, self.idx, self.asked

    def line(self, answer: Answer, judge: str, run: str) -> Rating | Preference:
        """The record of an answer."""
        values = {
            "idx": self.idx,
            "instrument": self.case.instrument.name,
            "repeat": self.repeat,
            "judge": judge,
            "run": run,
            "asked": self.asked,
        }
        values |= {name: value for name, value in vars(answer).items() if name not in UNWRITTEN}
        if len(self.shown) == 2:
            return Preference(first=self.shown[0], second=self.shown[1], **values)
        return Rating(turn=self.case.turn, **values)


def session_cases(instrument: Instrument, folder: SessionFolder, turns: tuple[Turn, ...], faces: bool) -> list[Case]:
    """What is rated of a session: the whole of it, or each turn in which the client shows or says something."""
    if instrument.sees.part == "transcript":
        return [Case(instrument, (turns,), None, _faces(instrument, [(folder, turns)], faces))]
    cases = []
    for place, turn in enumerate(turns):
        if turn.words or (instrument.sees.cues and turn.cue):
            seen = (*turns[:place], turn.model_copy(update={"reply": ""}))
            cases.append(Case(instrument, (seen,), turn.number, _faces(instrument, [(folder, (turn,))], faces)))
    return cases


def pair_case(instrument: Instrument, shown: Sequence[tuple[SessionFolder, tuple[Turn, ...]]], faces: bool) -> Case:
    """Two sessions of a client in the order in which they are shown."""
    return Case(instrument, tuple(turns for _, turns in shown), None, _faces(instrument, shown, faces))


def _faces(
    instrument: Instrument, shown: Sequence[tuple[SessionFolder, Sequence[Turn]]], faces: bool
) -> tuple[tuple[Path, ...], ...]:
    if not faces or instrument.sees.faces == "never":
        return ()
    return tuple(tuple(folder.folder / turn.face.file for turn in turns if turn.face) for folder, turns in shown)


def ask_all(
    judge: Judge, questions: Sequence[Question], concurrency: int, keep: Callable[[Question, Answer], None]
) -> Iterator[tuple[Question, Answer]]:
    """Asks so many questions at a time, and gives each with its answer when that comes.

    Every answer goes to `keep` as soon as it is there, one at a time, whatever becomes of the loop that asked: none
    that was paid for is lost. Asks no more where an answer cannot be kept (a full disk), or where the endpoint refuses
    the first ones for a reason that is not their own, and has answered none: a wrong key is told once. What is under
    way then is waited for, and given too.
    """
    lock = Lock()
    not_kept: list[Exception] = []

    def ask(question: Question) -> Answer:
        if not_kept:
            raise not_kept[0]
        answer = judge.answer(question.case, question.seed)
        with lock:
            try:
                keep(question, answer)
            except Exception as error:
                not_kept.append(error)
                raise
        return answer

    threads = ThreadPoolExecutor(concurrency)
    try:
        asked: dict[Future[Answer], Question] = {threads.submit(ask, question): question for question in questions}
        refused = answered = 0
        for future in as_completed(asked):
            if future.cancelled():
                continue
            answer = future.result()
            yield asked[future], answer
            refused += answer.refused
            answered += answer.status != "failed"
            if refused >= REFUSED and not answered:
                for waiting in asked:
                    waiting.cancel()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
