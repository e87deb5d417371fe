"""A build of a training set: its steps in order, and the run's folder. The API of `notebooks/build.ipynb`.

Each step is a cached property that takes what the step before kept: `read`, `written`, `filtered`, `matched`,
`painted`, `sifted`. The notebook's methods run steps and show what they did.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import pandas as pd

from mirror.building.card_facts import card_facts
from mirror.building.casting import FaceTools, build_attributes, build_face_tools, build_risk_reader, build_writer
from mirror.building.dropped import Dropped, Sifted, count_reasons, kept_and_dropped
from mirror.building.estimate import estimate
from mirror.building.pictures import Pictures, ablation
from mirror.building.portraits.matching import Matched, match_portraits
from mirror.building.portraits.table import Portraits, read_portraits
from mirror.building.screenplays import Screenplay
from mirror.building.screenplays.columns import parse_columns
from mirror.building.screenplays.filters import filter_texts
from mirror.building.screenplays.own_runs import read_runs
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.building.screenplays.table import read_clients, read_screenplays
from mirror.building.screenplays.writing import Writer
from mirror.building.settings import STAGES, BuildSettings, Stage
from mirror.building.studio import open_studio
from mirror.building.training_set.client_table import sift_clients
from mirror.building.training_set.folder import write_set
from mirror.building.training_set.hub_folder import hub_card, push_folder, require_parquet, write_hub_folder
from mirror.building.training_set.records import sift_screenplays
from mirror.chat.prices import parse_prices
from mirror.faces.attributes import FaceAttributes
from mirror.paths import display_path, input_path
from mirror.run_folder import Run, RunConflict


class Building:
    """One build.

    Attributes:
        settings: its parameters.
        run: the folder `results/<run>/`, with everything that was written or painted.
        face_facts: what describer, painter and verifier report about themselves, by role; empty before they are used.
    """

    def __init__(self, settings: BuildSettings) -> None:
        """Checks the run's folder. Writes nothing and reads no table; see `open`.

        Raises:
            RunConflict: the folder holds a build with other settings.
        """
        self.settings = settings
        self.face_facts: Mapping[str, Mapping[str, Any]] = {}
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())

    @property
    def is_share(self) -> bool:
        """Whether this process paints a share of the pictures of a build that another process began."""
        return self.settings.share[1] > 1

    def open(self) -> Self:
        """Reads the tables, then opens the run's folder; with `fresh`, this removes an earlier build.

        Raises:
            ValueError: a table cannot be used; all of its faults are named.
            RunConflict: the folder holds a build with other settings, or this is a share of a build that has not begun.
            FolderInUse: another process works in the folder.
        """
        _ = self.read, self.test_clients  # what can fail comes first: a build that cannot begin removes nothing
        if not self.is_share:
            self.run.open()
            self.run.record("running")
        elif "portraits" not in self.run.provenance.get("stages", ()):
            raise RunConflict(
                f"{display_path(self.run.folder)} has no portraits yet, and a share only paints; start the build once "
                "without a share: -p stop_after portraits"
            )
        return self

    # The notebook -----------------------------------------------------------------------------------------------------

    def estimate(self) -> pd.DataFrame:
        """What the build will take, one row per quantity; asks and paints nothing."""
        s = self.settings
        price, texts = parse_prices(s.prices).get(s.writer_model), self.read.kept
        return estimate(s, texts, self.writer.estimate(texts, s.kinds, price) if s.source == "profiles" else None)

    def texts(self) -> pd.DataFrame:
        """Reads (or has written) and filters the screenplays; one row per reason for which some were left out.

        Raises:
            WritingStopped: the endpoint gives no more answers. What it gave is on disk.
            BatchPending: files wait for the vendor's batch service.
        """
        if not self.settings.goes_on_to("texts"):
            return self._not_reached()
        with self._working("texts"):
            steps = (self.read, self.written, self.filtered)
        return kept_and_dropped(len(self.filtered.kept), [one for step in steps for one in step.dropped])

    def portraits(self) -> Sequence[Screenplay]:
        """Reads the portraits and gives each client one; the clients of the training set, then those of the test.

        Raises:
            PortraitTableError: a table of portraits cannot be used.
        """
        if not self.settings.goes_on_to("portraits"):
            return ()
        with self._working("portraits"):
            return (*self.matched.training.kept, *self.matched.test.kept)

    def pictures(self) -> pd.DataFrame:
        """Paints the pictures; one row per number of attempts: how many dialogues survive that many.

        Raises:
            PicturesMissing: a service or a filter failed. What was painted is on disk.
        """
        if not self.settings.goes_on_to("pictures"):
            return self._not_reached()
        with self._working("pictures"):
            _ = self.painted
        return ablation(self.run.folder / "pictures")

    def shown(self, most: int = 4) -> Sequence[Screenplay]:
        """The first dialogues with their pictures; none if the build ends before."""
        return self.painted.kept[:most] if self.settings.goes_on_to("pictures") else ()

    def write(self) -> pd.DataFrame:
        """Writes the set, reads it again and checks it; one row per file and kind of record.

        Raises:
            SetError: the set has faults, or another set is in its folder.
        """
        if not self.settings.goes_on_to("set"):
            if not self.is_share:
                has_set = "set" in self.run.provenance.get("stages", ())  # of an earlier start
                ended = "complete" if has_set else "stopped"
                self.run.record(ended, reason=f"after {self.settings.stop_after}, as stop_after says")
            return self._not_reached()
        with self._working("set"):
            checked = self._write()
        self.run.record("complete", set=display_path(self.settings.set_folder), dropped=len(self.dropped))
        return checked

    def left_out(self) -> pd.DataFrame:
        """How much each step left out, one row per step and reason."""
        return count_reasons(self.dropped)

    def _not_reached(self) -> pd.DataFrame:
        s = self.settings
        return pd.DataFrame({"not done": [f"the build ends before (stop_after {s.stop_after}, shard {s.shard})"]})

    @contextmanager
    def _working(self, stage: Stage) -> Iterator[None]:
        """Holds the folder while a stage works, then records that it is done; a share holds single dialogues only."""
        if self.is_share:
            yield
            return
        with self.run.working(f"building the {stage}"):
            try:
                yield
            except BaseException as error:  # also Ctrl-C: the record says why a build ended, and it can be resumed
                self.run.record("stopped", reason=f"{type(error).__name__}: {error}")
                raise
            done = [one for one in STAGES if STAGES.index(one) <= STAGES.index(stage)]
            self.run.record("running", stages=done)

    # Texts ------------------------------------------------------------------------------------------------------------

    @cached_property
    def read(self) -> Sifted[Screenplay]:
        """The screenplays of the source; of profiles, the clients without lines."""
        s = self.settings
        if s.source == "runs":
            return read_runs(s.runs, s.accept)
        columns, table = parse_columns(s.columns), input_path(s.table)
        if s.source == "profiles":
            found = read_clients(table, columns, s.on_not_found, needs_plan=True)
        else:
            found = read_screenplays(table, columns, s.on_not_found, s.on_same_speaker, needs_plan=True)
        return Sifted(found.kept[: s.dialogues or None], found.dropped)

    @cached_property
    def writer(self) -> Writer:
        """Writes screenplays for profiles, and knows what has been written."""
        return build_writer(self.settings, self.run.folder)

    @cached_property
    def written(self) -> Sifted[Screenplay]:
        """The screenplays, written by a chat model where there were none."""
        if self.settings.source != "profiles":
            return Sifted(self.read.kept, ())  # what was left out of them is named by `read`
        write = self.writer.write_in_batches if self.settings.writing == "batch" else self.writer.write
        return write(self.read.kept, self.settings.kinds)

    @cached_property
    def filtered(self) -> Sifted[Screenplay]:
        """The screenplays that all filters of texts let pass."""
        s = self.settings
        tagger = load_tagger(s.parts_of_speech) if s.equal_parts_of_speech else None
        risk, journal = build_risk_reader(s), self.run.folder / "texts.jsonl"
        return filter_texts(self.written.kept, s.text_rules, tagger, risk, journal)

    # Portraits --------------------------------------------------------------------------------------------------------

    @cached_property
    def test_clients(self) -> Sifted[Screenplay]:
        """The clients of the test table; none without one."""
        s = self.settings
        if not s.test_table:
            return Sifted((), ())
        found = read_clients(input_path(s.test_table), parse_columns(s.columns), s.on_not_found)
        left_out = tuple(replace(one, what=one.what.replace("dialogue", "test client")) for one in found.dropped)
        return Sifted(found.kept[: s.test_clients or None], left_out)

    @cached_property
    def attributes(self) -> FaceAttributes:
        """Reads gender and age of faces."""
        return build_attributes(self.settings)

    @cached_property
    def portraits_read(self) -> Portraits:
        """One portrait of each person; none are read if sessions alone are there, which have theirs."""
        if not (s := self.settings).reads_portraits:
            return Portraits((), (), {})
        clients = [one for one in (*self.filtered.kept, *self.test_clients.kept) if one.portrait is None]
        return read_portraits(
            s.portrait_tables,
            input_path(s.portraits),
            s.read_portrait_columns(),
            self.attributes,
            self.run.folder / "portraits.jsonl",
            named=[client.person for client in clients],
            most=s.most_portraits(len(clients)),
            seed=s.seed,
        )

    @cached_property
    def matched(self) -> Matched:
        """Every client with a portrait, those of sessions that have one already included."""
        s = self.settings
        return match_portraits(
            self.filtered.kept, self.test_clients.kept, self.portraits_read, s.seed, s.portrait_age_gap, s.persons
        )

    # Pictures and records ---------------------------------------------------------------------------------------------

    @cached_property
    def tools(self) -> FaceTools:
        """Describer, painter and verifier; loads the models when first used."""
        return build_face_tools(self.settings, self.attributes)

    @cached_property
    def painted(self) -> Sifted[Screenplay]:
        """The dialogues with a picture of every client line that is answered; of a share, its own dialogues."""
        s, kept = self.settings, self.matched.training.kept
        if not s.paints:
            return Sifted(kept, ())
        with closing(open_studio(s, lambda: self.tools, len(kept))) as studio:
            self.face_facts, folder = studio.facts, self.run.folder / "pictures"
            return Pictures(folder, studio, s.seed, s.attempts, s.on_exhaustion, s.share).make(kept)

    @cached_property
    def sifted(self) -> tuple[Sifted[Screenplay], Sifted[Screenplay]]:
        """The dialogues that become records, and the clients of the test table that can be counseled."""
        records = sift_screenplays(self.painted.kept, self.settings.record_options())
        return records, sift_clients(self.matched.test.kept)

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What all steps that the build reaches left out, each fault once."""
        reaches = self.settings.goes_on_to
        steps: list[Sifted[Any]] = [self.read, self.test_clients]
        steps += [self.written, self.filtered] if reaches("texts") else []
        steps += [self.portraits_read, self.matched.training, self.matched.test] if reaches("portraits") else []
        steps += [self.painted] if reaches("pictures") else []
        steps += self.sifted if reaches("set") else []
        return tuple(one for step in steps for one in step.dropped)

    def _write(self) -> pd.DataFrame:
        """Writes and checks the set, and whatever else it is wanted as."""
        s = self.settings
        if s.parquet:
            require_parquet()
        records, clients = self.sifted
        options = s.record_options()
        card = card_facts(s, self.face_facts, self.writer if s.source == "profiles" else None)
        checked = write_set(s.set_folder, records.kept, clients.kept, options, s.run, self.dropped, card, s.fresh)
        published = s.set_folder
        if s.parquet:
            published = s.set_folder.with_name(f"{s.set_folder.name}-parquet")
            write_hub_folder(s.set_folder, published, hub_card(s.set_folder, card, self.dropped))
        if s.push:
            push_folder(published, s.push)
        return checked
