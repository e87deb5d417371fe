"""The analysis of a study: from runs to findings, each a claim with its table and figure. Loads no model.

Each complete session gives one value per measure; arms are compared on the clients that both have
(`mirror.statistics`), and all comparisons of outcomes are corrected together. Every number has one source: sentences,
figures and tables show the same one. What `notebooks/analyse.ipynb` calls.
"""

from functools import cached_property
from pathlib import Path

import pandas as pd

from mirror.analysis import claims, tables, turnwise
from mirror.analysis import figures as draw
from mirror.analysis.comparison import by_arm, compare, compare_halves
from mirror.analysis.finding import Finding
from mirror.analysis.measures import Unit
from mirror.analysis.metrics import halves
from mirror.analysis.settings import AnalyseSettings, named
from mirror.analysis.study import Study, without_damage
from mirror.figures import figure
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text
from mirror.files.json_file import write_json
from mirror.gallery import write_gallery
from mirror.paths import display_path
from mirror.rating.instrument import read_instrument, shipped
from mirror.run_folder import Run, read_provenance
from mirror.transcripts.arm import Arm

QUANTITIES: dict[str, tuple[str, str, Unit]] = {  # over turns: what it is, the axis, and the unit
    "identity": ("Similarity of face and portrait", "cosine of face and portrait\n(higher: more alike)", "cosine"),
    "relevance": ("Similarity of face and cue", "cosine of face and cue\n(higher: shows it more)", "cosine"),
    "resistant": ("Resistance", "share of clients who show\nresistance (lower is better)", "share"),
}
AGREEMENT = "instrument subscale judge alpha exact within_one repeats answers missing_answers".split()


