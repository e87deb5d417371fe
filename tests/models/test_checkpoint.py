"""Checkpoints on disk: the exact name, whole or not at all, a manifest that says what it is."""

import json
import shutil
from dataclasses import asdict, fields, replace

import pytest

from mirror.files.atomic import discard
from mirror.files.digests import require_intact
from mirror.models import checkpoint
from mirror.models.checkpoint import (
    MERGED,
    Manifest,
    checkpoint_faults,
    checkpoint_name,
    intermediate_folder,
    intermediates,
    merged_faults,
    read_manifest,
    read_prompts,
    remove_file,
    write_manifest,
    writing,
)
from mirror.prompts import own_prompts
from tests import ROOT
from tests.checkpoints import MANIFEST, whole_checkpoint


@pytest.mark.parametrize(
    "parts, name",
    [
        (("7b", "planning", 5), "llava-v1.5-7b-mirror_planning-task-lora-epoch5"),
        (("13b", "ec_planning", 10), "llava-v1.5-13b-mirror_ec_planning-task-lora-epoch10"),
        (("pocket", "base", 3), "llava-v1.5-pocket-mirror_base-task-lora-epoch3"),
    ],
)
def test_the_name_is_the_published_one(parts, name):
    assert checkpoint_name(*parts) == name


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_checkpoint_appears_when_it_is_whole(tmp_path):
    final = tmp_path / "checkpoints/c"
    with writing(final) as folder:
        (folder / "adapter.bin").write_text("weights")
        assert not final.exists()
        assert intermediates(final) == []
    assert (final / "adapter.bin").read_text() == "weights"
    assert names(tmp_path / "checkpoints") == ["c"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_checkpoint_that_fails_leaves_nothing(error, tmp_path):
    with pytest.raises(error):
        with writing(tmp_path / "c") as folder:
            (folder / "adapter.bin").write_text("half the weights")
            raise error("the disk is full")
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_is_no_part_of_the_next(tmp_path):
    (tmp_path / ".c.0123abcd.partial").mkdir()
    (tmp_path / ".c.0123abcd.partial/old.bin").write_text("half the weights")
    with writing(tmp_path / "c") as folder:
        (folder / "new.bin").write_text("weights")
    assert names(tmp_path / "c") == ["digests.json", "new.bin"]
    assert names(tmp_path) == ["c"]


def test_a_file_that_is_removed_leaves_a_sound_checkpoint(tmp_path):
    with writing(tmp_path / "c") as folder:
        (folder / "adapter.bin").write_text("weights")
        (folder / "state.pt").write_text("moments")
    remove_file(tmp_path / "c", "state.pt")
    assert names(tmp_path / "c") == ["adapter.bin", "digests.json"]
    require_intact(tmp_path / "c")


def test_a_checkpoint_is_never_written_over(output):
    final = output / "checkpoints/c"
    with writing(final) as folder:
        (folder / "adapter.bin").write_text("a week's work")
    with pytest.raises(FileExistsError) as error:
        with writing(final) as folder:
            (folder / "adapter.bin").write_text("other")
    assert str(error.value) == (
        "checkpoints/c exists already; move it away, or write to another folder (checkpoint_folder)"
    )
    assert (final / "adapter.bin").read_text() == "a week's work"
    assert names(final.parent) == ["c"]


def test_a_checkpoint_that_another_run_wrote_meanwhile_stays(tmp_path):
    with pytest.raises(OSError):
        with writing(tmp_path / "c") as folder:
            (folder / "adapter.bin").write_text("slow")
            (tmp_path / "c").mkdir()
            (tmp_path / "c/adapter.bin").write_text("fast")
    assert (tmp_path / "c/adapter.bin").read_text() == "fast"
    assert names(tmp_path) == ["c"]


def test_a_removed_checkpoint_is_gone(tmp_path):
    with writing(tmp_path / "c") as folder:
        (folder / "adapter.bin").write_text("weights")
    discard(tmp_path / "c")
    discard(tmp_path / "c")
    assert names(tmp_path) == []


def test_a_removal_that_is_killed_leaves_none_that_looks_whole(tmp_path, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with writing(intermediate_folder(tmp_path / "c", 1)) as folder:
        (folder / "adapter.bin").write_text("weights")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda path, ignore_errors=False: None if ignore_errors else killed())
        with pytest.raises(KeyboardInterrupt):
            discard(intermediate_folder(tmp_path / "c", 1))
    assert intermediates(tmp_path / "c") == []
    with writing(intermediate_folder(tmp_path / "c", 1)):
        pass
    discard(intermediate_folder(tmp_path / "c", 1))
    assert names(tmp_path / "c.steps") == []


def test_manifest_and_prompts_come_back_as_they_were(tmp_path):
    prompts = own_prompts("ec_planning")
    write_manifest(tmp_path, MANIFEST, prompts)
    written = replace(MANIFEST, prompts=dict.fromkeys(prompts.templates, "own"))
    assert read_manifest(tmp_path) == read_manifest(str(tmp_path)) == written
    assert read_prompts(tmp_path) == prompts
    assert names(tmp_path) == ["manifest.json", "prompts.json"]


def test_the_manifest_says_it_all_in_plain_json(tmp_path):
    """Other programs read it: a name that changes here breaks them."""
    write_manifest(tmp_path, MANIFEST, own_prompts("base"))
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == {
        "size": "pocket",
        "cot": "ec_planning",
        "base_model": "pocket/models/llava-v1.5-pocket",
        "revision": "",
        "vision_tower": "",
        "data": "pocket/data/mirror_ec_planning.json",
        "data_sha256": "0" * 64,
        "settings": {"learning_rate": 2e-05, "note": "Zoë", "compile": False},
        "versions": {"torch": "2.13.0"},
        "step": 12,
        "steps": 36,
        "epoch": 1.0,
        "losses": {"train": 2.5, "held_out": None},
        "format": 1,
        "derived": [],
        "prompts": {"response": "own"},
    }


def test_a_folder_of_the_original_trainer_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/manifest.json is missing: restore it, or, if another software wrote the adapter, say which base "
        "model and which cot it was trained with"
    )


