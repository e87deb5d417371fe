"""Drawn faces: who is drawn, what is shown, and what may differ from one moment to the next."""

import itertools

import numpy as np

from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw, find_landmarks
from pocket.drawing.identities import Identity


def pixels(identity_seed, expression, seed=0, size=112):
    return np.asarray(draw(Identity.from_seed(identity_seed), EXPRESSIONS[expression], seed, size), dtype=float)


def test_the_same_seeds_draw_the_same_face_and_other_seeds_another():
    face = pixels(1, "sad")
    assert np.array_equal(face, pixels(1, "sad"))
    for other in (pixels(2, "sad"), pixels(1, "calm"), pixels(1, "sad", seed=1)):
        assert np.abs(face - other).mean() > 2


def test_size_is_a_matter_of_resolution_only():
    small, large = pixels(3, "calm"), pixels(3, "calm", size=224)
    assert large.shape == (224, 224, 3)
    assert np.abs(small - large.reshape(112, 2, 112, 2, 3).mean((1, 3))).mean() < 3


def test_two_persons_differ_more_than_two_moments_of_one_person():
    moments = [np.abs(pixels(p, "calm", 0) - pixels(p, "calm", 1)).mean() for p in range(4)]
    persons = [np.abs(pixels(a, "calm") - pixels(b, "calm")).mean() for a, b in itertools.combinations(range(4), 2)]
    assert np.mean(persons) > 1.5 * np.mean(moments)


def test_wide_eyes_and_teeth_show_white_where_closed_eyes_do_not():
    # Nothing but eyes and teeth is as bright as that on a dark skin; the light of the background is left out.
    dark = next(
        s for s in range(99) if sum(Identity.from_seed(s).skin) < 330 and Identity.from_seed(s).glasses == "none"
    )
    white = {e: (pixels(dark, e)[40:85, 36:76].min(-1) > 215).sum() for e in ("surprised", "anxious", "sad", "tired")}
    assert min(white["surprised"], white["anxious"]) > 2 * max(white["sad"], white["tired"])


def test_tears_are_blue_and_only_the_tearful_have_them():
    people = ((seed, Identity.from_seed(seed)) for seed in range(99))
    brown_eyed = next(seed for seed, who in people if who.iris[0] > who.iris[2] and who.glasses == "none")

    def blue(expression):
        face = pixels(brown_eyed, expression)[45:90, 30:82]
        return (face[..., 2] - face[..., 0] > 25).sum()

    assert blue("tearful") > 20
    assert max(blue(e) for e in EXPRESSIONS if e != "tearful") == 0


def test_the_points_lie_on_what_was_drawn():
    # A surprised face looks straight ahead with wide eyes and an open mouth: the pupils are the darkest there is.
    for seed in (seed for seed in range(12) if Identity.from_seed(seed).glasses == "none"):
        who, expression = Identity.from_seed(seed), EXPRESSIONS["surprised"]
        image = np.asarray(draw(who, expression, seed, 224)).astype(int)
        where = find_landmarks(who, expression, seed, 224)
        for x, y in where.points[:2].round().astype(int):
            assert image[y - 3 : y + 4, x - 3 : x + 4].sum(-1).min() < 140
        left, top, right, bottom = where.box
        assert all(left < x < right and top < y < bottom for x, y in where.points)
        mouth = where.points[3:].mean(0).round().astype(int)
        assert not np.allclose(image[mouth[1] + 8, mouth[0]], who.skin, atol=20)
