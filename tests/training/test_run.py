"""Whole trainings at the smallest size: what is learned, written, gone on with and refused."""

import json
import logging
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mirror.files.lock import FolderInUse
from mirror.models.checkpoint import intermediates, read_manifest, read_prompts
from mirror.models.llava import load
from mirror.models.lora import load_checkpoint
from mirror.prompts import lacking, own_template
from mirror.run_folder import RunConflict
from mirror.settings.base import SettingsError
from mirror.training.records.faults import DataError
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.training.step import Diverged, Stepper
from tests.published_form import FORMS, write_set
from tests.published_prompts import response_prompt, sessions
from tests.quantized import needs_nf4
from tests.tiny_llava import BASE
from tests.training_parameters import PARAMETERS

COLORS = {"red": "You look angry.", "blue": "You look sad."}


@pytest.fixture
def parameters(tmp_path, monkeypatch):
    """The parameters of a training on ten dialogues of two turns each; its output goes to `tmp_path`."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    rows = []
    for number in range(10):
        color = list(COLORS)[number % 2]
        Image.new("RGB", (40, 56), color).save(tmp_path / f"{number}.png")
        for turn in range(2):
            human = own_template("response", "base").render(
                personal_information=f"client {number}",
                reason_for_counseling=f"I worry, {number} times a day.",
                dialogue=f"Client: Hm, {turn}.",
            )
            conversation = [{"from": "human", "value": human}, {"from": "gpt", "value": COLORS[color]}]
            rows.append(
                {"question_id": f"c{number}:{turn}:response", "image": f"{number}.png", "conversations": conversation}
            )
    (tmp_path / "data.json").write_text(json.dumps(rows))
    return PARAMETERS | {"data": str(tmp_path / "data.json"), "image_folder": str(tmp_path)}


def training(parameters, **changed):
    return Training.open(TrainSettings.checked(parameters | changed, "parameter"))


def weights(folder):
    return load_file(folder / "adapter_model.safetensors") | load_file(folder / "projector.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def interrupt(monkeypatch, at_step):
    real = Stepper.step

    def step(self, batch, number, factor):
        if number == at_step:
            raise KeyboardInterrupt
        return real(self, batch, number, factor)

    monkeypatch.setattr(Stepper, "step", step)


@pytest.mark.slow
def test_a_training_learns_and_writes_what_it_says(parameters, tmp_path):
    one = training(parameters, epochs=4, learning_rate=1e-2)
    before = one.answers(one.shown_records)
    losses = one.fit()
    held_out = losses.held_out.dropna()
    assert held_out.iloc[-1] < held_out.iloc[0] - 1
    assert len(losses) == 1 + 4 * 4 and len(held_out) == 1 + 4  # 16 examples in batches of 4
    comparison = one.compare(before)
    assert (comparison.before != comparison.after).any()
    held_out_dialogues = {one.data.records[i].dialogue for i in one.data.held_out}
    assert {identifier.split(":")[0] for identifier in comparison.id} <= held_out_dialogues

    folder = tmp_path / "checkpoints" / "llava-v1.5-pocket-mirror_base-task-lora-epoch4"
    assert one.checkpoint == folder
    manifest = read_manifest(folder)
    assert (manifest.size, manifest.cot, manifest.step, manifest.steps) == ("pocket", "base", 16, 16)
    assert manifest.settings == one.settings.model_dump() and len(manifest.data_sha256) == 64
    assert manifest.losses["held_out"] == pytest.approx(held_out.iloc[-1])
    assert read_prompts(folder).template("response", own_template("response", "base").fields).text
    provenance = json.loads((tmp_path / "results/tiny/provenance.json").read_text())
    assert provenance["status"] == "complete" and provenance["versions"]["torch"] == version("torch")
    written = pd.read_csv(tmp_path / "results/tiny/losses.csv")
    pd.testing.assert_frame_equal(written, losses, check_dtype=False)


def test_the_shown_records_differ_in_dialogue_and_turn(parameters):
    shown = training(parameters, held_out=0.5, show=2).shown_records
    assert len({record.dialogue for record in shown}) == len({record.turn for record in shown}) == 2


def test_the_checkpoint_answers_as_the_trained_model_did(parameters):
    one = training(parameters)
    one.fit()
    again = load_checkpoint(one.checkpoint)
    for name, tensor in one.llava.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
    assert not same(dict(again.model.named_parameters()), dict(load(str(BASE)).model.named_parameters()))


@needs_nf4
def test_a_training_over_4_bits_goes_on_as_an_unbroken_one_and_writes_an_ordinary_checkpoint(parameters, monkeypatch):
    parameters |= {"quantize": "nf4", "epochs": 1, "learning_rate": 1e-2}
    unbroken = training(parameters, run="unbroken", checkpoint_folder="unbroken")
    losses = unbroken.fit()
    assert losses.held_out.dropna().iloc[-1] < losses.held_out.iloc[0]
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            training(parameters, save_steps=1).fit()
    again = training(parameters, save_steps=1)
    again.fit()
    assert same(weights(again.checkpoint), weights(unbroken.checkpoint))
    assert read_manifest(again.checkpoint).settings["quantize"] == "nf4"
    full = training(parameters, quantize="none", run="full", checkpoint_folder="full")
    full.fit()
    assert weights(full.checkpoint).keys() == weights(again.checkpoint).keys()
    assert not same(weights(full.checkpoint), weights(again.checkpoint))
    assert {name: str(one.dtype) for name, one in load_checkpoint(again.checkpoint).model.named_parameters()} == {
        name: str(one.dtype) for name, one in load_checkpoint(full.checkpoint).model.named_parameters()
    }


@pytest.mark.slow
def test_every_intermediate_checkpoint_loads_by_itself(parameters):
    one = training(parameters, save_steps=3)
    one.fit()
    folders = intermediates(one.checkpoint)
    assert [folder.name for folder in folders] == ["step-000003", "step-000004", "step-000006"]
    loaded = [load_checkpoint(folder) for folder in folders]
    first, second = (model.model.model.multi_modal_projector.linear_1.weight for model in loaded[:2])
    assert not torch.equal(first, second)


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_as_an_unbroken_one(parameters, monkeypatch):
    """Killed before its first intermediate checkpoint, and again after it."""
    unbroken = training(parameters, run="unbroken", checkpoint_folder="unbroken")
    unbroken.fit()
    for at_step in (2, 5):
        with monkeypatch.context() as patch:
            interrupt(patch, at_step)
            with pytest.raises(KeyboardInterrupt):
                training(parameters, save_steps=3).fit()
    again = training(parameters, save_steps=3)
    again.fit()
    assert same(weights(again.checkpoint), weights(unbroken.checkpoint))
    losses = [(t.run.folder / "losses.csv").read_text() for t in (again, unbroken)]
    assert losses[0] == losses[1]
    assert again.run.provenance["steps"] == 8


@pytest.mark.slow
def test_a_training_does_not_go_on_from_a_damaged_checkpoint(parameters, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            training(parameters, save_steps=1).fit()
    newest = intermediates(training(parameters, save_steps=1).checkpoint)[-1]
    for file in ("adapter_model.safetensors", "projector.safetensors", "training_state.pt"):
        whole = (newest / file).read_bytes()
        (newest / file).write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
        with pytest.raises(ValueError, match=f"{newest.name}/{file} was changed since"):
            training(parameters, save_steps=1).fit()
        (newest / file).write_bytes(whole)


TRAIN = """
import json, sys
from mirror.training.resume import Progress
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
save = Progress.save
def save_and_tell(self, folder, *rest):
    save(self, folder, *rest)
    print(folder.name, flush=True)
