"""A rating run: a judge rates the sessions of one or several runs, blinded and in random order.

`notebooks/rate.ipynb` calls it. Ratings are written to the rated runs (`mirror/rating/ratings.py`), preferences between
two of them to this run's own folder (`mirror/rating/preferences.py`), each answer as soon as it is there. An
interrupted run is resumable: questions with an answer are not asked again, those that failed are.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.chat.endpoint import ChatEndpoint
from mirror.files.json_lines import append_line, read_lines
from mirror.files.lock import locked
from mirror.paths import display_path
from mirror.progress_bar import progress_bar
from mirror.rating import preferences, ratings
from mirror.rating.asking import ask_all, failure_message
from mirror.rating.instrument import Instrument
from mirror.rating.judge import ChatJudge, Judge, Judgment
from mirror.rating.preferences import PreferenceRecord, compare_preferences, read_preferences
from mirror.rating.progress import RatingProgress
from mirror.rating.questions import Question, QuestionKey, all_questions
from mirror.rating.ratings import RatingRecord, read_ratings, reliability, subscale_scores
from mirror.rating.revision.versions import refuse_other_scales
from mirror.rating.rule_judge import RuleJudge
from mirror.rating.settings import RateSettings
from mirror.rating.spending.budget import RatingBudget
from mirror.rating.spending.estimate import estimate
from mirror.rating.spending.spent import read_spent
from mirror.run_folder import Run
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

LICENSED = "(licensed words)"
log = logging.getLogger(__name__)


class RatingsFailed(RuntimeError):
    """Some questions had no answer; the message says how many and why. All others are on disk."""


class Judging:
    """One run of ratings.

    Attributes:
        settings: The run's parameters.
        instruments: What is rated.
        judge: Who rates.
        run: This run's folder, with its settings, its provenance and its preferences.
        arms: The rated runs; empty until `open`.
        questions: All questions of the run in the order in which they are asked; empty until `open`.
        stopped: How far `rate` came if the budget was used up, and how to go on; else empty.
    """

    def __init__(self, settings: RateSettings, folders: Sequence[Path]) -> None:
        """Reads the instruments and checks the run's folder. Writes nothing; see `open`.

        Args:
            settings: The run's parameters.
            folders: The folders of the runs to rate.

        Raises:
            ValueError: There is no run to rate.
            InstrumentError: An instrument cannot be used.
            RunConflict: The run's folder holds a run with other settings.
        """
        if not folders:
            raise ValueError("there is no run to rate; give the folder of at least one counseling run")
        self.settings = settings
        self.instruments = settings.read_instruments()
        self.judge = make_judge(settings)
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())
        self.arms: list[Arm] = []
        self.questions: list[Question] = []
        self.stopped = ""
        self._folders = list(folders)

    def open(self) -> None:
        """Reads the rated runs, then opens the run's folder; with `fresh`, this removes an earlier run.

        `rate` does this itself. A second call does nothing.

        Raises:
            ArmError: A folder holds no counseling run.
            RunConflict: The run's folder holds a run with other settings, or a rated run ratings on another scale.
            FolderInUse: Another process is writing to one of the runs.
        """
        if self.arms:
            return
        with self._holding_runs():
            self._read()
        refuse_other_scales(self._folders, self.instruments)
        self.run.open()
        self.run.record("running", **self.facts())

    def facts(self) -> dict[str, Any]:
        """Describes the judge, the instruments without licensed wording, and the rated runs, for the record."""
        instruments = {one.name: one.facts() for one in self.instruments}
        rated = [display_path(folder) for folder in self._folders]
        return {"judge": self.judge.facts(), "instruments": instruments, "rated_runs": rated}

    def sessions(self) -> pd.DataFrame:
        """Returns one row per rated run: `rated` sessions are complete, those `left_out` are not."""
        self.open()
        rows = []
        for arm in self.arms:
            ready = self._ready(arm)
            row = {"run": arm.name, "counselor": arm.counselor, "rated": len(ready)}
            row["turns"] = sum(map(len, ready.values()))
            rows.append(row | {"left_out": len(arm.sessions[: self.settings.sessions or None]) - len(ready)})
        return pd.DataFrame(rows)

    def scales(self) -> pd.DataFrame:
        """Returns what is rated, one row per item."""
        columns = ["instrument", "sees", "item", "scale", "reversed"]
        rows = [
            (one.name, f"each {one.sees.part}", item.text or "", _ends(one), item.reversed)
            for one in map(_without_licensed_words, self.instruments)
            for item in one.items
        ]
        return pd.DataFrame(rows, columns=columns)

    def example(self) -> str:
        """Returns the first question as the judge gets it, except for licensed wording."""
        self.open()
        if not self.questions:
            return "no complete session to rate"
        case = self.questions[0].case
        return replace(case, instrument=_without_licensed_words(case.instrument)).prompt

    def rate(self) -> pd.DataFrame:
        """Asks all questions without an answer, or as many as the budget allows; `stopped` then says how far it came.

        Returns:
            The table of `answers`.

        Raises:
            RatingsFailed: Questions had no answer, or the endpoint refuses them.
            FolderInUse: Another process is writing to one of the runs.
        """
        self.open()
        with self.run.working("rating"), self._holding_runs():
            self._read()  # again, because counseling may have continued since
            return self._rate()

    @contextmanager
    def _holding_runs(self) -> Iterator[None]:
        """Locks the rated runs: a session must not change while it is rated."""
        with ExitStack() as locks:
            for folder in sorted(self._folders):
                locks.enter_context(locked(folder, "rating"))
            yield

    def _read(self) -> None:
        self.arms = [Arm.read(folder) for folder in self._folders]
        ready = {arm.name: self._ready(arm) for arm in self.arms}
        self.questions = all_questions(ready, self.instruments, self.judge, self.settings, self.run.folder)

    def _rate(self) -> pd.DataFrame:
        left, budget = self._left(), self._budget()
        failures: list[tuple[Question, Judgment]] = []
        with progress_bar("rating", "answers", len(self.questions), len(self.questions) - len(left)) as bar:
            progress = RatingProgress(bar, self.settings)
            asked = [] if budget.used_up else left
            for question, answer in ask_all(self.judge, asked, self.settings.concurrency, self._keep, budget):
                progress.count(answer)
                failures += [(question, answer)] if answer.status == "failed" else []
        answers = self.answers()
        self.stopped = budget.stopped(sum(answers.get("open", ())), len(self.questions))
        if self.stopped:
            log.warning("%s", self.stopped)
        self._record(failures, budget)
        if failures:
            raise RatingsFailed(failure_message(failures, len(self.questions), sum(answers["open"])))
        return answers

    def _left(self) -> list[Question]:
        """Returns the questions without an answer; those that failed before are last."""
        status = {key: line.status for key, line in self._records().items()}
        left = [question for question in self.questions if status.get(question.key, "failed") == "failed"]
        return sorted(left, key=lambda question: question.key in status)

    def estimate(self) -> pd.DataFrame:
        """Returns what the run will cost: one row per quantity, so far, in all, and at most. Asks nobody."""
        self.open()
        return estimate(self.settings, self.questions, self._records(), self._budget(), self._left())

    def answers(self) -> pd.DataFrame:
        """Returns the numbers of answers, one row per run and instrument.

        A question without a rating is `unparsable`, `failed`, or still `open`.
        """
        self.open()
        status = {key: line.status for key, line in self._records().items()}
        counted: dict[tuple[str, str], Counter[str]] = {}
        for question in self.questions:
            name = " against ".join(sorted(question.shown))
            of_it = counted.setdefault((name, question.case.instrument.name), Counter())
            of_it[status.get(question.key, "open")] += 1
        kinds = ("rated", "unparsable", "failed", "open")
        rows = [
            {"run": run, "instrument": instrument, "asked": of_it.total(), **{kind: of_it[kind] for kind in kinds}}
            for (run, instrument), of_it in sorted(counted.items())
        ]
        return pd.DataFrame(rows)

    def scores(self) -> pd.DataFrame:
        """Returns the means over sessions with intervals, and the agreement of repeats; one row per run and subscale.

        The columns are those of `mirror.rating.ratings.reliability`.
        """
        self.open()
        tables = []
        for arm in self.arms:
            given = read_ratings(arm.folder)
            own = given[(given["judge"] == self.judge.name) & (given["repeat"] <= self.settings.repeats)]
            found = reliability(subscale_scores(own, self.instruments), self.settings.seed)
            tables.append(found.assign(run=arm.name))
        table = pd.concat(tables, ignore_index=True)
        return table[["run", *table.columns.drop("run")]] if len(table) else table

    def preferences(self) -> pd.DataFrame:
        """Returns which run is preferred on the same clients, one row per pair and item; empty without `pairs`.

        The columns are those of `mirror.rating.preferences.compare_preferences`.
        """
        self.open()
        return compare_preferences(read_preferences(self.run.folder), self.settings.seed)

    def _ready(self, arm: Arm) -> dict[SessionFolder, tuple[Turn, ...]]:
        """Returns the complete sessions in which the counselor has spoken."""
        folders = arm.sessions[: self.settings.sessions or None]
        ended = [folder for folder in folders if (folder.ended or {}).get("status") == "complete"]
        turns = {folder: folder.turns() for folder in ended}
        return {folder: said for folder, said in turns.items() if any(turn.reply for turn in said)}

    def _records(self) -> dict[QuestionKey, RatingRecord | PreferenceRecord]:
        """Reads the last answer to each question about the rated runs, by this judge or another."""
        found: dict[QuestionKey, RatingRecord | PreferenceRecord] = {}
        for arm in self.arms:
            for rating in read_lines(arm.folder / ratings.FILE, RatingRecord):
                found[(arm.name,), rating.idx, rating.asked] = rating
        for preference in read_lines(self.run.folder / preferences.FILE, PreferenceRecord):
            found[(preference.first, preference.second), preference.idx, preference.asked] = preference
        return found

    def _keep(self, question: Question, answer: Judgment) -> None:
        """Writes an answer, and any newly rejected parameters of the judge's server."""
        append_line(question.path, question.record(answer, self.judge.name, self.run.folder.name))
        known = self.run.provenance.get("left_out", {})  # also from an earlier part of the run
        left_out = known | self.judge.facts().get("left_out", {})
        if left_out != known:
            self.run.record("running", left_out=left_out)

    def _budget(self) -> RatingBudget:
        """Returns the budget with what this run has paid for, also answers that were asked again."""
        spent = read_spent([arm.folder for arm in self.arms], self.run.folder)
        return RatingBudget.of(self.settings, spent)

    def _record(self, failures: Sequence[tuple[Question, Judgment]], budget: RatingBudget) -> None:
        own = [line for line in self._records().values() if line.run == self.run.folder.name]
        status = Counter(line.status for line in own)
        facts: dict[str, Any] = {kind: status[kind] for kind in ("rated", "unparsable", "failed")}
        facts |= budget.facts() | ({"stopped": self.stopped} if self.stopped or budget.most else {})
        ended = "incomplete" if failures or self.stopped else "complete"
        self.run.record(ended, questions=len(self.questions), **facts)


def _ends(instrument: Instrument) -> str:
    return f"{instrument.scale.lowest}–{instrument.scale.highest}"


def _without_licensed_words(instrument: Instrument) -> Instrument:
    """Replaces licensed wording, which must not be published in an executed notebook."""
    return instrument.worded({item.id: LICENSED for item in instrument.items}) if instrument.supplied else instrument


def make_judge(settings: RateSettings) -> Judge:
    """Returns the judge that the settings name."""
    if settings.judge == "rules":
        return RuleJudge()
    endpoint = ChatEndpoint(
        settings.judge_model,
        settings.judge_url or None,
        temperature=settings.temperature,
        top_p=1.0,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
        retries=settings.retries,
        concurrency=1,  # a run asks its questions concurrently, one per request
    )
    return ChatJudge(endpoint, settings.structured, settings.attempts, settings.faces)
