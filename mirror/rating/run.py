"""A rating run: the sessions of one or several runs put before a judge, in an order that tells it nothing.

What `notebooks/rate.ipynb` calls. Ratings go to the rated runs (`mirror/rating/ratings.py`), preferences between two of them
to this run's own folder (`mirror/rating/preferences.py`), each answer when it comes. A run that was stopped goes on: what has
an answer is not asked again, what failed is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.prices import parse_prices
from mirror.counseling.settings import CounselSettings
from mirror.files.lock import locked
from mirror.paths import display_path, input_path
from mirror.progress_bar import progress_bar
from mirror.rating import preferences, ratings
from mirror.rating.instrument import Instrument
from mirror.rating.judge import Answer, Case, ChatJudge, Judge
from mirror.rating.preferences import Preference, compare_preferences, read_preferences
from mirror.rating.questions import Key, Question, ask_all, pair_case, session_cases
from mirror.rating.ratings import Rating, append_line, read_lines, read_ratings, reliability, subscale_scores
from mirror.rating.rules import RulesJudge
from mirror.rating.settings import RateSettings
from mirror.rating.tally import Tally
from mirror.run_folder import Run
from mirror.seeds import seed_for
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

LICENSED = "(licensed words)"
EXAMPLE = {"sessions": 2, "max_turns": 2, "run": "rate-example"}


class RatingsFailed(RuntimeError):
    """Some questions had no answer; the message says how many and why. All others are on disk."""


class Judging:
    """One run of ratings.

    Attributes:
        arms: the rated runs.
        run: this run's folder, with its settings, its provenance and its preferences.
    """

    def __init__(self, settings: RateSettings) -> None:
        """Reads instruments and transcripts and opens the run's folder; without runs a small one is counseled first.

        Raises:
            RunConflict: the folder holds a run with other settings.
            FolderInUse: another process counsels or rates one of the runs.
        """
        self.settings = settings
        self.instruments = settings.read_instruments()
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh)
        self.judge = make_judge(settings)
        self._folders = settings.folders or [example_run()]
        with self._holding_runs():
            self._read()
        self.run.open()
        self.run.record("running", **self.facts())

    def facts(self) -> dict[str, Any]:
        """The judge, the instruments without licensed words, and the rated runs."""
        instruments = {one.name: one.facts() for one in self.instruments}
        rated = [display_path(arm.folder) for arm in self.arms]
        return {"judge": self.judge.facts(), "instruments": instruments, "rated_runs": rated}

    def sessions(self) -> pd.DataFrame:
        """The rated runs, a row each: `rated` sessions go before the judge, those `left_out` are not complete."""
        rows = []
        for arm in self.arms:
            ready = self._ready(arm)
            row = {"run": arm.name, "counselor": arm.counselor, "rated": len(ready)}
            row["turns"] = sum(map(len, ready.values()))
            rows.append(row | {"left_out": len(arm.sessions[: self.settings.sessions or None]) - len(ready)})
        return pd.DataFrame(rows)

    def scales(self) -> pd.DataFrame:
        """What is rated, a row an item."""
        columns = ("instrument", "sees", "item", "scale", "reversed")
        rows = [
            (
                one.name,
                f"each {one.sees.part}",
                item.text or "",
                f"{one.scale.lowest}–{one.scale.highest}",
                item.reversed,
            )
            for one in map(_without_licensed_words, self.instruments)
            for item in one.items
        ]
        return pd.DataFrame(rows, columns=columns)

    def example(self) -> str:
        """The first question as the judge gets it, but for licensed words."""
        if not self.questions:
            return "no complete session to rate"
        case = self.questions[0].case
        return replace(case, instrument=_without_licensed_words(case.instrument)).prompt

    def rate(self) -> pd.DataFrame:
        """Asks all that has no answer yet; what there is then, a row a run and instrument.

        Raises:
            RatingsFailed: questions had no answer, or the endpoint refuses them.
            FolderInUse: another process counsels or rates one of the runs.
        """
        with self.run.working("rating"), self._holding_runs():
            self._read()  # anew: the runs may have been counseled on since
            return self._rate()

    @contextmanager
    def _holding_runs(self) -> Iterator[None]:
        """Keeps others from counseling and rating the runs: a session must stay what it was when it was rated."""
        with ExitStack() as locks:
            for folder in sorted(self._folders):
                locks.enter_context(locked(folder, "rating"))
            yield

    def _read(self) -> None:
        self.arms = [Arm.read(folder) for folder in self._folders]
        self.questions = self._questions()

    def _rate(self) -> pd.DataFrame:
        status = {key: line.status for key, line in self._lines().items()}
        left = [question for question in self.questions if status.get(question.key, "failed") == "failed"]
        left.sort(key=lambda question: question.key in status)  # what failed before does not stand in the others' way
        failures: list[tuple[Question, Answer]] = []
        with progress_bar("rating", "answers", len(self.questions), len(self.questions) - len(left)) as bar:
            tally = Tally(bar, self.settings)
            for question, answer in ask_all(self.judge, left, self.settings.concurrency, self._keep):
                tally.count(answer)
                failures += [(question, answer)] if answer.status == "failed" else []
        self._record(failures)
        if failures:
            raise RatingsFailed(self._failed(failures))
        return self.answers()

    def answers(self) -> pd.DataFrame:
        """How many answers there are, a row a run and instrument; a missing one is `unparsable`, `failed` or `open`."""
        status = {key: line.status for key, line in self._lines().items()}
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
        """The means over sessions with their intervals and the agreement of the repeats, a row a run and subscale."""
        tables = []
        for arm in self.arms:
            given = read_ratings(arm.folder)
            own = given[(given["judge"] == self.judge.name) & (given["repeat"] <= self.settings.repeats)]
            found = reliability(subscale_scores(own, self.instruments), self.settings.seed)
            tables.append(found.assign(run=arm.name))
        table = pd.concat(tables, ignore_index=True)
        return table[["run", *table.columns.drop("run")]] if len(table) else table

    def preferences(self) -> pd.DataFrame:
        """Which run is preferred on the same clients, a row a pair and item; empty without `pairs`."""
        return compare_preferences(read_preferences(self.run.folder), self.settings.seed)

    def _ready(self, arm: Arm) -> dict[SessionFolder, tuple[Turn, ...]]:
        """The complete sessions in which the counselor has spoken."""
        folders = arm.sessions[: self.settings.sessions or None]
        ended = [folder for folder in folders if (folder.ended or {}).get("status") == "complete"]
        turns = {folder: folder.turns() for folder in ended}
        return {folder: said for folder, said in turns.items() if any(turn.reply for turn in said)}

    def _questions(self) -> list[Question]:
        """All of this run, in an order that the seed decides, so that no arm and no client is rated in one go."""
        ready = {arm.name: self._ready(arm) for arm in self.arms}
        found = [
            self._question(folder.folder.name, (arm.name,), case, repeat, arm.folder / ratings.FILE)
            for arm in self.arms
            for folder, turns in ready[arm.name].items()
            for instrument in self.instruments
            for case in session_cases(instrument, folder, turns, self.settings.faces)
            for repeat in range(1, self.settings.repeats + 1)
        ]
        if self.settings.pairs:
            found += self._pair_questions(ready)
        Random(self.settings.seed).shuffle(found)
        return found

    def _pair_questions(self, ready: dict[str, dict[SessionFolder, tuple[Turn, ...]]]) -> Iterator[Question]:
        by_client = {name: {one.folder.name: (one, turns) for one, turns in of.items()} for name, of in ready.items()}
        for pair in combinations(by_client, 2):
            shared = [idx for idx in by_client[pair[0]] if idx in by_client[pair[1]]]
            for idx in shared:
                for order in permutations(pair):
                    shown = [by_client[name][idx] for name in order]
                    for instrument in filter(lambda one: one.can_compare, self.instruments):
                        case = pair_case(instrument, shown, self.settings.faces)
                        for repeat in range(1, self.settings.repeats + 1):
                            yield self._question(idx, order, case, repeat, self.run.folder / preferences.FILE)

    def _question(self, idx: str, shown: tuple[str, ...], case: Case, repeat: int, path: Path) -> Question:
        seed = seed_for(self.settings.seed, "judge", case.instrument.name, idx, case.turn, repeat)
        return Question(idx, shown, case, repeat, seed, self.judge.asked(case, seed), path)

    def _lines(self) -> dict[Key, Rating | Preference]:
        """The last answer to each question about the rated runs, of this judge or another."""
        found: dict[Key, Rating | Preference] = {}
        for arm in self.arms:
            for line in read_lines(arm.folder / ratings.FILE, Rating):
                found[(arm.name,), line.idx, line.asked] = line
        for line in read_lines(self.run.folder / preferences.FILE, Preference):
            found[(line.first, line.second), line.idx, line.asked] = line
        return found

    def _keep(self, question: Question, answer: Answer) -> None:
        """Puts an answer on disk; and what the judge's server has refused of its parameters, when that is new."""
        append_line(question.path, question.line(answer, self.judge.name, self.run.folder.name))
        known = self.run.provenance.get("left_out", {})  # in an earlier part of the run, too
        left_out = known | self.judge.facts().get("left_out", {})
        if left_out != known:
            self.run.record("running", left_out=left_out)

    def _record(self, failures: Sequence[tuple[Question, Answer]]) -> None:
        own = [line for line in self._lines().values() if line.run == self.run.folder.name]
        tokens = {
            kind: sum(getattr(line, kind) or 0 for line in own) for kind in ("prompt_tokens", "completion_tokens")
        }
        status = Counter(line.status for line in own)
        price = parse_prices(self.settings.prices).get(self.settings.judge_model)
        cost = {"dollars": round(price.cost(*tokens.values()), 6)} if price else {}
        counts = {kind: status[kind] for kind in ("rated", "unparsable", "failed")}
        self.run.record(
            "incomplete" if failures else "complete", questions=len(self.questions), **counts, **tokens, **cost
        )

    def _failed(self, failures: Sequence[tuple[Question, Answer]]) -> str:
        open_ = sum(self.answers()["open"])
        rest = f", and {open_} were not asked any more" if open_ else ""
        others = Counter(answer.raw for _, answer in failures if not answer.own)
        told = [f"  {count} times: {why}" for why, count in others.most_common(3)]
        for own in dict.fromkeys(answer.own for _, answer in failures if answer.own):
            of_it = [(question, answer) for question, answer in failures if answer.own == own]
            sessions = dict.fromkeys(f"{'/'.join(question.shown)}/{question.idx}" for question, _ in of_it)
            named = ", ".join(sorted(sessions))
            told.append(
                f"  {len(of_it)} times: {own}, which concerns these sessions alone: {named}\n    {of_it[0][1].raw}"
            )
        return "\n".join(
            [
                f"{len(failures)} of {len(self.questions)} questions had no answer{rest}:",
                *told,
                "the others are on disk; start the same run again to ask only what is left",
            ]
        )


def _without_licensed_words(instrument: Instrument) -> Instrument:
    """What may stand in a notebook that is passed on."""
    return instrument.worded({item.id: LICENSED for item in instrument.items}) if instrument.supplied else instrument


def make_judge(settings: RateSettings) -> Judge:
    """The judge of the settings."""
    if settings.judge == "rules":
        return RulesJudge()
    endpoint = ChatEndpoint(
        settings.judge_model,
        settings.judge_url or None,
        temperature=settings.temperature,
        top_p=1.0,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
        retries=settings.retries,
        concurrency=1,  # the questions of a run are asked side by side, each alone
    )
    return ChatJudge(endpoint, settings.structured, settings.attempts, settings.faces)


def example_run() -> Path:
    """A small counseling run of the pocket models, made where it is not there yet; its folder."""
    from mirror.counseling.run import Counseling  # loads all models' libraries, which no other rating run needs

    counseling = Counseling(CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), **EXAMPLE))
    counseling.counsel()
    return counseling.run.folder
