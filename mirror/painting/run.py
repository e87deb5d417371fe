"""A comparison of painters: its steps in order, and the run's folder. The API of `notebooks/paint.ipynb`."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import pandas as pd
from PIL import Image

from mirror.faces.verification import LocalVerifier
from mirror.figures import figure, png, save, speed_against_acceptance
from mirror.files.atomic import write_bytes, write_text
from mirror.files.csv_file import csv_text
from mirror.files.image_file import decode_picture
from mirror.models.device import resolve_device
from mirror.painting.attempts import AttemptFile, AttemptRecord, Place
from mirror.painting.casting import NamedPainter, build_filters, build_painters
from mirror.painting.report.comparison import compare
from mirror.painting.report.contact_sheet import Sheet, spread
from mirror.painting.report.distance import distances
from mirror.painting.report.recommendation import Recommendation, Rule, recommend
from mirror.painting.report.summary import likeness_table, speed_table, summary_text
from mirror.painting.settings import PaintSettings
from mirror.painting.sitting import Sitting, make_sittings
from mirror.painting.stopwatch import Stopwatch
from mirror.painting.studio import Studio
from mirror.paths import display_path, input_path
from mirror.run_folder import Run, RunConflict
from mirror.transcripts.profile import ProfileError, read_profiles

ROWS = 8  # of the contact sheet in the notebook; the sheets of single clients have all expressions
HARDWARE = "hardware"  # key of the provenance


class Painting:
    """One comparison.

    Attributes:
        settings: its parameters.
        run: the folder `results/<run>/`, with every attempt, its picture, the table and the figures.
    """

    def __init__(self, settings: PaintSettings) -> None:
        """Checks the run's folder. Writes nothing and loads no model; see `open`.

        Raises:
            RunConflict: the folder holds a comparison with other settings.
        """
        self.settings = settings
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())
        self.stopwatch = Stopwatch(resolve_device(settings.device))

    def open(self) -> Self:
        """Reads the table, loads the models, then opens the run's folder; with `fresh`, this removes an earlier run.

        Raises:
            ProfileError: the table cannot be used; all of its faults are named.
            PortraitUnusable: some portraits cannot be painted from.
            FileNotFoundError, ValueError: a model is not found, or is not what the settings say.
            RunConflict: the folder holds attempts of other weights, or measured on other hardware.
            FolderInUse: another process works in the folder.
        """
        if not self.settings.fresh:
            self._check_hardware()
            self.file.read()
        self.studio.check()  # what can fail comes first: a comparison that cannot begin removes nothing
        self.run.open()
        self.run.record("running", **{HARDWARE: self.stopwatch.hardware}, painters=self.facts())
        return self

    def _check_hardware(self) -> None:
        before = self.run.provenance.get(HARDWARE, self.stopwatch.hardware)
        if before != self.stopwatch.hardware:
            raise RunConflict(
                f"{display_path(self.run.folder)} was measured on {before}, and this is {self.stopwatch.hardware}: "
                "times would not compare; give this run another name (-p run NAME), or start over with -p fresh True"
            )

    @contextmanager
    def _working(self, work: str) -> Iterator[None]:
        with self.run.working(work):
            try:
                yield
            except BaseException as error:  # also Ctrl-C: the record says why a run ended, and it can be resumed
                self.run.record("stopped", reason=f"{type(error).__name__}: {error}")
                raise

    # The notebook -----------------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, dict[str, Any]]:
        """Models and recipe of each painter by name, and of the filters."""
        return {one.name: dict(one.facts()) for one in self.painters} | {"filters": self.verifier.facts()}

    def paint(self) -> pd.DataFrame:
        """Paints what is missing, compares, and writes tables, figures and the summary; one row per painter.

        Raises:
            VerificationError: the filters failed on a face. All other attempts are on disk, and the next start goes on.
        """
        _ = self.searches
        with self._working("comparing"):
            self._write()
        self.run.record("complete", recommended=self.recommendation.painter)
        return speed_table(self.table, self.settings.attempts, self.stopwatch.unit)

    def likeness(self) -> pd.DataFrame:
        """The scores of first attempts and both controls; one row per painter."""
        return likeness_table(self.table)

    def speed(self) -> Image.Image:
        """The figure of speed against acceptance."""
        return self._speed

    def contact_sheet(self) -> Image.Image:
        """Some clients with some expressions as all painters paint them."""
        return self._sheet(spread(self.sittings, ROWS))

    # Parts ------------------------------------------------------------------------------------------------------------

    @cached_property
    def sittings(self) -> list[Sitting]:
        """Every client with every expression."""
        s = self.settings
        profiles = read_profiles(input_path(s.table), input_path(s.portraits))[: s.clients or None]
        if len(profiles) < 2:
            raise ProfileError(
                input_path(s.table), ["a comparison needs two clients or more: one is the other's control"]
            )
        return make_sittings(profiles, s.cues, s.seed)

    @cached_property
    def verifier(self) -> LocalVerifier:
        """The filters."""
        return build_filters(self.settings)

    @cached_property
    def painters(self) -> list[NamedPainter]:
        """The painters; the first is the reference."""
        return build_painters(self.settings, self.verifier)

    @cached_property
    def file(self) -> AttemptFile:
        """The attempts on disk."""
        return AttemptFile(self.run.folder)

    @cached_property
    def studio(self) -> Studio:
        """Paints them."""
        return Studio(self.file, self.painters, self.verifier, self.sittings, self.settings.attempts, self.stopwatch)

    @cached_property
    def searches(self) -> dict[Place, list[AttemptRecord]]:
        """All attempts by painter, client and expression; paints what is missing."""
        with self._working("painting"):
            self.file.read()
            return self.studio.paint()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The numbers; see `mirror.painting.report.comparison.compare`."""
        evaluations = {one.name: int(one.facts()["evaluations"]) for one in self.painters}
        distance = distances(self.searches, next(iter(evaluations)), self.run.folder)
        return compare(self.searches, evaluations, distance, self.settings.seed, self.settings.level)

    @cached_property
    def recommendation(self) -> Recommendation:
        """The painter to take, and why."""
        s = self.settings
        rule = Rule(s.enough, s.identity_margin, s.most_strangers)
        return recommend(self.table, rule, s.attempts, self.stopwatch.unit)

    @cached_property
    def _speed(self) -> Image.Image:
        """Saves the figure and draws it for the notebook."""
        fig, ax = figure(8.6, 4.2)
        unit, s = self.stopwatch.unit, self.settings
        speed_against_acceptance(self.table, ax, self.recommendation.claim, s.attempts, unit, s.enough)
        save(fig, self.run.folder / "figures", "speed")
        return decode_picture(png(fig), "the figure")

    def _sheet(self, sittings: list[Sitting]) -> Image.Image:
        sheet = Sheet(list(self.settings.painters), sittings, self.searches, self.run.folder)
        return sheet.draw(self.settings.face_size)

    def _write(self) -> None:
        """Writes table, figures, sheets and summary."""
        folder = self.run.folder
        write_text(folder / "comparison.csv", csv_text(self.table))
        _ = self._speed
        write_bytes(folder / "figures/contact_sheet.png", _png(self.contact_sheet()))
        for client in dict.fromkeys(sitting.client for sitting in self.sittings):
            sheet = self._sheet([sitting for sitting in self.sittings if sitting.client == client])
            write_bytes(folder / f"figures/clients/{client}.png", _png(sheet))
        write_text(folder / "summary.md", summary_text(self.table, self.recommendation, self.settings, self.stopwatch))


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