class Analysis:
    """A study's run: `results/<run>/` with findings, tables and `metrics.json`."""

    def __init__(self, settings: AnalyseSettings) -> None:
        """Reads all transcripts and ratings; counsels two tiny runs first if no runs are named.

        Raises:
            StudyError: the arms cannot be compared, or files of a session are damaged and that is to be refused.
            TranscriptError, RatingsError: a file is damaged.
            RunConflict: the folder holds another analysis.
        """
        self.settings = settings
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh)
        instruments = [read_instrument(name) for name in (*shipped(), *named(settings.instruments))]
        arms = [Arm.read(folder) for folder in settings.folders or _rehearse()]
        self.study = Study(without_damage(arms, settings.damaged), instruments)
        self.names = [arm.name for arm in self.study.arms]
        codes = {arm.name: read_provenance(arm.folder).get("code") for arm in self.study.arms}
        self.run.open()
        self.run.record("running", runs=codes, clients=len(self.study.shared))
        self.findings: dict[str, Finding] = {}

    def _found(self, finding: Finding) -> Finding:
        self.findings[finding.name] = finding.save(self.run.folder)
        return finding

    def _nothing(self, name: str, why: str) -> Finding:
        """A finding without numbers: no session is complete, or else `why`."""
        return self._found(Finding(name, f"**{why if any(self.study.complete.values()) else claims.NONE_COMPLETE}**"))

    def arms(self) -> Finding:
        """What is compared, on how many clients, and the caveats."""
        claim = claims.compared({name: len(its) for name, its in self.study.complete.items()}, len(self.study.shared))
        if self.study.scripted:
            of = "all arms" if self.study.scripted == self.names else claims.joined(self.study.scripted)
            claim += f" **{tables.literal(claims.SCRIPTED.format(arms=of))}**"
        overview = self.study.overview()
        claim += f"\n\n{self._caveats()}\n\n{tables.markdown(overview)}"
        return self._found(Finding("arms", claim, table=overview))

    def _caveats(self) -> str:
        if caveats := self.study.caveats():
            return "Caveats:\n\n" + "\n".join(f"- {tables.literal(caveat)}" for caveat in caveats)
        alone = ", and the arms differ in the counselor only" if len(self.names) > 1 else ""
        return f"No caveats: all sessions are complete{alone}."

    # Were the faces faithful? -----------------------------------------------------------------------------------------

    def faces(self) -> Finding:
        """How often a painted face passed the filter."""
        measures = [measure for measure in self.study.descriptive if measure.key in ("accepted_first", "accepted")]
        if not measures:
            return self._nothing("faces", "No face was painted.")
        table, points = by_arm(self.study, measures, self.settings)
        first, at_all = (table[table.key == measure.key].set_index("arm")["mean"] for measure in measures)
        title = f"{claims.share_word(first)} faces are accepted at the first attempt".strip().capitalize()
        title += f": {claims.spread(first, 'share')}"
        claim = f"**{title}.** Within all attempts: {claims.spread(at_all, 'share')}. Attempts per face: "
        claim += (
            f"{claims.spread(self._means('attempts'), 'number')}. If no attempt is accepted, the best one is shown."
        )
        fig, ax = draw.tall_figure(len(table) + len(measures))
        draw.side_by_side(table, points, ax, title, "share of a client's faces (higher is better)")
        return self._found(
            Finding("faces", claim, self._caption("Markers: means over clients", table, points), table, fig)
        )

    def _means(self, key: str) -> pd.Series:
        """The mean of a measure by arm, as it stands in the table of all measures."""
        table, _ = self._measures
        return table[table.key == key].set_index("arm")["mean"]

    def captions(self) -> Finding:
        """Whether the counselor's caption names what the cue shows."""
        measures = [measure for measure in self.study.descriptive if measure.key == "caption_agrees"]
        if not measures:
            why = "No caption can be compared with a cue: no arm captions the face in words that the lexicon knows."
            return self._nothing("captions", why)
        table, points = by_arm(self.study, measures, self.settings)
        table = table[table.n > 0].reset_index(drop=True)
        table = table.assign(chance=[turnwise.caption_chance(self.study, arm) for arm in table.arm])
        shares, chance = table.set_index("arm")["mean"], table.set_index("arm").chance
        title = f"Captions name a feeling of the cue: {claims.spread(shares, 'share')}"
        unread = [(*turnwise.unread_captions(self.study, arm), arm) for arm in table.arm]
        excluded = claims.joined(
            f"{some:,} of {claims.counted(all_, 'caption')} in {arm}" for some, all_, arm in unread
        )
        claim = f"**{title}.** Chance level (captions dealt at random to the cues of the same arm): "
        claim += (
            f"{claims.spread(chance, 'share')}. Excluded, because the lexicon finds no feeling in the caption or the "
        )
        claim += f"cue: {excluded}."
        fig, ax = draw.tall_figure(len(table) + 1)
        draw.side_by_side(table, points, ax, title, "share of a client's captions (higher is better)")
        caption = self._caption("Markers: means over clients; vertical lines: chance level", table, points)
        return self._found(Finding("captions", claim, caption, table, fig))

    # What did the counselors do, and how did it move? -----------------------------------------------------------------

    def counselors(self) -> Finding:
        """What kinds of replies the counselors give."""
        table = turnwise.reactions(self.study)
        if table.empty:
            return self._nothing("counselors", "No reply to a cue that the lexicon can read, so none can be scored.")
        title = f"Replies name the feeling shown: {claims.spread(self._means('names'), 'share')}"
        words = {kind: label for kind, (label, _) in draw.REACTIONS.items() if kind != "named"}
        claim = f"**{title}.** The other replies: {claims.reactions(table, words)}."
        fig, ax = draw.tall_figure(table.arm.nunique() + 2, row=0.4)
        draw.reactions(table, ax, title)
        caption = (
            "Means over clients, of the replies to cues that the lexicon can read. Each reply counts once: first if it "
            "names the feeling, then a fault, then an open question. The lexicon reads words, not meaning."
        )
        return self._found(Finding("counselors", claim, caption, table, fig))

    def over_turns(self, key: str) -> Finding:
        """How `identity`, `relevance` or what is `resistant` moves from turn to turn, and from half to half."""
        subject, quantity, unit = QUANTITIES[key]
        table = turnwise.per_turn(self.study, key, unit, self.settings)
        if table.empty:
            return self._nothing(key, f"{subject} was not measured in any turn.")
        within = {name: halves(self.study.turns(name), key) for name in dict.fromkeys(table.arm)}
        changes = compare_halves(within, unit, self.settings)
        title = claims.moved(subject, changes, self.settings.level)
        told = "; ".join(f"{row.run} {claims.change(row, unit, self.settings.level)}" for _, row in changes.iterrows())
        n = claims.n_by_arm({arm: (n.min(), n.max()) for arm, n in table.groupby("arm", sort=False).n})
        claim = f"**{title}.** Change from the first to the second half of the same sessions: {told}. "
        claim += f"Per turn, {n}."
        fig, ax = figure(7.6, 4)
        draw.over_turns(table, turnwise.points(self.study, key, list(within)), ax, title, quantity, unit == "share")
        kind = "Wilson" if unit == "share" else "bootstrap over clients"
        few = "; faint: each client" if unit != "share" and table.n.max() < draw.FEW else ""
        caption = (
            f"Markers: means over the clients who have this turn; bars: {claims.percent(self.settings.level)} "
            f"intervals of each turn ({kind}){few}. Per turn, {n}. Halves are compared within clients, p corrected "
            "over arms (Holm)."
        )
        return self._found(Finding(key, claim, caption, table, fig))

    # Which arm is better, and how sure is it? -------------------------------------------------------------------------

    @cached_property
    def _measures(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All measures by arm, and the clients' values (`comparison.by_arm`)."""
        return by_arm(self.study, [*self.study.outcomes, *self.study.descriptive], self.settings)

    @cached_property
    def _comparisons(self) -> pd.DataFrame:
        """All comparisons of outcomes (`comparison.compare`); empty with one arm or without values."""
        return compare(self.study, self.study.outcomes, self.settings)

    def comparison(self) -> Finding:
        """All arms against each other in every outcome."""
        table, level = self._comparisons, self.settings.level
        if len(self.names) == 1:
            return self._nothing("comparison", "There is only one arm, so nothing is compared.")
        if table.empty:
            return self._nothing("comparison", "No outcome has a value in any arm, so nothing is compared.")
        verdict = claims.verdict(table, level)
        claim = self._comparison_claim(table, verdict)
        drawn = table[table.effect.notna()].assign(note=lambda rows: [claims.short(row) for _, row in rows.iterrows()])
        if drawn.empty:
            return self._found(Finding("comparison", claim, table=table))
        fig, ax = draw.tall_figure(len(drawn) + 2 * drawn.groupby(["arm", "other"]).ngroups, 9.2, 0.3)
        tested = table.p_adjusted.notna().sum()
        short = f"{table.is_significant.sum()} of {tested} differences are significant"
        draw.differences(drawn, ax, verdict if len(verdict) < 220 else short)
        caption = (
            f"Markers: Hedges' g of the same clients' differences, filled where p < {1 - level:.2g} after Holm's "
            f"correction for {tested} comparisons; bars: {claims.percent(level)} bootstrap intervals, not corrected; "
            f"n = {claims.counts(drawn.n)}. The sign of g is reversed for outcomes where lower is better (↓): right is "
            "always better for the first arm. Beside the bars: both means, corrected p."
        )
        if len(drawn) < len(table):
            caption += f" Not drawn: {len(table) - len(drawn)} comparisons without an effect size (too few clients, or "
            caption += "the same difference for every client)."
        return self._found(Finding("comparison", claim, caption, table, fig))

    def _comparison_claim(self, table: pd.DataFrame, verdict: str) -> str:
        """The verdict, the significant differences, the table of all, the judges."""
        measures = {measure.key: measure for measure in self.study.outcomes}
        significant = [row for _, row in table[table.is_significant].iterrows()]
        listed = (claims.comparison(row, measures[row.measure], self.settings.level) for row in significant)
        parts = [f"**{verdict}**", "\n".join(f"- {sentence}" for sentence in listed)]
        if self.study.scripted:
            parts.append("The clients are scripted: see the note on scripted clients in the first claim.")
        if len(shown := table[table.n > 0]):
            parts += [claims.COLUMNS, tables.markdown(tables.comparisons_table(shown))]
        return "\n\n".join(filter(None, [*parts, *self._judges()]))

    def _judges(self) -> list[str]:
        """How reliable the judges are, or that there are none; then the offline judge's ratings in their own table."""
        table = self.study.reliability(self.settings.seed)
        tables.write_table(self.run.folder / "tables", "reliability", table.reindex(columns=AGREEMENT))
        if len(table):
            told = "Agreement between the repeats of a judge (Krippendorff's alpha: 1 = perfect, 0 = chance):"
            parts = [f"{told}\n\n{tables.markdown(tables.reliability_table(table))}"]
        else:
            parts = ["No model has rated these sessions: all outcomes are counted from the transcripts."]
        if self.study.rehearsed:
            parts.append(f"{claims.REHEARSAL}\n\n{tables.markdown(tables.measures_table(self._rehearsal))}")
        return parts

    @cached_property
    def _rehearsal(self) -> pd.DataFrame:
        """The ratings of the offline judge by arm."""
        return by_arm(self.study, self.study.rehearsed, self.settings)[0]

    def finish(self) -> str:
        """Writes tables, `metrics.json` and galleries; returns the final tables as text, and the paths."""
        folder, (values, _), comparisons = self.run.folder / "tables", self._measures, self._comparisons
        printed = [tables.measures_table(values), tables.comparisons_table(comparisons)]
        for name, table in zip(("measures", "comparisons"), printed, strict=True):
            tables.write_table(folder, name, table)
        tables.write_table(folder, "arms", self.study.overview())
        tables.write_table(folder, "rehearsal", tables.measures_table(self._rehearsal))
        for name, metrics in self.study.metrics.items():
            write_text(folder / f"sessions-{name}.csv", csv_text(metrics.sessions))
            write_text(folder / f"turns-{name}.csv", csv_text(metrics.turns))
        facts = {
            "arms": {arm.name: {"counselor": arm.counselor, "variant": arm.variant} for arm in self.study.arms},
            "clients": len(self.study.shared),
            "caveats": self.study.caveats(),
            "claims": {name: finding.claim.replace("**", "") for name, finding in self.findings.items()},
            "measures": tables.plain(values),
            "comparisons": tables.plain(comparisons),
            "rehearsal": tables.plain(self._rehearsal),
        }
        write_json(self.run.folder / "metrics.json", facts)
        for arm in self.study.arms if self.settings.gallery else ():
            write_gallery(arm.folder)
        self.run.record("complete")
        told = [tables.text(table) for table in printed if len(table)]
        told += [claims.verdict(comparisons, self.settings.level)] if len(comparisons) else []
        told = told or [claims.NONE_COMPLETE]
        return "\n\n".join(filter(None, [*told, *self._written()]))

    def _written(self) -> list[str]:
        galleries = [arm.folder / "gallery.html" for arm in self.study.arms if self.settings.gallery]
        written = [self.run.folder / name for name in ("metrics.json", "tables", "figures")]
        return ["\n".join(map(display_path, [*written, *galleries]))]

    def _caption(self, markers: str, table: pd.DataFrame, points: pd.DataFrame) -> str:
        faint = "; faint: each client" if points.dropna().groupby("arm").size().max() < draw.FEW else ""
        bars = f"bars: {claims.percent(self.settings.level)} bootstrap intervals over clients"
        return f"{markers}; {bars if table.low.notna().any() else 'no intervals, as no two clients differ'}{faint}."


def _rehearse() -> list[Path]:
    from mirror.counseling.examples import (
        rehearse,  # loads torch and the pocket models, which no analysis of given runs needs
    )

    return rehearse()
