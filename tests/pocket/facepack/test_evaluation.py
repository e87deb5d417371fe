"""The evaluation of a face pack refuses a pack that finds no faces."""

from dataclasses import replace

import pytest

from pocket.facepack.evaluation import (
    evaluate,
)
from pocket.facepack.pack import FacepackBudget, train_facepack

TINY = FacepackBudget(persons=3, moments=2, backgrounds=3, detector_steps=2, recognizer_steps=2, attributes_steps=2)


@pytest.mark.slow
def test_a_pack_that_finds_no_faces_is_refused_by_the_evaluation(tmp_path):
    train_facepack(tmp_path, 1, replace(TINY, detector_steps=1, recognizer_steps=1, attributes_steps=1))
    with pytest.raises(ValueError, match="train for longer"):
        evaluate(tmp_path, persons=2, scenes=4, seed=1)