def test_unknown_entries_are_refused(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(asdict(MANIFEST) | {"rank": 1, "adapter": "dora"}))
    with pytest.raises(ValueError) as error:
        read_manifest(tmp_path)
    assert str(error.value) == (
        f"{path}: unknown entries ['adapter', 'rank']; a newer version of this software wrote it"
    )


@pytest.mark.parametrize("name", [field.name for field in fields(Manifest) if field.name not in ("format", "prompts")])
def test_an_entry_that_is_missing_is_named(name, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({key: value for key, value in asdict(MANIFEST).items() if key != name}))
    with pytest.raises((ValueError, TypeError), match=name):
        read_manifest(tmp_path)


def test_a_whole_checkpoint_has_no_faults(tmp_path):
    assert checkpoint_faults(whole_checkpoint(tmp_path), "pocket", "planning") == []
    for name in ("adapter_model", "projector"):
        (tmp_path / f"{name}.safetensors").unlink()
    (tmp_path / "adapter_model.bin").touch()
    (tmp_path / "non_lora_trainables.bin").touch()
    assert checkpoint_faults(tmp_path, "pocket", "planning") == []


def test_a_missing_checkpoint_names_the_trainings_that_write_it(output):
    folder = output / "checkpoints/llava-v1.5-7b-mirror_planning-task-lora-epoch5"
    assert checkpoint_faults(folder, "7b", "planning") == [
        f"no such folder {folder}; train it: mirror train -f params/train/mirror-7b-planning-24gb.yaml, or mirror "
        "train -f params/train/mirror-7b-planning.yaml; or name another one: -p checkpoint PATH"
    ]


@pytest.mark.parametrize("text", ["size: [", "size: 7b\n"], ids=["not YAML", "few parameters"])
def test_an_odd_params_file_of_a_training_hides_no_other(text, output, tmp_path, monkeypatch):
    (tmp_path / "params/train").mkdir(parents=True)
    (tmp_path / "params/train/a.yaml").write_text(text)
    shutil.copy(ROOT / "params/train/mirror-7b-ec.yaml", tmp_path / "params/train/b.yaml")
    monkeypatch.setattr(checkpoint, "repository_root", lambda: tmp_path)
    folder = output / "checkpoints/llava-v1.5-7b-mirror_ec-task-lora-epoch5"
    assert checkpoint.training_params(folder) == ["params/train/b.yaml"]