Progress.save = save_and_tell
Training.open(TrainSettings.checked(json.load(open(sys.argv[1])), "parameter")).fit()
"""


@pytest.mark.slow
@pytest.mark.proof
def test_kill_9_while_checkpoints_are_written_leaves_whole_ones_only(parameters, tmp_path):
    """A real process is killed; whatever it left, every folder that is there loads, and the training goes on."""
    (tmp_path / "parameters.json").write_text(json.dumps(parameters | {"save_steps": 1, "keep": 1, "epochs": 8}))
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(tmp_path / "parameters.json")],
        env={**os.environ, "MIRROR_OUTPUT": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    name = "llava-v1.5-pocket-mirror_base-task-lora-epoch8"
    assert "step-000003\n" in iter(process.stdout.readline, "")
    process.kill()
    process.communicate()
    folders = intermediates(tmp_path / "checkpoints" / name)
    assert folders
    for folder in folders:
        load_checkpoint(folder)
    again = training(parameters, save_steps=1, keep=1, epochs=8)
    assert len(again.fit().train.dropna()) == 8 * 4


def test_the_record_says_why_a_training_ended(parameters, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            training(parameters).fit()
    one = training(parameters)
    assert one.run.provenance["status"] == "stopped" and "KeyboardInterrupt" in one.run.provenance["reason"]
    one.run.record("stopped", ranks={"count": 2})  # as if several had trained until here
    one.fit()
    assert one.run.provenance["status"] == "complete" and not {"reason", "ranks"} & one.run.provenance.keys()


def test_worker_processes_load_the_same_batches(parameters):
    here, ahead = training(parameters, run="a"), training(parameters, run="b", workers=2)
    for (epoch, ends, one), (_, _, other) in zip(here.loop.batches(3), ahead.loop.batches(3), strict=True):
        assert 0.75 < epoch <= 2 and ends == (epoch == int(epoch))
        assert torch.equal(one.input_ids, other.input_ids) and torch.equal(one.pixel_values, other.pixel_values)


def test_nothing_held_out_trains_all(parameters):
    one = training(parameters, held_out=0.0, logging="tensorboard", epochs=1)
    losses = one.fit()
    assert losses.held_out.isna().all() and len(losses.train.dropna()) == 5


@pytest.mark.slow
def test_seeds_decide(parameters):
    runs = {}
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        runs[name] = training(parameters, run=name, checkpoint_folder=name, seed=seed, epochs=1)
        runs[name].fit()
    found = {name: weights(run.checkpoint) for name, run in runs.items()}
    assert same(found["a"], found["b"]) and not same(found["a"], found["c"])


def test_micro_batch_changes_rounding_only(parameters):
    whole = training(parameters, run="a", checkpoint_folder="a", lora_dropout=0.0, epochs=1)
    cut = training(parameters, run="b", checkpoint_folder="b", lora_dropout=0.0, epochs=1, micro_batch=1)
    a, b = whole.fit(), cut.fit()
    assert a.train.to_numpy() == pytest.approx(b.train.to_numpy(), rel=1e-3, nan_ok=True)


def test_early_stopping_keeps_the_best_weights(parameters, caplog, monkeypatch):
    held_out = iter([6.0, 3.0, 2.0, 2.5, 1.9])  # before the training, and after each epoch
    monkeypatch.setattr(Stepper, "mean_loss", lambda *_: next(held_out))
    one = training(parameters, epochs=6, early_stopping=1, keep=1)
    with caplog.at_level(logging.WARNING):
        losses = one.fit()
    assert "the held-out loss no longer falls" in caplog.text
    assert losses.held_out.dropna().tolist() == [6.0, 3.0, 2.0, 2.5]
    best, last = intermediates(one.checkpoint)
    assert (best.name, last.name) == ("step-000008", "step-000012")
    assert same(weights(one.checkpoint), weights(best)) and not same(weights(best), weights(last))
    manifest = read_manifest(one.checkpoint)
    assert (manifest.step, manifest.losses["held_out"]) == (8, 2.0)


def test_a_finished_training_is_loaded_not_repeated(parameters, monkeypatch):
    first = training(parameters)
    losses = first.fit()
    interrupt(monkeypatch, 0)
    again = training(parameters)
    pd.testing.assert_frame_equal(again.fit(), losses, check_dtype=False)
    assert again.answers(again.shown_records) == first.answers(first.shown_records)


@pytest.mark.slow
def test_another_training_under_the_same_name_is_refused(parameters, tmp_path):
    parameters = parameters | {"epochs": 1}
    training(parameters).fit()
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(RunConflict, match=r"of another training \(learning_rate was 0.005 and is 0.001\)"):
        training(parameters, learning_rate=1e-3)
    with pytest.raises(RunConflict, match="lora_rank was 8 and is 4"):
        training(parameters, lora_rank=4, run="elsewhere")
    data = Path(parameters["data"])
    data.write_text(data.read_text().replace("You look sad.", "You look glad."))
    with pytest.raises(RunConflict, match="the content of .* has changed"):
        training(parameters)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert len(training(parameters, fresh=True).fit()) == 5


def test_faulty_data_are_refused_with_a_list_or_dropped_and_counted(parameters, tmp_path, caplog):
    data = Path(parameters["data"])
    rows = json.loads(data.read_text())
    rows[3]["conversations"][1]["value"] = " "
    rows[5]["image"] = "gone.png"
    data.write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"2 faults in 2 of 20 records"):
        training(parameters)
    assert len(pd.read_csv(tmp_path / "results/tiny/faults.csv")) == 2
    with caplog.at_level(logging.WARNING):
        one = training(parameters, on_fault="drop", fresh=True)
    assert len(one.data.records) == 18 and "2 faults" in caplog.text


@pytest.mark.slow
def test_the_set_of_a_variant_is_derived_from_a_richer_one(tmp_path, monkeypatch, caplog):
    """Only the set of `ec_planning` lies there: the plan is taken out of it, and the manifest says so."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    richer, images = write_set(tmp_path, "ec_planning", 8, FORMS["ec_planning"])
    parameters = PARAMETERS | {"cot": "ec", "epochs": 1, "held_out": 0.0, "max_length": 1024}
    parameters["image_folder"] = str(images)
    with pytest.raises(SettingsError, match=f"or use the one that exists: -p data {richer}"):
        training(parameters | {"data": str(tmp_path / "mirror_ec.json")})
    with caplog.at_level(logging.WARNING):
        one = training(parameters | {"data": str(richer)})
    assert "richer variant than ec: technique, plan are taken out" in caplog.text
    one.fit()
    plain, _ = write_set(tmp_path, "ec", 8, FORMS["ec_planning"])
    other = training(parameters | {"data": str(plain), "run": "plain", "checkpoint_folder": "plain"})
    assert [record.turns for record in one.data.records] == [record.turns for record in other.data.records]
    assert one.prompts == other.prompts
    other.fit()
    assert same(weights(one.checkpoint), weights(other.checkpoint))
    assert read_manifest(one.checkpoint).derived == list(one.data.derived) and one.data.derived
    assert read_manifest(other.checkpoint).derived == []


