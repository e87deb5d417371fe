"""Which files hold a model's weights, by name and by content."""

import errno
import json
import os

import pytest
import torch
from safetensors.torch import save_file

from mirror.models.weight_files import check_file, check_pointers, choose, chosen_files, needed, plain_names
from mirror.models.weights import read_tensors

# As published: SDXL keeps plain and fp16 weights beside single files, ONNX, OpenVINO and Flax.
SDXL = [
    ".gitattributes",
    "README.md",
    "model_index.json",
    "sd_xl_base_1.0.safetensors",
    "sd_xl_base_1.0_0.9vae.safetensors",
    "scheduler/scheduler_config.json",
    *(f"tokenizer{n}/{f}" for n in ("", "_2") for f in ("merges.txt", "vocab.json", "tokenizer_config.json")),
    *(
        f"{part}/{file}"
        for part in ("text_encoder", "text_encoder_2")
        for file in ("config.json", "model.safetensors", "model.fp16.safetensors", "pytorch_model.bin", "model.onnx")
    ),
    *(
        f"{part}/{file}"
        for part in ("unet", "vae", "vae_1_0")
        for file in (
            "config.json",
            "diffusion_pytorch_model.safetensors",
            "diffusion_pytorch_model.fp16.safetensors",
            "diffusion_pytorch_model.fp16.bin",
            "diffusion_flax_model.msgpack",
            "model.onnx",
        )
    ),
    "vae_decoder/openvino_model.bin",
]
PARTS = ("", "unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")


@pytest.mark.parametrize(("half", "suffix"), [(True, ".fp16.safetensors"), (False, ".safetensors")])
def test_of_a_repository_only_what_is_read_is_fetched(half, suffix):
    taken = needed(SDXL, half, PARTS)
    weights = [name for name in taken if not name.endswith((".json", ".txt"))]
    assert weights == [
        f"unet/diffusion_pytorch_model{suffix}",
        f"vae/diffusion_pytorch_model{suffix}",
        f"text_encoder/model{suffix}",
        f"text_encoder_2/model{suffix}",
    ]
    assert {name for name in SDXL if name.endswith((".json", ".txt"))} - set(taken) == {"vae_1_0/config.json"}
    assert len(taken) == len(set(taken))


def shards(stem, form, count, variant=""):
    return [f"{stem}{variant}-{n:05d}-of-{count:05d}.{form}" for n in range(1, count + 1)]


