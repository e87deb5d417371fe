"""Whole trainings by several ranks, against those of one process."""

import pandas as pd
import pytest

from mirror.models.checkpoint import intermediates
from mirror.training.ranks.fitting import final_checkpoint
from mirror.training.ranks.watch import RankFailed
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.training.step import Stepper
from tests.forked_ranks import distance, run_ranks, train, weights
from tests.published_form import FORMS, write_set
from tests.training_parameters import PARAMETERS

ROUNDING = 1e-6


@pytest.fixture(scope="module")
def parameters(tmp_path_factory):
    """Small trainings whose batches of at most 3 leave one of 4 ranks without an example."""
    folder = tmp_path_factory.mktemp("data")
    data, images = write_set(folder, "base", 6, FORMS["base"])
    own = {"data": str(data), "image_folder": str(images), "batch_size": 3, "epochs": 1, "held_out": 0.2}
    return PARAMETERS | own | {"max_length": 1024, "learning_rate": 1e-3, "lora_dropout": 0.0, "show": 1}


@pytest.fixture(scope="module")
def alone(parameters, tmp_path_factory):
    """The folder of a training by one process."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(folder))
        Training.open(TrainSettings.checked(parameters, "parameter")).fit()
    return folder


def losses(folder):
    return pd.read_csv(folder / "results/tiny/losses.csv")


@pytest.mark.slow
def test_ranks_train_the_weights_of_one_process(parameters, alone, tmp_path):
    facts, *_ = run_ranks(4, train, parameters, str(tmp_path))
    assert distance(weights(tmp_path, parameters), weights(alone, parameters)) < ROUNDING
    pd.testing.assert_frame_equal(losses(tmp_path), losses(alone), rtol=1e-5)
    assert facts["count"] == 4 and [rank["rank"] for rank in facts["ranks"]] == [0, 1, 2, 3]
    assert 0 <= facts["waiting_share"] < 1 and facts["slowest"] in range(4)


@pytest.mark.slow
@pytest.mark.proof
def test_a_training_goes_on_with_another_number_of_ranks(parameters, alone, tmp_path, monkeypatch):
    """Two ranks, of which one dies; one process, which is interrupted; two ranks again."""
    parameters = parameters | {"save_steps": 1, "keep": 0}
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    first, second = run_ranks(2, train, parameters, str(tmp_path), 2)
    assert isinstance(first, RankFailed) and "rank 1 on" in str(first) and second is None
    settings = TrainSettings.checked(parameters, "parameter")
    assert [folder.name for folder in intermediates(final_checkpoint(settings))] == ["step-000001", "step-000002"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Stepper, "step", interrupted(Stepper.step, 4))
        Training.open(settings).fit()
    assert intermediates(final_checkpoint(settings))[-1].name == "step-000004"
    run_ranks(2, train, parameters, str(tmp_path))
    assert distance(weights(tmp_path, parameters), weights(alone, parameters)) < ROUNDING
    pd.testing.assert_frame_equal(losses(tmp_path), losses(alone), rtol=1e-5)


def interrupted(step, at_step):
    def interrupted_step(self, batch, number, factor):
        if number == at_step:
            raise KeyboardInterrupt
        return step(self, batch, number, factor)

    return interrupted_step


@pytest.mark.slow
@pytest.mark.proof
def test_with_dropout_a_killed_training_ends_as_an_unbroken_one(parameters, tmp_path):
    parameters = parameters | {"lora_dropout": 0.3, "save_steps": 1}
    folders = [tmp_path / name for name in ("unbroken", "killed")]
    run_ranks(2, train, parameters, str(folders[0]))
    assert isinstance(run_ranks(2, train, parameters, str(folders[1]), 2)[0], RankFailed)
    run_ranks(2, train, parameters, str(folders[1]))
    unbroken, killed = (weights(folder, parameters) for folder in folders)
    assert distance(unbroken, killed) == 0
    assert losses(folders[0]).equals(losses(folders[1]))


@pytest.mark.slow
def test_ranks_with_different_data_are_refused(parameters, tmp_path):
    results = run_ranks(2, train_elsewhere, parameters, str(tmp_path))
    assert "ranks [1] have other settings or another training set than rank 0" in str(results[0])


def train_elsewhere(ranks, values, output):
    """Rank 1 has other parameters."""
    return train(ranks, values | {"seed": values["seed"] + ranks.number}, output)