def test_data_that_lack_what_the_variant_needs_are_refused_before_training(parameters, tmp_path):
    with pytest.raises(DataError, match="cot planning needs plan and technique in its response prompts"):
        training(parameters, cot="planning")
    assert "needs plan" in (tmp_path / "results/tiny/faults.csv").read_text()


@pytest.mark.slow
def test_a_planning_set_without_records_that_ask_for_a_plan_is_completed(parameters, tmp_path, caplog):
    rows = []
    for number, turn, values in sessions(clients=12):
        Image.new("RGB", (40, 56)).save(tmp_path / "face.png")
        human = response_prompt("planning", values)
        conversation = [{"from": "human", "value": human}, {"from": "gpt", "value": "You look sad."}]
        identifier = f"c{number}:{turn}:response"
        rows.append({"question_id": identifier, "image": "face.png", "conversations": conversation})
    (tmp_path / "data.json").write_text(json.dumps(rows))
    with caplog.at_level(logging.WARNING):
        one = training(parameters, cot="planning", epochs=1, max_length=2048)
    assert "no record of kind planning: the project's own prompt is used instead" in caplog.text
    assert "cannot counsel with cot" not in caplog.text
    one.fit()
    assert read_manifest(one.checkpoint).prompts == {"response": "data", "planning": "own"}
    written = json.loads((one.checkpoint / "prompts.json").read_text())
    assert (written["planning"]["records"], written["planning"]["origin"]) == (0, "own")
    assert "Continuum Technique" in written["planning"]["templates"][0]["text"]
    assert lacking(read_prompts(one.checkpoint), "planning") == []


