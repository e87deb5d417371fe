"""Loads the painters of a comparison, those with the same weights once, and the filters that they share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from mirror.faces.casting import build_painter, build_verifier, recipe_of
from mirror.faces.photomaker import PaintRecipe, PaintRequest
from mirror.faces.verification import LocalVerifier
from mirror.models.device import resolve_device, resolve_dtype
from mirror.painting.settings import PaintSettings

if TYPE_CHECKING:
    from mirror.faces.photomaker.painter import PhotoMaker

NEVER = 1.0  # the share of the noise after which the portrait joins the prompt: all of it is painted from the text


@dataclass(frozen=True)
class NamedPainter:
    """A painter of the comparison.

    Attributes:
        name: as in the settings.
        model: its weights, which painters that differ in the recipe alone share.
        recipe: how it paints.
        batch: faces that it paints at a time.
    """

    name: str
    model: "PhotoMaker"
    recipe: PaintRecipe
    batch: int

    def paint(self, requests: list[PaintRequest]) -> list[Image.Image]:
        """One picture per request, in order."""
        self.model.recipe = self.recipe
        return self.model.paint(requests)

    def paint_without_person(self, requests: list[PaintRequest]) -> list[Image.Image]:
        """The same from the text alone."""
        self.model.recipe = replace(self.recipe, merge_at=NEVER)
        return self.model.paint(requests)

    def facts(self) -> Mapping[str, Any]:
        """Models and recipe, for the record of a run."""
        self.model.recipe = self.recipe
        return self.model.facts()


def build_filters(settings: PaintSettings) -> LocalVerifier:
    """The filters of counseling, in this process.

    Raises:
        FileNotFoundError: a model was not found.
        ValueError: a model is of another kind, or the pack has no threshold.
    """
    verifier = build_verifier(settings, resolve_device(settings.device))
    assert isinstance(verifier, LocalVerifier)  # the settings know no other
    return verifier


def build_painters(settings: PaintSettings, verifier: LocalVerifier) -> list[NamedPainter]:
    """The painters, in the order of the settings.

    Raises:
        FileNotFoundError: a model is not found locally or on the Hub.
        ValueError: a model is not what the settings say, or its parts do not fit together.
    """
    device = resolve_device(settings.device)
    dtype = resolve_dtype(settings.precision, device)
    models: dict[tuple[str | int, ...], PhotoMaker] = {}
    found = []
    for name in settings.painters:
        s = settings.of(name)
        weights = (s.painter, s.painter_revision, s.adapter, s.distilled, s.compile, s.paint_batch)
        if weights not in models:
            models[weights] = build_painter(s, device, dtype, verifier.identity.pack)
        found.append(NamedPainter(name, models[weights], recipe_of(s), s.paint_batch))
    return found
