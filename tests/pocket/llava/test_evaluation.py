"""What the committed pocket LLaVA can do before fine-tuning, and the interval of a rate."""

import pytest

from mirror.models.families.vlm import generate
from pocket.drawing.faces import draw
from pocket.llava.evaluation import Rate, dialogue_loss, evaluate, general_loss
from pocket.pictures.strangers import Stranger
from pocket.seeds import stream
from pocket.texts.movements import describe_movements


@pytest.fixture(scope="module")
def scores(llava):
    return evaluate(llava, faces=60, seed=4)


@pytest.mark.slow
@pytest.mark.proof
def test_it_knows_general_english_but_not_the_dialogues(llava):
    assert general_loss(llava, 3) < 0.8 < 1.3 < dialogue_loss(llava, 3)


@pytest.mark.slow
@pytest.mark.proof
def test_it_sees_but_cannot_name_a_feeling(scores):
    """The tower's features tell the expressions apart, of people it never saw; the words are missing."""
    assert scores.probe.share > 0.95 and scores.degraded_probe.share > 0.9
    assert scores.captions.share <= 0.2 and scores.forced.share <= 0.2


def test_it_says_what_moves_in_a_face(llava):
    faces = [Stranger.from_seed(3, number, is_mixed=False) for number in range(24)]
    images = [draw(face.identity, face.expression, face.moment, 112) for face in faces]
    said = generate(llava, ["<image>\nWhat moves in the face?"] * len(faces), images, 64)
    random = stream("movements")
    wanted = []
    for face in faces:
        asked = ""
        while asked != "What moves in the face?":
            asked, answer = describe_movements(face.units, random)
        wanted.append(answer)
    assert sum(a == b for a, b in zip(said, wanted, strict=True)) >= 12


def test_the_exact_interval():
    rate = Rate(17, 20)
    low, high = rate.interval
    assert (round(low, 3), round(high, 3)) == (0.621, 0.968)  # Clopper and Pearson's, as tables have it
