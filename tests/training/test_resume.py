"""The progress of a training: what an epoch changes, what a resumed training must match, and which checkpoints stay."""

import json
from dataclasses import replace

import pytest

from mirror.models.checkpoint import intermediate_folder, intermediates
from mirror.run_folder import RunConflict
from mirror.training.resume import STATE, Progress, diverged, forget_states, prune, refuse_other_training
from mirror.training.settings import TrainSettings
from mirror.training.step import Diverged
from tests.checkpoints import MANIFEST, whole_checkpoint
from tests.training_parameters import PARAMETERS

SETTINGS = TrainSettings.checked(PARAMETERS | {"data": "d.json", "image_folder": "."}, "parameter", check_files=False)


def written(final, *steps, **changes):
    """Intermediate checkpoints of these steps, trained with SETTINGS on data with the digest of zeros."""
    for step in steps:
        folder = whole_checkpoint(intermediate_folder(final, step))
        manifest = replace(MANIFEST, settings=SETTINGS.model_dump() | changes)
        (folder / "manifest.json").write_text(json.dumps(vars(manifest)))
        (folder / STATE).touch()


def test_a_lower_held_out_loss_is_the_best_and_any_other_counts_epochs():
    progress = Progress()
    seen = []
    for step, loss in ((3, 2.0), (6, 1.5), (9, 1.5), (12, 1.7), (15, 1.4)):
        progress.step = step
        progress.losses.append({"step": step})
        progress.end_epoch(loss)
        seen.append((progress.best_step, progress.best_loss, progress.epochs_since_best))
    assert seen == [(3, 2.0, 0), (6, 1.5, 0), (6, 1.5, 1), (6, 1.5, 2), (15, 1.4, 0)]
    assert progress.table()["held_out"].tolist() == [2.0, 1.5, 1.5, 1.7, 1.4]
    assert list(progress.table().columns) == ["step", "epoch", "learning_rate", "train", "held_out"]


def test_without_held_out_dialogues_no_epoch_is_the_best():
    progress = Progress(step=3, losses=[{"step": 3}])
    progress.end_epoch(None)
    assert (progress.best_step, progress.epochs_since_best, progress.losses) == (0, 1, [{"step": 3, "held_out": None}])


def test_the_same_training_goes_on_and_a_machine_may_differ(tmp_path):
    final = tmp_path / "final"
    refuse_other_training(SETTINGS, final, "0" * 64)
    written(final, 4)
    refuse_other_training(SETTINGS, final, "0" * 64)
    refuse_other_training(SETTINGS.model_copy(update={"workers": 3, "keep": 1}), final, "0" * 64)


def test_a_training_begun_before_a_parameter_existed_goes_on_with_its_default_alone(tmp_path):
    final = tmp_path / "final"
    written(final, 4)
    manifest = intermediate_folder(final, 4) / "manifest.json"
    recorded = json.loads(manifest.read_text())
    del recorded["settings"]["quantize"]
    manifest.write_text(json.dumps(recorded))
    refuse_other_training(SETTINGS, final, "0" * 64)
    with pytest.raises(RunConflict, match="quantize was 'none' and is 'nf4'; seed was 7 and is 8"):
        refuse_other_training(SETTINGS.model_copy(update={"quantize": "nf4", "seed": 8}), final, "0" * 64)


def test_another_training_in_the_same_place_is_refused(tmp_path):
    final = tmp_path / "final"
    written(final, 4, seed=8)
    with pytest.raises(RunConflict, match="step-000004 is of another training .seed was 8 and is 7.; give -p check"):
        refuse_other_training(SETTINGS, final, "0" * 64)
    with pytest.raises(RunConflict, match="seed was 8 and is 7; the content of d.json has changed"):
        refuse_other_training(SETTINGS, final, "1" * 64)


def test_the_error_of_a_step_names_records_rate_and_what_is_left(tmp_path):
    row = {"step": 7, "learning_rate": 0.00012345}
    records = [f"record {number}" for number in range(7)]
    message = str(diverged(Diverged("loss nan"), row, records, tmp_path / "final"))
    assert message.startswith("training diverged in step 7: loss nan; learning rate 0.000123; records of the batch:")
    assert "record 3, record 4 and 2 more; no checkpoint was saved before; lower learning_rate" in message
    written(tmp_path / "final", 2, 4)
    message = str(diverged(Diverged("loss nan"), row, records[:5], tmp_path / "final"))
    assert "record 4; the last valid checkpoint is " in message and "step-000004; lower" in message


@pytest.mark.parametrize(
    "keep, spare, left", [(0, 1, [1, 2, 3, 4]), (1, 2, [2, 4]), (2, 0, [3, 4]), (2, 4, [3, 4]), (9, 1, [1, 2, 3, 4])]
)
def test_the_newest_checkpoints_and_the_best_stay(keep, spare, left, tmp_path):
    final = tmp_path / "final"
    written(final, 1, 2, 3, 4)
    prune(final, keep, spare)
    assert intermediates(final) == [intermediate_folder(final, step) for step in left]


def test_a_finished_training_needs_no_state_to_resume_from(tmp_path):
    final = tmp_path / "final"
    written(final, 1, 2)
    forget_states(final)
    assert not list(tmp_path.rglob(STATE))
    assert all((folder / "adapter_model.safetensors").is_file() for folder in intermediates(final))