def test_a_declared_size_must_be_the_models_own(parameters):
    with pytest.raises(ValueError, match="size is 7b, but .* has hidden size 64"):
        training(parameters, size="7b")


def test_tensorboard_gets_the_losses(parameters):
    one = training(parameters, logging="tensorboard")
    one.fit()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(one.run.folder / "tensorboard"))
    events.Reload()
    assert len(events.Scalars("train")) == 8 and len(events.Scalars("held_out")) == 2


@pytest.mark.parametrize("what", ["gradient", "loss"])
def test_a_diverged_training_stops_names_the_batch_and_keeps_the_sound_checkpoint(parameters, monkeypatch, what):
    """With early stopping and one checkpoint kept, a NaN after a sound epoch used to count as the best loss."""
    one = training(parameters, early_stopping=2, keep=1, held_out=0.2)
    per_epoch, real = len(one.loop.plan[0]), Stepper.gradients

    def gradients(self, batch, number):
        loss = real(self, batch, number)
        if number < per_epoch + 1:
            return loss
        if what == "loss":
            return float("nan")
        self.optimizer.param_groups[0]["params"][0].grad.fill_(float("nan"))
        return loss

    monkeypatch.setattr(Stepper, "gradients", gradients)
    with pytest.raises(Diverged) as error:
        one.fit()
    told = str(error.value)
    names = [one.data.records[i].name for i in one.loop.plan[1][1]]
    assert f"training diverged in step {per_epoch + 2}: " in told and all(name in told for name in names)
    assert f"epoch2.steps/step-{per_epoch:06d}" in told and "lower learning_rate" in told
    assert not one.checkpoint.exists() and one.run.provenance["status"] == "stopped"
    left = intermediates(one.checkpoint)
    assert [folder.name for folder in left] == [f"step-{per_epoch:06d}"]
    assert all(tensor.isfinite().all() for tensor in weights(left[0]).values())


