"""The analysis of a study: from runs to findings, each a claim with its table and figure. Called by `analyse.ipynb`.

Each client gives one value per measure, the mean of its complete sessions. Arms are compared on the clients that both
have (`mirror.statistics`), and all comparisons of outcomes are corrected together. Sentences, figures and tables show
the same numbers. No model is loaded.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd

from mirror.analysis import claims, tables, turnwise
from mirror.analysis import figures as draw
from mirror.analysis.caveats import without_damage
from mirror.analysis.comparison import ComparisonRow, arm_means, by_arm, compare, compare_halves, read_rows
from mirror.analysis.factors.interaction import interaction_finding
from mirror.analysis.finding import Finding, differences_caption, estimates_caption, turns_caption
from mirror.analysis.measures import OVER_TURNS
from mirror.analysis.preferred.report import preferred
from mirror.analysis.realism.report import realism
from mirror.analysis.registration.plan import read_registration
from mirror.analysis.registration.verdict import EXPLORATORY, registration_finding
from mirror.analysis.settings import AnalyseSettings, split_names
from mirror.analysis.study import Study
from mirror.figures import figure
from mirror.files.json_file import write_json
from mirror.gallery import write_gallery
from mirror.paths import display_path, input_path
from mirror.rating.instrument import known_instruments
from mirror.run_folder import Run, read_provenance
from mirror.transcripts.arm import Arm
from mirror.transcripts.flags import RiskPolicy


class Analysis:
    """One analysis of counseling runs: `results/<run>/` with findings, tables and `metrics.json`.

    `open` reads the runs and begins; each step returns one finding and writes its files; `finish` writes the rest.
    """

    def __init__(self, settings: AnalyseSettings, folders: Sequence[Path]) -> None:
        """Checks that the folder may be used. Reads no run and writes nothing.

        Args:
            settings: the parameters of the notebook.
            folders: the folders of the counseling runs to compare, in order.

        Raises:
            RunConflict: the folder holds another analysis.
        """
        self.settings = settings
        self.folders = list(folders)
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())
        self.findings: dict[str, Finding] = {}
        self._study: Study | None = None

    def open(self) -> Self:
        """Reads all transcripts and instruments, then opens the folder of the analysis.

        Raises:
            StudyError: the arms cannot be compared, or files of a session are damaged and are to be refused.
            ArmError, TranscriptError: a run cannot be read.
            InstrumentError: an instrument cannot be read.
            RunConflict, FolderInUse: the folder cannot be used.
        """
        instruments = known_instruments(split_names(self.settings.instruments))
        arms = [Arm.read(folder) for folder in self.folders]
        policy = RiskPolicy.of(self.settings.risk_classifier, self.settings.unsafe_labels)
        sound = without_damage(arms, self.settings.damaged)
        study = Study(sound, instruments, self.settings.raters, policy, self.settings.session)
        codes = {arm.name: read_provenance(arm.folder).get("code") for arm in study.arms}
        self.run.open()
        self.run.record("running", runs=codes, clients=len(study.shared))
        self._study = study
        return self

    @property
    def study(self) -> Study:
        """The arms with everything that was read.

        Raises:
            RuntimeError: the analysis was not opened.
        """
        if self._study is None:
            raise RuntimeError("the analysis has read no runs yet; call Analysis.open() first")
        return self._study

    def _keep(self, finding: Finding) -> Finding:
        self.findings[finding.name] = finding.save(self.run.folder)
        return finding

    def _empty(self, name: str, why: str) -> Finding:
        """A finding without numbers: no session is complete, or else `why`."""
        return self._keep(Finding(name, f"**{why if any(self.study.complete.values()) else claims.NONE_COMPLETE}**"))

    def arms(self) -> Finding:
        """States what is compared, on how many clients, and the caveats."""
        overview = self.study.overview()
        return self._keep(Finding("arms", tables.arms_text(self.study, overview), table=overview))

    # Were the faces faithful? -----------------------------------------------------------------------------------------

    def faces(self) -> Finding:
        """States how often a painted face passed the filter."""
        measures = [measure for measure in self.study.descriptive if measure.key in ("accepted_first", "accepted")]
        if not measures:
            return self._empty("faces", "No face was painted.")
        table, points = by_arm(self.study, measures, self.settings)
        painted = [arm.name for arm in self.study.arms if not arm.replays]
        table, points = (of.loc[of["arm"].isin(painted)].reset_index(drop=True) for of in (table, points))
        first, at_all = (arm_means(table, measure.key) for measure in measures)
        title = f"{claims.share_word(first.values())} faces are accepted at the first attempt".strip().capitalize()
        title += f": {claims.spread(first, 'share')}"
        claim = f"**{title}.** Within all attempts: {claims.spread(at_all, 'share')}. Attempts per face: "
        of_painted = {arm: mean for arm, mean in arm_means(self._measures[0], "attempts").items() if arm in painted}
        claim += f"{claims.spread(of_painted, 'number')}. If no attempt is accepted, the best one is shown."
        fig, ax = draw.tall_figure(len(table) + len(measures))
        draw.side_by_side(table, points, ax, title, "share of a client's faces (higher is better)")
        caption = estimates_caption("Markers: means over clients", table, points, self.settings.level)
        return self._keep(Finding("faces", claim, caption, table, fig))

    def captions(self) -> Finding:
        """States whether the counselor's caption names a feeling of the cue."""
        measures = [measure for measure in self.study.descriptive if measure.key == "caption_agrees"]
        if not measures:
            return self._empty("captions", claims.NO_CAPTIONS)
        table, points = by_arm(self.study, measures, self.settings)
        table = table.loc[table["n"] > 0].reset_index(drop=True)
        arms: list[str] = table["arm"].tolist()
        chance = {arm: turnwise.caption_chance(self.study, arm) for arm in arms}
        table = table.assign(chance=list(chance.values()))
        title = f"Captions name a feeling of the cue: {claims.spread(arm_means(table, 'caption_agrees'), 'share')}"
        unread = [(*turnwise.unread_captions(self.study, arm), arm) for arm in arms]
        excluded = claims.joined(f"{some:,} of {claims.counted(of, 'caption')} in {arm}" for some, of, arm in unread)
        claim = (
            f"**{title}.** Chance level (captions dealt at random to the cues of the same arm): "
            f"{claims.spread(chance, 'share')}. Excluded, because the lexicon finds no feeling in the caption or the "
            f"cue: {excluded}."
        )
        fig, ax = draw.tall_figure(len(table) + 1)
        draw.side_by_side(table, points, ax, title, "share of a client's captions (higher is better)")
        markers = "Markers: means over clients; vertical lines: chance level"
        caption = estimates_caption(markers, table, points, self.settings.level)
        return self._keep(Finding("captions", claim, caption, table, fig))

    # What did the counselors do, and how did it change? ---------------------------------------------------------------

    def counselors(self) -> Finding:
        """States what kinds of replies the counselors give."""
        table = turnwise.reactions(self.study)
        if table.empty:
            return self._empty("counselors", "No reply to a cue that the lexicon can read, so none can be scored.")
        title = f"Replies name the feeling shown: {claims.spread(arm_means(self._measures[0], 'names'), 'share')}"
        labels = {kind: label for kind, (label, _) in draw.REACTIONS.items() if kind != "named"}
        claim = f"**{title}.** The other replies: {claims.reactions(table, labels)}."
        fig, ax = draw.tall_figure(table["arm"].nunique() + 2, row=0.4)
        draw.reactions(table, ax, title)
        caption = (
            "Means over clients, of the replies to cues that the lexicon can read, each counted once: first if it "
            "names the feeling, then a fault, then an open question. The measure of replies given before counts all."
        )
        return self._keep(Finding("counselors", claim, caption, table, fig))

    def realism(self) -> Finding:
        """States how lengths, talk share, questions and topics compare with real sessions."""
        return self._keep(realism(self.study, self.settings))

    def over_turns(self, key: str) -> Finding:
        """States how a quantity changes from turn to turn, and from the first to the second half of the sessions.

        Args:
            key: `identity`, `relevance` or `resistant`.
        """
        subject, quantity, unit = OVER_TURNS[key]
        level = self.settings.level
        table = turnwise.per_turn(self.study, key, unit, self.settings)
        if table.empty:
            return self._empty(key, f"{subject} was not measured in any turn.")
        arms = list(dict.fromkeys(table["arm"].tolist()))
        changes = compare_halves({arm: self.study.halves(arm, key) for arm in arms}, unit, self.settings)
        title = claims.moved(subject, changes, level)
        by_arm_words = "; ".join(f"{row.arm} {claims.change(row, unit, level)}" for row in changes)
        of_arm = {arm: table.loc[table["arm"] == arm, "n"] for arm in arms}
        n = claims.n_by_arm({arm: (int(counts.min()), int(counts.max())) for arm, counts in of_arm.items()})
        claim = f"**{title}.** Change from the first to the second half of the same sessions: {by_arm_words}. "
        claim += f"Per turn, {n}."
        fig, ax = figure(7.6, 4)
        draw.over_turns(table, turnwise.points(self.study, key, arms), ax, title, quantity, unit == "share")
        caption = turns_caption(table, n, level, unit == "share")
        return self._keep(Finding(key, claim, caption, table, fig))

    # Which arm is better, and how sure is it? -------------------------------------------------------------------------

    @cached_property
    def _measures(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All measures by arm, and the values of the clients (`comparison.by_arm`)."""
        return by_arm(self.study, [*self.study.outcomes, *self.study.descriptive], self.settings)

    @cached_property
    def _comparisons(self) -> pd.DataFrame:
        """All comparisons of outcomes (`comparison.compare`)."""
        return compare(self.study, self.study.outcomes, self.settings)

    def registered(self) -> Finding:
        """States what the data say of the registered hypotheses, and what is exploratory.

        Raises:
            RegistrationError: the registration or its record cannot be read.
        """
        path = input_path(self.settings.registration)
        plan = read_registration(path) if self.settings.registration else None
        return self._keep(registration_finding(self.study, plan, path, self.settings))

    def interactions(self) -> Finding:
        """States whether the difference between two levels of a factor depends on another factor."""
        return self._keep(interaction_finding(self.study, self.study.outcomes, self.settings))

    def preferred(self) -> Finding:
        """States which arm is preferred on the same clients, by the answers in `preferences`."""
        return self._keep(preferred(self.study, self.settings, self.run.folder / "tables"))

    def comparison(self) -> Finding:
        """States which arm is better on which outcome, for every pair of arms."""
        table, level = self._comparisons, self.settings.level
        if len(self.study.arms) == 1 or table.empty:
            why = "There is only one arm" if len(self.study.arms) == 1 else "No outcome has a value in any arm"
            return self._empty("comparison", f"{why}, so nothing is compared.")
        rows = read_rows(table, ComparisonRow)
        verdict = claims.verdict(rows, level)
        claim = self._comparison_claim(rows, verdict)
        drawn = table.loc[table["effect"].notna()]
        if drawn.empty:
            return self._keep(Finding("comparison", claim, table=table))
        drawn = drawn.assign(note=[claims.short(row) for row in read_rows(drawn, ComparisonRow)])
        pairs = drawn[["arm", "other"]].drop_duplicates()
        fig, ax = draw.tall_figure(len(drawn) + 2 * len(pairs), 9.2, 0.3)
        tested = int(table["p_adjusted"].notna().sum())
        short = f"{table['is_significant'].sum()} of {tested} differences are significant"
        draw.differences(drawn, ax, verdict if len(verdict) < 220 else short)
        caption = differences_caption(drawn, tested, int((table["n"] > 0).sum()) - len(drawn), level)
        return self._keep(Finding("comparison", claim, caption, table, fig))

    def _comparison_claim(self, rows: Sequence[ComparisonRow], verdict: str) -> str:
        """The verdict, the significant differences, the table of all comparisons, the judges."""
        level = self.settings.level
        parts = [f"**{verdict}**", EXPLORATORY if self.settings.registration else ""]
        parts += ["\n".join(f"- {claims.comparison(row, level)}" for row in rows if row.is_significant)]
        if self.study.scripted:
            parts.append("The clients are scripted: see the note on scripted clients in the first claim.")
        shown = self._comparisons.loc[self._comparisons["n"] > 0]
        if len(shown):
            parts += [claims.COLUMNS, tables.markdown(tables.comparisons_table(shown))]
        parts += tables.raters_text(self.study, self.settings, self.run.folder / "tables")
        if self.study.rehearsed:
            parts.append(f"{claims.REHEARSAL}\n\n{tables.markdown(tables.measures_table(self._rehearsal))}")
        return "\n\n".join(filter(None, parts))

    @cached_property
    def _rehearsal(self) -> pd.DataFrame:
        """The ratings of the offline judge by arm."""
        return by_arm(self.study, self.study.rehearsed, self.settings)[0]

    def finish(self) -> str:
        """Writes tables, `metrics.json` and galleries.

        Returns:
            The table of all measures, the verdict, and the paths of all written files, in Markdown.

        Raises:
            ArmError, TranscriptError, JsonLinesError: a run was damaged since it was read.
        """
        values, comparisons, folder = self._measures[0], self._comparisons, self.run.folder / "tables"
        measures = tables.measures_table(values)
        written = {"measures": measures, "comparisons": tables.comparisons_table(comparisons)}
        numbers = {"comparisons": tables.comparisons_numbers(comparisons)}
        written |= {"arms": self.study.overview(), "rehearsal": tables.measures_table(self._rehearsal)}
        for name, table in written.items():
            tables.write_table(folder, name, table, numbers.get(name))
        tables.write_sessions(folder, self.study.metrics)
        facts = {
            "arms": {arm.name: {"counselor": arm.counselor, "variant": arm.variant} for arm in self.study.arms},
            "clients": len(self.study.shared),
            "caveats": self.study.caveats(),
            "risk_read_by": self.study.policy.name,
            "claims": {name: finding.claim.replace("**", "") for name, finding in self.findings.items()},
            "measures": tables.plain(values),
            "comparisons": tables.plain(comparisons),
            "rehearsal": tables.plain(self._rehearsal),
        }
        write_json(self.run.folder / "metrics.json", facts)
        galleries = [write_gallery(arm.folder, self.study.policy) for arm in self.study.arms if self.settings.gallery]
        self.run.record("complete")
        parts = [tables.markdown(measures), claims.TIMES] if len(measures) else [claims.NONE_COMPLETE]
        if len(comparisons):
            parts.append(claims.verdict(read_rows(comparisons, ComparisonRow), self.settings.level))
        paths = [self.run.folder / name for name in ("metrics.json", "tables", "figures")] + galleries
        return "\n\n".join([*parts, "\n".join(f"- `{display_path(path)}`" for path in paths)])
