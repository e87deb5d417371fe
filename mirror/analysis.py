"""The analysis of a study: from runs to findings, each a claim with its table and figure. Loads no model.

A session is one value of a measure; arms are compared on the clients that both have (`mirror.statistics`), and all
comparisons of outcomes are corrected together. What `notebooks/analyse.ipynb` calls.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mirror import claims, tables
from mirror.arm import Arm
from mirror.comparison import by_arm, compare, compare_halves
from mirror.figures import arms as draw
from mirror.figures import figure
from mirror.finding import Finding
from mirror.gallery import write_gallery
from mirror.instrument import read_instrument, shipped
from mirror.metrics import halves
from mirror.run import display_path, write_json, write_text
from mirror.run_folder import Run, read_provenance
from mirror.settings import AnalyseSettings
from mirror.settings.analyse import named
from mirror.statistics import estimate, proportion
from mirror.study import Study

BAND = 1000  # resamples of a turn's interval, of which a figure has many
QUANTITIES = {  # over turns: what it is, the axis, and the unit
    "identity": ("The likeness of face and portrait", "cosine of face and portrait\n(higher: more alike)", "cosine"),
    "relevance": ("The fit of face and cue", "cosine of face and cue\n(higher: shows it more)", "cosine"),
    "resistant": ("Resistance", "share of clients who show\nresistance (less is better)", "share"),
}


class Analysis:
    """A study's run: `results/<run>/` with findings, tables and `metrics.json`."""

    def __init__(self, settings: AnalyseSettings) -> None:
        """Reads all transcripts and ratings; counsels two tiny runs first where no runs are named.

        Raises:
            StudyError: the arms cannot be compared.
            TranscriptError, RatingsError: a file is damaged.
            RunConflict: the folder holds another analysis.
        """
        self.settings = settings
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh)
        instruments = [read_instrument(name) for name in (*shipped(), *named(settings.instruments))]
        self.study = Study([Arm.read(folder) for folder in settings.folders or _rehearse()], instruments)
        self.names = [arm.name for arm in self.study.arms]
        codes = {arm.name: read_provenance(arm.folder).get("code") for arm in self.study.arms}
        self.run.open()
        self.run.record("running", runs=codes, clients=len(self.study.clients))
        self.findings: dict[str, Finding] = {}

    def _found(self, finding: Finding) -> Finding:
        self.findings[finding.name] = finding.save(self.run.folder)
        return finding

    def arms(self) -> Finding:
        """What is compared, on how many clients, and what to beware of."""
        clients = f"{len(self.study.clients)} clients"
        claim = (
            f"**{len(self.names)} arms are compared on {clients} that all of them have: {claims.joined(self.names)}.**"
        )
        if len(self.names) == 1:
            claim = f"**One arm is described, on {clients}: {self.names[0]}. There is none to compare it with.**"
        alone = ", and the arms differ in the counselor alone" if len(self.names) > 1 else ""
        cautions = self.study.cautions() or [f"All sessions are complete{alone}."]
        listed = "\n".join(f"- {tables.literal(caution)}" for caution in cautions)
        overview = self.study.overview()
        return self._found(Finding("arms", f"{claim}\n\n{listed}\n\n{tables.markdown(overview)}", table=overview))

    # Were the faces faithful? -----------------------------------------------------------------------------------------

    def faces(self) -> Finding:
        """How often a painted face passed the filter."""
        measures = [measure for measure in self.study.descriptive if measure.key in ("accepted_first", "accepted")]
        if not measures:
            return self._found(Finding("faces", "**No face was painted.**"))
        table, points = by_arm(self.study, measures, self.settings)
        first, at_all = (table[table.key == measure.key].set_index("arm")["mean"] for measure in measures)
        tries = {name: self.study.metrics[name].turns.attempts.mean() for name in self.names}
        title = f"{claims.share_word(first)} faces are accepted at the first attempt".strip().capitalize()
        title += f": {claims.spread(first, 'share')}"
        claim = f"**{title}.** Within all attempts: {claims.spread(at_all, 'share')}. Attempts a "
        claim += f"face: {claims.spread(tries, 'number')}. Where none is accepted, the best is shown."
        fig, ax = draw.tall_figure(len(table) + len(measures))
        draw.side_by_side(table, points, ax, title, "share of a client's faces (more is better)")
        return self._found(Finding("faces", claim, self._caption("Marks: means over clients", points), table, fig))

    def captions(self) -> Finding:
        """Whether the counselor's caption names what the cue shows."""
        measures = [measure for measure in self.study.descriptive if measure.key == "caption_agrees"]
        if not measures:
            claim = (
                "**No caption can be held against a cue:** no arm captions the face in words that the lexicon knows."
            )
            return self._found(Finding("captions", claim))
        table, points = by_arm(self.study, measures, self.settings)
        table = table[table.n > 0].reset_index(drop=True).assign(chance=lambda rows: rows.arm.map(self._chance))
        shares, chance = table.set_index("arm")["mean"], table.set_index("arm").chance
        title = f"Captions name a feeling of the cue: {claims.spread(shares, 'share')}"
        claim = f"**{title}.** Dealt to the cues of the same arm at random, captions would do so: "
        claim += f"{claims.spread(chance, 'share')}. Left out, since the lexicon finds no feeling in caption or cue: "
        claim += f"{self._unread(table.arm)}."
        fig, ax = draw.tall_figure(len(table) + 1)
        draw.side_by_side(table, points, ax, title, "share of a client's captions (more is better)")
        caption = self._caption("Marks: means over clients, upright lines: what chance would give", points)
        return self._found(Finding("captions", claim, caption, table, fig))

    def _chance(self, arm: str) -> float:
        """How often captions and cues of an arm would agree if every caption met every cue."""
        turns = self.study.metrics[arm].turns
        both = turns[turns.caption_agrees.notna()]
        said, shown = (
            both[name].map(lambda names: frozenset(names.split(", "))).value_counts()
            for name in ("caption_feelings", "feelings")
        )
        met = sum(a * b for one, a in said.items() for other, b in shown.items() if one & other)
        return met / len(both) ** 2 if len(both) else np.nan

    def _unread(self, arms: Sequence[str]) -> str:
        told = []
        for name in arms:
            turns = self.study.metrics[name].turns
            captions = turns[turns.caption_feelings.notna()]
            told.append(f"{captions.caption_agrees.isna().sum():,} of {len(captions):,} in {name}")
        return claims.joined(told)

    # What did the counselors do, and how did it move? -----------------------------------------------------------------

    def counselors(self) -> Finding:
        """What the replies are to the client."""
        counts = {name: self.study.metrics[name].turns.reaction.value_counts() for name in self.names}
        rows = [
            {"arm": name, "reaction": kind, "share": count / found.sum(), "replies": int(found.sum())}
            for name, found in counts.items()
            for kind, count in found.items()
        ]
        if not rows:
            return self._found(Finding("counselors", "**No counselor has replied.**"))
        table = pd.DataFrame(rows)
        naming = {name: found.get("named", 0) / max(found.sum(), 1) for name, found in counts.items()}
        title = f"Replies name the feeling that shows: {claims.spread(naming, 'share')}"
        words = {kind: label for kind, (label, _) in draw.REACTIONS.items() if kind != "named"}
        claim = f"**{title}.** Of all replies, {claims.reactions(table, words)}."
        fig, ax = draw.tall_figure(len(counts) + 2, row=0.4)
        draw.reactions(table, ax, title)
        caption = (
            "All replies of all sessions, each counted once, by the rules that scripted clients react by. Feelings "
        )
        caption += "are read by a lexicon, which sees words and not what they mean."
        return self._found(Finding("counselors", claim, caption, table, fig))

    def over_turns(self, key: str) -> Finding:
        """How `identity`, `relevance` or what is `resistant` moves from turn to turn, and from half to half."""
        subject, quantity, unit = QUANTITIES[key]
        rows = [
            {"arm": arm.name, "variant": arm.variant, "turn": turn} | self._of_turn(values.astype(float), unit)
            for arm in self.study.arms
            for turn, values in self.study.metrics[arm.name].turns.groupby("turn")[key]
            if values.notna().any()
        ]
        if not rows:
            return self._found(Finding(key, f"**{subject} was not measured in any turn.**"))
        table = pd.DataFrame(rows)
        within = {name: halves(self.study.metrics[name].turns, key) for name in dict.fromkeys(table.arm)}
        changes = compare_halves(within, unit, self.settings)
        title = claims.moved(subject, changes, self.settings.level)
        told = "; ".join(
            f"in {row.run} it {claims.change(row, unit, self.settings.level)}" for _, row in changes.iterrows()
        )
        ends = {arm: (n.iloc[0], n.iloc[-1]) for arm, n in table.groupby("arm", sort=False).n}
        claim = f"**{title}.** From the first to the second half of the same sessions, {told}. "
        claim += f"Clients with a value: {(n := claims.falling(ends))}."
        fig, ax = figure(7.6, 4)
        draw.over_turns(table, self._points(key), ax, title, quantity, unit == "share")
        kind = "Wilson" if unit == "share" else "bootstrap over clients"
        few = "; faint: each client" if unit != "share" and table.n.max() < draw.FEW else ""
        caption = (
            f"Marks: means over the clients who have this turn; bars: {claims.percent(self.settings.level)} intervals "
        )
        caption += (
            f"of each turn by itself ({kind}){few}. n = {n}. Halves are compared within clients, p corrected over arms."
        )
        return self._found(Finding(key, claim, caption, table, fig))

    def _points(self, key: str) -> pd.DataFrame:
        found = [
            self.study.metrics[name].turns[["turn", key]].assign(arm=name).rename(columns={key: "value"})
            for name in self.names
        ]
        return pd.concat(found, ignore_index=True).astype({"value": float})

    def _of_turn(self, values: pd.Series, unit: str) -> dict[str, Any]:
        level, known = self.settings.level, values.dropna()
        if unit == "share":
            return proportion(int(known.sum()), len(known), len(values) - len(known), level)._asdict()
        return estimate(values, self.settings.seed, BAND, level)._asdict()

    # Which arm is better, and how sure is it? -------------------------------------------------------------------------

    def comparison(self) -> Finding:
        """All arms against each other in every outcome."""
        measures = {measure.key: measure for measure in self.study.outcomes}
        table = compare(self.study, list(measures.values()), self.settings)
        if table.empty:
            return self._found(Finding("comparison", "**There is one arm, so none is better.**"))
        level, told = self.settings.level, claims.verdict(table, self.settings.level)
        seen = [
            claims.comparison(row, measures[row.measure], level) for _, row in table[table.is_significant].iterrows()
        ]
        listed = "".join(f"\n- {sentence}" for sentence in seen)
        claim = f"**{told}**\n{listed}\n\n{claims.COLUMNS}\n\n{tables.markdown(tables.comparisons_table(table))}"
        claim += f"\n\n{self._judges()}"
        drawn = table[table.scaled.notna()].assign(told=lambda rows: [claims.short(row) for _, row in rows.iterrows()])
        if drawn.empty:
            return self._found(Finding("comparison", claim, table=table))
        fig, ax = draw.tall_figure(len(drawn) + 2 * drawn.groupby(["arm", "other"]).ngroups, 9.2, 0.3)
        title = told if len(told) < 220 else f"{drawn.is_significant.sum()} of {len(drawn)} differences are significant"
        draw.differences(drawn, ax, title)
        caption = (
            f"Marks: mean differences of the same clients, filled where p < {1 - level:.2g} after Holm's correction "
        )
        caption += f"for {len(table)} comparisons; bars: {claims.percent(level)} bootstrap intervals, not corrected. "
        n = claims.counts(table.n)
        caption += (
            f"n = {n} clients. Beside the bars: both means, corrected p. Left out: outcomes in which all clients "
        )
        caption += "differ alike."
        return self._found(Finding("comparison", claim, caption, table, fig))

    def _judges(self) -> str:
        """How far the judges can be relied on, or that there are none."""
        table = self.study.reliability(self.settings.seed)
        if table.empty:
            return "No judge has rated these sessions: all outcomes are counted from the transcripts."
        tables.write_table(self.run.folder / "tables", "reliability", table)
        told = "How far the repeats of a judge agree (Krippendorff's alpha: 1 wholly, 0 as by chance):"
        return f"{told}\n\n{tables.markdown(tables.reliability_table(table))}"

    def finish(self) -> str:
        """Writes the tables, `metrics.json` and the galleries; gives the final tables as text, and where all lies."""
        folder, outcomes = self.run.folder / "tables", self.study.outcomes
        values, _ = by_arm(self.study, [*outcomes, *self.study.descriptive], self.settings)
        comparisons = compare(self.study, outcomes, self.settings)
        printed = [tables.measures_table(values)]
        tables.write_table(folder, "arms", self.study.overview())
        tables.write_table(folder, "measures", printed[0])
        if len(comparisons):
            printed.append(tables.comparisons_table(comparisons))
            tables.write_table(folder, "comparisons", printed[1])
        for name, metrics in self.study.metrics.items():
            write_text(folder / f"sessions-{name}.csv", metrics.sessions.to_csv(index=False))
            write_text(folder / f"turns-{name}.csv", metrics.turns.to_csv(index=False))
        facts = {
            "arms": {arm.name: {"counselor": arm.counselor, "variant": arm.variant} for arm in self.study.arms},
            "clients": len(self.study.clients),
            "cautions": self.study.cautions(),
            "claims": {name: finding.claim.replace("**", "") for name, finding in self.findings.items()},
            "measures": tables.plain(values),
            "comparisons": tables.plain(comparisons),
        }
        write_json(self.run.folder / "metrics.json", facts)
        for arm in self.study.arms if self.settings.gallery else ():
            write_gallery(arm.folder)
        self.run.record("complete")
        told = claims.verdict(comparisons, self.settings.level) if len(comparisons) else ""
        return "\n\n".join(filter(None, [*map(tables.text, printed), told, *self._written()]))

    def _written(self) -> list[str]:
        galleries = [arm.folder / "gallery.html" for arm in self.study.arms if self.settings.gallery]
        names = ("metrics.json", "tables", "figures")
        return ["\n".join(display_path(path) for path in (*(self.run.folder / name for name in names), *galleries))]

    def _caption(self, marks: str, points: pd.DataFrame) -> str:
        n = points.dropna().groupby("arm").size().max()
        faint = "; faint: each client" if n < draw.FEW else ""
        return f"{marks}, bars: {claims.percent(self.settings.level)} bootstrap intervals over clients{faint}."


def _rehearse() -> list[Path]:
    from mirror.rehearsal import rehearse  # loads torch and the pocket models, which no analysis of given runs needs

    return rehearse()
