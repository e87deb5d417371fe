"""The questions of a rating run: about sessions, about turns, and about pairs of sessions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from random import Random

from mirror.rating.instrument import Instrument
from mirror.rating.judge import Case, Judge, Judgment
from mirror.rating.preferences import FILE as PREFERENCES
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import FILE as RATINGS
from mirror.rating.ratings import RatingRecord
from mirror.rating.revision.versions import stamp
from mirror.rating.settings import RateSettings
from mirror.seeds import seed_for
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

UNRECORDED = ("refused", "question_fault")  # fields of a judgment that its record omits

QuestionKey = tuple[tuple[str, ...], str, str]  # names of the shown runs, the client, the digest of what was asked


@dataclass(frozen=True)
class Question:
    """A case that a judge is asked about, once.

    Attributes:
        idx: The client.
        shown: The names of the rated runs in the order in which the judge sees their sessions.
        case: What is rated.
        repeat: The number of the repeat, from 1.
        seed: The sampling seed.
        asked: The digest of everything that determines the answer.
        path: The file of the answer.
    """

    idx: str
    shown: tuple[str, ...]
    case: Case
    repeat: int
    seed: int
    asked: str
    path: Path

    @property
    def key(self) -> QuestionKey:
        """Identifies the question; the digest alone does not, since two arms may have the same words."""
        return self.shown, self.idx, self.asked

    def record(self, answer: Judgment, judge: str, run: str) -> RatingRecord | PreferenceRecord:
        """Returns the record of an answer by `judge` in the rating run `run`."""
        values = {
            "idx": self.idx,
            "instrument": self.case.instrument.name,
            "repeat": self.repeat,
            "judge": judge,
            "run": run,
            "asked": self.asked,
            **{name: value for name, value in vars(answer).items() if name not in UNRECORDED},
        }
        if self.case.is_pair:
            return PreferenceRecord.model_validate({"first": self.shown[0], "second": self.shown[1], **values})
        return RatingRecord.model_validate({"turn": self.case.turn, **values, **stamp(self.case.instrument)})


def session_cases(instrument: Instrument, folder: SessionFolder, turns: tuple[Turn, ...], faces: bool) -> list[Case]:
    """Returns what is rated of a session: the whole, a moment, or each turn in which the client shows something."""
    if instrument.sees.part == "transcript":
        seen = instrument.excerpt(turns)
        return [Case(instrument, (seen,), None, _faces(instrument, [(folder, seen)], faces))] if seen else []
    cases = []
    for place, turn in enumerate(turns):
        if turn.words or (instrument.sees.cues and turn.cue):
            seen = (*turns[:place], turn.model_copy(update={"reply": ""}))
            cases.append(Case(instrument, (seen,), turn.number, _faces(instrument, [(folder, (turn,))], faces)))
    return cases


def pair_case(instrument: Instrument, shown: Sequence[tuple[SessionFolder, tuple[Turn, ...]]], faces: bool) -> Case:
    """Returns the comparison of two sessions of a client, in the order shown."""
    return Case(instrument, tuple(turns for _, turns in shown), None, _faces(instrument, shown, faces))


def _faces(
    instrument: Instrument, shown: Sequence[tuple[SessionFolder, Sequence[Turn]]], faces: bool
) -> tuple[tuple[Path, ...], ...]:
    if not faces or instrument.sees.faces == "never":
        return ()
    return tuple(tuple(folder.folder / turn.face.file for turn in turns if turn.face) for folder, turns in shown)


def all_questions(
    sessions: Mapping[str, Mapping[SessionFolder, tuple[Turn, ...]]],
    instruments: Sequence[Instrument],
    judge: Judge,
    settings: RateSettings,
    run_folder: Path,
) -> list[Question]:
    """Returns all questions of a rating run in random order, so that no arm and no client is rated in one block.

    Args:
        sessions: The turns of the sessions to rate, by rated run and session folder.
        instruments: What is rated.
        judge: Who will be asked.
        settings: Repeats, faces, pairs and the seed.
        run_folder: The folder of the rating run, for preferences.
    """

    def repeated(idx: str, shown: tuple[str, ...], case: Case, path: Path) -> Iterator[Question]:
        for repeat in range(1, settings.repeats + 1):
            seed = seed_for(settings.seed, "judge", case.instrument.name, idx, case.turn, repeat)
            yield Question(idx, shown, case, repeat, seed, judge.asked(case, seed), path)

    questions = [
        question
        for name, turns_by_folder in sessions.items()
        for folder, turns in turns_by_folder.items()
        for instrument in instruments
        for case in session_cases(instrument, folder, turns, settings.faces)
        for question in repeated(folder.folder.name, (name,), case, folder.folder.parent.parent / RATINGS)
    ]
    if settings.pairs:
        questions += [
            question
            for idx, order, case in _pair_cases(sessions, instruments, settings.faces)
            for question in repeated(idx, order, case, run_folder / PREFERENCES)
        ]
    Random(settings.seed).shuffle(questions)
    return questions


def _pair_cases(
    sessions: Mapping[str, Mapping[SessionFolder, tuple[Turn, ...]]], instruments: Sequence[Instrument], faces: bool
) -> Iterator[tuple[str, tuple[str, ...], Case]]:
    """Yields each client's comparison of every two runs in both orders: the client, the order of runs, the case."""
    by_client = {name: {one.folder.name: (one, turns) for one, turns in of.items()} for name, of in sessions.items()}
    for pair in combinations(by_client, 2):
        for idx in by_client[pair[0]]:
            if idx not in by_client[pair[1]]:
                continue
            for order in permutations(pair):
                shown = [by_client[name][idx] for name in order]
                for instrument in instruments:
                    if instrument.can_compare:
                        yield idx, order, pair_case(instrument, shown, faces)
