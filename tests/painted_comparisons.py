"""Painters and filters that work at once and depend on nothing but the request, and comparisons made with them."""

import hashlib
from collections import Counter
from types import SimpleNamespace

from PIL import Image

from mirror.faces.photomaker import PaintRecipe
from mirror.painting import run as painting_run
from mirror.painting.casting import NamedPainter
from mirror.painting.settings import PaintSettings
from mirror.transcripts.verdict import Check, Verdict
from tests import ROOT

POCKET = ROOT / "params/paint/pocket.yaml"
PAINTERS = {"slow": {}, "fast": {"steps": 2}}
SCORE = 64  # pixels of a picture whose first byte is its score


def settings(check_files=False, **changes):
    return PaintSettings.from_file(POCKET, check_files, **changes)


def small_settings(**changes):
    """Three clients with two expressions, for two painters."""
    small = {"painters": PAINTERS, "clients": 3, "expressions": "sad, relieved", "run": "small", "attempts": 3}
    return settings(**small | changes)


class Model:
    """Paints seed, prompt and recipe into the picture; counts what it painted."""

    batch_sizes = (1, 2, 4, 8)

    def __init__(self, unusable=()):
        self.recipe, self.unusable = PaintRecipe(steps=6), unusable
        self.painted, self.batches = Counter(), []

    def facts(self):
        recipe = self.recipe
        return {"base_model": "fast", "device": "cpu", "steps": recipe.steps, "evaluations": 2 * recipe.steps}

    def check(self, request):
        if request.portraits[0].getpixel((0, 0)) in self.unusable:
            raise ValueError("unpaintable")

    def paint(self, requests):
        self.batches.append(len(requests))
        self.painted.update((self.recipe.steps, request.seed, self.recipe.merge_at == 1) for request in requests)
        return [self._image(request) for request in requests]

    def _image(self, request):
        told = f"{request.seed}{request.prompt}{self.recipe.steps}{self.recipe.merge_at}"
        return Image.frombytes("RGB", (8, 8), hashlib.shake_128(told.encode()).digest(3 * SCORE))


class Filters:
    """Decides by the picture alone: of 16 faces `accepted` are accepted, and two of the others are unsafe."""

    def __init__(self, accepted=8, broken=()):
        self.accepted, self.broken = accepted, broken
        self.safety = self.relevance = SimpleNamespace(check=self._check)
        pack = SimpleNamespace(portrait=lambda picture: (picture,))
        self.identity = SimpleNamespace(check=self._check, pack=pack, threshold=0.5)

    def facts(self):
        return {"accepted": self.accepted}

    def _check(self, requests):
        return [SimpleNamespace(check=check("same_person", score_of(one.image))) for one in requests]

    def verify(self, requests):
        return [self._verdict(request.image) for request in requests]

    def _verdict(self, image):
        place = image.getpixel((1, 0))[0] % 16
        if place < self.accepted:
            return Verdict(outcome="accepted", checks=(check("same_person", score_of(image)),))
        return Verdict(outcome="unsafe" if place > 13 else "another_person", checks=())


def score_of(image):
    return image.getpixel((0, 0))[0] / 255


def check(name, score):
    return Check(name=name, passed=score >= 0.5, score=score, threshold=0.5, model="fast")


def use_fast_members(monkeypatch, model=None, filters=None):
    """Puts fast members in the place of those that `mirror.painting.run` loads; returns the model of all painters."""
    model, filters = model or Model(), filters or Filters()

    def painters(given, _):
        return [NamedPainter(name, model, recipe(given.of(name)), given.paint_batch) for name in given.painters]

    monkeypatch.setattr(painting_run, "build_filters", lambda _: filters)
    monkeypatch.setattr(painting_run, "build_painters", painters)
    return model


def recipe(given):
    return PaintRecipe(steps=given.steps, guidance_scale=1.5)


def painted_by(studio):
    """All attempts that a studio paints, in their order."""
    return [record for search in studio.paint().values() for record in search]


def comparable(records):
    """Attempts without what differs from run to run."""
    return [record.model_dump(exclude={"seconds"}) for record in records]
