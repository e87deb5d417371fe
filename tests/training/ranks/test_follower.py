"""A rank other than 0 writes nothing; whole trainings with followers are in test_fitting."""

import logging

import pytest

from mirror.training.ranks import Ranks, follower
from mirror.training.ranks.group import Dismissed
from tests.published_form import FORMS, write_set
from tests.training_parameters import PARAMETERS


class DismissedRanks(Ranks):
    """The second of two ranks, which finds that there is nothing to train."""

    number, count = 1, 2

    def connect(self):
        raise Dismissed


@pytest.fixture
def log_level():
    logger = logging.getLogger("mirror")
    yield logger
    logger.setLevel(logging.NOTSET)


def test_a_follower_loads_and_connects_and_leaves_no_file(tmp_path, monkeypatch, log_level):
    output = tmp_path / "output"
    monkeypatch.setenv("MIRROR_OUTPUT", str(output))
    data, images = write_set(tmp_path, "base", 3, FORMS["base"])
    values = PARAMETERS | {"data": str(data), "image_folder": str(images), "gpus": 2, "max_length": 1024}
    with pytest.raises(Dismissed):
        follower._train(DismissedRanks(), "cpu", values)
    assert not output.exists() and log_level.level == logging.ERROR


def test_a_follower_loads_onto_the_gpu_that_it_was_given(monkeypatch, log_level):
    asked = []

    def load(settings):
        asked.append(settings.device)
        raise Dismissed

    monkeypatch.setattr(follower, "load_base_model", load)
    values = PARAMETERS | {"data": "data.json", "image_folder": ".", "gpus": 4, "device": "cuda"}
    with pytest.raises(Dismissed):
        follower._train(DismissedRanks(), "cuda:1", values)
    assert asked == ["cuda:1"]