def test_a_held_out_loss_that_is_not_finite_ends_the_training(parameters, monkeypatch):
    one = training(parameters)
    monkeypatch.setattr(
        "mirror.training.step.Stepper.mean_loss", lambda *_: (_ for _ in ()).throw(Diverged("it is nan"))
    )
    with pytest.raises(Diverged, match="it is nan"):
        one.fit()
    assert not one.checkpoint.exists()


def test_a_rate_that_destroys_the_weights_leaves_no_checkpoint(parameters):
    one = training(parameters, learning_rate=1e30, projector_learning_rate=1e30, max_grad_norm=0.0)
    with pytest.raises((Diverged, ValueError), match="diverged"):
        one.fit()
    assert not one.checkpoint.exists() and not intermediates(one.checkpoint)


def test_what_cannot_begin_destroys_no_finished_checkpoint(parameters, tmp_path):
    """One faulty record, and an unreadable base model: both are found before anything is set aside."""
    first = training(parameters)
    first.fit()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "results" in path.parts}
    kept = weights(first.checkpoint)
    data = Path(parameters["data"])
    rows = json.loads(data.read_text())
    data.write_text(json.dumps([*rows[:-1], rows[-1] | {"image": "nowhere.png"}]))
    with pytest.raises(DataError):
        training(parameters, fresh=True)
    data.write_text(json.dumps(rows))
    with pytest.raises((ValueError, FileNotFoundError)):
        training(parameters, fresh=True, base_model=str(tmp_path))
    assert same(weights(first.checkpoint), kept)
    assert all(path.read_bytes() == content for path, content in before.items())
    again = training(parameters, fresh=True)
    assert not again.checkpoint.exists()


def test_a_second_training_of_the_same_checkpoint_is_refused(parameters, another_process):
    one = training(parameters)
    with another_process(one.checkpoint), pytest.raises(FolderInUse, match="in use by process"):
        one.fit()
    with another_process(one.run.folder), pytest.raises(FolderInUse, match="in use by process"):
        one.fit()
    assert not one.checkpoint.exists()
