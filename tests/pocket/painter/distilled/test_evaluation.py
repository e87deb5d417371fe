"""Comparison of painters: the same turns for each, and what differs is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mirror.files.digests import sha256
from pocket.painter import pack as painterpack
from pocket.painter.distilled import pack
from pocket.painter.distilled.card import distilled_card
from pocket.painter.distilled.distillation import FULL
from pocket.painter.distilled.evaluation import evaluate_distilled, identity_area, relevance_area
from pocket.painter.evaluation import make_requests
from pocket.painter.reader import Reader

TURNS, SEED = 4, 3


@pytest.fixture(scope="module")
def verifier():
    return painterpack.load_verifier()


@pytest.fixture(scope="module")
def scores(verifier):
    torch.manual_seed(0)
    fast, nobody = pack.load_distilled(), pack.load_distilled()
    nobody.recipe = replace(pack.fast_recipe(), merge_at=1.0)
    painters = {"fast": fast, "again": fast, "nobody": nobody}
    return evaluate_distilled(painters, verifier, Reader().eval(), TURNS, SEED, attempts=2)


@pytest.mark.slow
@pytest.mark.proof
def test_equal_painters_have_equal_scores(scores):
    one, other, _ = scores.values()
    assert replace(one, seconds=0) == replace(other, seconds=0)
    assert one.distance == 0 and one.evaluations == 2 and one.painter.turns == TURNS and one.painter.accepted == 1
    assert one.identity > 0.9 and one.relevance > 0.9


@pytest.mark.slow
@pytest.mark.proof
def test_who_paints_nobody_is_told(scores):
    one, _, nobody = scores.values()
    assert nobody.painter.accepted <= 1 / TURNS and nobody.identity < one.identity and nobody.distance > 10
    assert nobody.seconds > 2 * one.seconds  # all its attempts count for the few accepted faces


def test_perfect_and_reversed_faces_have_areas_of_1_and_0(verifier):
    requests = make_requests(TURNS, SEED)
    own = [request.portraits[0].convert("RGB") for request in requests]
    assert identity_area(verifier, requests, own) == 1
    assert identity_area(verifier, requests, [*own[1:], *own[:1]]) == 0
    assert 0 <= relevance_area(verifier, requests, own, SEED) <= 1
    blank = [Image.fromarray(np.zeros((112, 112, 3), np.uint8))] * TURNS
    assert identity_area(verifier, requests, blank) == 0.5


@pytest.mark.slow
@pytest.mark.proof
def test_the_card_has_a_row_for_each_painter(scores):
    card = distilled_card(pack.DISTILLED_FILE, FULL, 13, scores)
    rows = [line for line in card.splitlines() if line.startswith(("| painter", "| ---", *(f"| {n} " for n in scores)))]
    table = rows[-5:]
    assert {line.count("|") for line in table} == {14}
    assert max(map(len, (line for line in card.splitlines() if not line.startswith("|")))) <= 120


def test_the_committed_card_tells_of_the_committed_file():
    text = pack.CARD_FILE.read_text(encoding="utf-8")
    assert sha256(pack.DISTILLED_FILE) in text
    default, distilled = (
        next(line for line in text.splitlines() if line.startswith(f"| {name} |")) for name in ("default", "distilled")
    )
    seconds = [float(line.split("|")[-2]) for line in (default, distilled)]
    accepted, swapped, unmerged = (float(distilled.split("|")[place].strip(" %")) for place in (3, 7, 8))
    assert seconds[0] >= 2.5 * seconds[1] and accepted >= 97 and max(swapped, unmerged) <= 5