LISTS = {
    "safetensors before pickles": (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"], None),
    "fp16 before plain in half": (
        ["model.safetensors", "model.fp16.safetensors"],
        ["model.safetensors"],
        ["model.fp16.safetensors"],
    ),
    "plain pickles before fp16 in full": (
        ["pytorch_model.bin", "model.fp16.safetensors"],
        ["pytorch_model.bin"],
        ["model.fp16.safetensors"],
    ),
    "the variant alone": (["model.fp16.safetensors"], ["model.fp16.safetensors"], None),
    "bf16": (["model.bf16.safetensors"], ["model.bf16.safetensors"], None),
    "never ema": (["diffusion_pytorch_model.ema.safetensors", "diffusion_pytorch_model.non_ema.bin"], [], None),
    "shards": (
        [*shards("model", "safetensors", 3), "model.safetensors.index.json"],
        shards("model", "safetensors", 3),
        None,
    ),
    "shards of a variant, three names of an index": (
        [*shards("model", "safetensors", 2, ".fp16"), "model.safetensors.index.fp16.json"],
        shards("model", "safetensors", 2, ".fp16"),
        None,
    ),
    "variant behind the shard": (
        [
            "diffusion_pytorch_model-00001-of-00002.fp16.safetensors",
            "diffusion_pytorch_model-00002-of-00002.fp16.safetensors",
            "diffusion_pytorch_model.safetensors.fp16.index.json",
        ],
        [f"diffusion_pytorch_model-0000{n}-of-00002.fp16.safetensors" for n in (1, 2)],
        None,
    ),
    "a missing shard": (
        [*shards("model", "safetensors", 3)[:2], "model.safetensors.index.json", "pytorch_model.bin"],
        ["pytorch_model.bin"],
        None,
    ),
    "shards without their index": (shards("pytorch_model", "bin", 2), [], None),
    "what is no weights": (
        ["mm_projector.bin", "training_args.bin", "optimizer.bin", "adapter_model.safetensors", "model.onnx"],
        [],
        None,
    ),
}


@pytest.mark.parametrize(("names", "full", "half"), LISTS.values(), ids=LISTS)
def test_one_whole_set_is_chosen(names, full, half):
    for is_half, wanted in ((False, full), (True, full if half is None else half)):
        chosen = choose(names, is_half)
        assert (chosen.files if chosen else []) == wanted


def test_libraries_see_the_chosen_weights_alone(tmp_path):
    """A half shard set beside a whole pickle would stop a library that looks for safetensors first."""
    folder = tmp_path / "a [b] #c"
    folder.mkdir()
    for name in ("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors"):
        (folder / name).write_text("{}")
    torch.save({"a": torch.ones(2)}, folder / "pytorch_model.fp16.bin")
    with plain_names(folder, half=False) as view:
        assert sorted(path.name for path in view.iterdir()) == ["config.json", "pytorch_model.bin"]
        assert torch.equal(read_tensors(view / "pytorch_model.bin")["a"], torch.ones(2))
    assert not view.exists()


def test_a_folder_without_weights_says_what_is_there(tmp_path):
    for name in ("config.json", "ggml-model.gguf", "model-00001-of-00002.safetensors", "model.safetensors.index.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(FileNotFoundError, match="no weights that can be read: .*found ggml-model.gguf, model-00001"):
        chosen_files(tmp_path, half=True)


def safetensors_bytes(tmp_path):
    save_file({"a": torch.arange(999.0)}, tmp_path / "whole.safetensors")
    return (tmp_path / "whole.safetensors").read_bytes()


def pickle_bytes(tmp_path):
    torch.save({"a": torch.arange(999.0)}, tmp_path / "whole.bin")
    return (tmp_path / "whole.bin").read_bytes()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9976576152\n"
PAGE = b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"
BROKEN = {
    "empty": (b"", "is empty; download it again"),
    "pointer": (POINTER, "is a git-lfs pointer and not the file itself; run `git lfs pull` in its folder"),
    "page": (PAGE, "is a web page and not the file; download the file itself"),
    "json": (b'{"error": "not found"}', "is not a (safetensors|PyTorch) file"),
    "long header": (b"\xff" * 64, "is not a (safetensors|PyTorch) file"),
}


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_weights_is_named(tmp_path, content, message, suffix):
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"model.{suffix} {message}"):
        read_tensors(path)


@pytest.mark.parametrize("whole", [safetensors_bytes, pickle_bytes])
def test_a_file_that_was_cut_off_is_named(tmp_path, whole):
    content = whole(tmp_path)
    path = tmp_path / f"cut{'.bin' if whole is pickle_bytes else '.safetensors'}"
    for length in (len(content) - 1, len(content) // 2):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is truncated \([\d,]+ bytes\); download it again"):
            read_tensors(path)
    path.write_bytes(content)
    assert len(read_tensors(path)["a"]) == 999


DAMAGED = {
    "header of the archive": (26, b"\xff\xff"),
    "pickle": (100, b"\x80\x02X"),
    "name of a storage": (150, b"\xfe\xfe\xfe\xfe"),
}


@pytest.mark.parametrize(("place", "bytes_"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_pickle_is_named(tmp_path, place, bytes_):
    content = pickle_bytes(tmp_path)
    path = tmp_path / "damaged.bin"
    path.write_bytes(content[:place] + bytes_ + content[place + len(bytes_) :])
    with pytest.raises(ValueError, match=r"damaged.bin (is damaged|holds more than weights)"):
        read_tensors(path)


def test_an_archive_whose_end_speaks_of_several_disks_is_named(tmp_path):
    path = tmp_path / "disks.bin"
    locator = b"PK\x06\x07" + bytes(12) + (2).to_bytes(4, "little")  # of two disks
    path.write_bytes(pickle_bytes(tmp_path)[:50] + locator + b"PK\x05\x06" + bytes(18))
    with pytest.raises(ValueError, match=r"disks.bin is truncated"):
        read_tensors(path)


def test_a_pickle_that_ends_early_is_named(tmp_path):
    path = tmp_path / "early.bin"
    path.write_bytes(b"\x80\x02")
    with pytest.raises(ValueError, match=r"early.bin is damaged \(.+\); download it again"):
        read_tensors(path)


def test_a_header_with_a_name_that_no_tensor_can_have_is_named(tmp_path):
    header = json.dumps({"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "kind.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match=r"kind.safetensors is damaged \(.+\); download it again"):
        read_tensors(path)


def test_a_pickle_of_old_times_is_read(tmp_path):
    """PyTorch before 1.6 wrote no archive; such a file cannot be mapped into memory."""
    torch.save({"a": torch.ones(3)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert torch.equal(read_tensors(tmp_path / "old.bin")["a"], torch.ones(3))


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(ValueError, match="model.safetensors is not a file; give the file itself"):
        check_file(tmp_path / "model.safetensors")


def test_small_files_that_are_pointers_are_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    check_pointers(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(POINTER)
    with pytest.raises(ValueError, match="tokenizer.model is a git-lfs pointer"):
        check_pointers(tmp_path)


def test_an_archive_whose_sizes_cannot_be_mapped_is_damaged_and_a_disk_at_fault_is_not(tmp_path, monkeypatch):
    path = tmp_path / "w.bin"
    path.write_bytes(pickle_bytes(tmp_path))

    def failing(code):
        def load(*_, **__):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(torch, "load", load)

    failing(errno.EINVAL)
    with pytest.raises(ValueError, match="w.bin is damaged"):
        read_tensors(path)
    failing(errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        read_tensors(path)