def test_every_fault_of_a_checkpoint_is_found(tmp_path):
    assert checkpoint_faults(tmp_path / "no", "pocket", "base") == [
        f"no such folder {tmp_path / 'no'}; train one, name another one, or leave it empty for an untrained counselor"
    ]
    folder = whole_checkpoint(tmp_path / "c")
    (folder / "projector.safetensors").unlink()
    (folder / "adapter_config.json").unlink()
    faults = checkpoint_faults(folder, "7b", "ec")
    assert [fault.split(" ", 1)[1].split(";")[0] for fault in faults] == [
        "has none of adapter_config.json",
        "has none of projector.safetensors and non_lora_trainables.bin",
        "is of size pocket and cot planning, the settings say 7b and ec",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"[]", "must hold one object, found list"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_said_to_be_so(content, message, tmp_path):
    (whole_checkpoint(tmp_path) / "manifest.json").write_bytes(content)
    (fault,) = checkpoint_faults(tmp_path, "pocket", "planning")
    assert message in fault and str(tmp_path / "manifest.json") in fault


def test_a_base_model_that_is_not_there_is_named(tmp_path):
    write_manifest(whole_checkpoint(tmp_path), replace(MANIFEST, base_model="./gone"), own_prompts("ec_planning"))
    (fault,) = checkpoint_faults(tmp_path, "pocket", "ec_planning")
    assert "was trained on ./gone, and there is no such folder" in fault


def test_prompts_are_read_from_a_checkpoint_or_a_file(tmp_path):
    folder = whole_checkpoint(tmp_path)
    assert read_prompts(folder) == read_prompts(folder / "prompts.json") == own_prompts("planning")
    with pytest.raises(FileNotFoundError, match="no such file .*other.json"):
        read_prompts(tmp_path / "other.json")
    (folder / "prompts.json").write_text('{"response": {"records": 1}}')
    with pytest.raises(ValueError, match="prompts.json: prompt templates of 'response'"):
        read_prompts(folder)


def test_a_manifest_cannot_be_changed():
    with pytest.raises(AttributeError):
        MANIFEST.step = 13


def test_intermediate_checkpoints_lie_beside_the_final_one_oldest_first(tmp_path):
    final = tmp_path / "llava-v1.5-7b-mirror_base-task-lora-epoch5"
    assert intermediate_folder(final, 120) == tmp_path / f"{final.name}.steps/step-000120"
    for step in (1000, 20, 9, 120):
        with writing(intermediate_folder(final, step)):
            pass
    with writing(intermediate_folder(tmp_path / "other", 5)):
        pass
    (tmp_path / f"{final.name}.steps/.step-002000.partial").mkdir()  # a writer that was killed
    assert intermediates(final) == [intermediate_folder(final, step) for step in (9, 20, 120, 1000)]
    assert not final.exists()


def test_a_merged_checkpoint_is_checked_without_its_weights(tmp_path):
    """The weights may be on the server's machine alone."""
    (fault,) = merged_faults(tmp_path / "no", "pocket", "planning", "")
    assert fault == f"no such folder {tmp_path / 'no'}; write it with python -m mirror.models.merge"
    (fault,) = merged_faults(whole_checkpoint(tmp_path / "c"), "pocket", "planning", "")
    assert (
        "has no config.json and no tokenizer.json and no preprocessor_config.json and no chat_template.jinja" in fault
    )
    for name in MERGED[:4]:
        (tmp_path / "c" / name).touch()
    (tmp_path / "c" / "adapter_config.json").unlink()
    assert merged_faults(tmp_path / "c", "pocket", "planning", "base") == []
    (fault,) = merged_faults(tmp_path / "c", "7b", "ec", "base")
    assert "is of size pocket and cot planning, the settings say 7b and ec" in fault
    (tmp_path / "c" / "manifest.json").write_text("{}")
    assert "entries" in merged_faults(tmp_path / "c", "7b", "ec", "base")[0]


def test_prompts_that_a_merged_checkpoint_was_not_trained_on_need_somebody_who_answers(tmp_path):
    folder = whole_checkpoint(tmp_path / "c")
    for name in MERGED[:4]:
        (folder / name).touch()
    assert read_manifest(folder).untrained == ["response", "planning"]  # our own prompts: no record has such
    (fault,) = merged_faults(folder, "pocket", "planning", "")
    assert "was not trained on prompts of response and planning" in fault and "--without-adapter" in fault
    assert merged_faults(folder, "pocket", "planning", "base") == []
