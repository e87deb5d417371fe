"""SDXL's folder: every layout that people have, and what is no such folder."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mirror.faces.photomaker.painter import PhotoMaker
from tests.tiny_photomaker import GOLDEN, RECIPE, TENSORS, load, request


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path):
    (tmp_path / "sd_xl.safetensors").touch()
    with pytest.raises(FileNotFoundError, match=r"it has no model_index.json, found sd_xl.safetensors; .*from_single"):
        PhotoMaker.load(str(tmp_path), str(GOLDEN / "photomaker-v1.bin"), RECIPE)
    with pytest.raises(FileNotFoundError, match="is a file; give the folder"):
        PhotoMaker.load(str(tmp_path / "sd_xl.safetensors"), str(GOLDEN / "photomaker-v1.bin"), RECIPE)
    with pytest.raises(FileNotFoundError, match="was not found locally or on the Hub"):
        PhotoMaker.load("mirror-tests/never-published", str(GOLDEN / "photomaker-v1.bin"), RECIPE)


def test_another_familys_or_an_incomplete_pipeline_is_refused(tmp_path):
    folder = copied_sdxl(tmp_path / "sdxl")
    shutil.rmtree(folder / "text_encoder_2")
    with pytest.raises(FileNotFoundError, match="needs text_encoder_2, found model_index.json, scheduler"):
        load(base=folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(ValueError, match="must be StableDiffusionXLPipeline, found 'StableDiffusionPipeline'"):
        load(base=folder)


def copied_sdxl(folder):
    shutil.copytree(GOLDEN / "sdxl-tiny", folder)
    return folder


def weights_of(folder):
    return sorted(path for path in folder.rglob("*.safetensors"))


def shard(file, variant, index_name):
    """The file's tensors in two shards and an index, as diffusers and transformers write large models."""
    tensors = load_file(file)
    stem, keys = file.name.partition(".")[0], sorted(tensors)
    names = [f"{stem}{variant}-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for name, half in zip(names, (keys[::2], keys[1::2]), strict=True):
        save_file({key: tensors[key] for key in half}, file.with_name(name), metadata={"format": "pt"})
    places = {key: names[number % 2] for number, key in enumerate(keys)}
    file.with_name(index_name).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    file.unlink()


def as_variant(folder, layout):
    """Gives the files of an SDXL folder the names of another layout."""
    for file in weights_of(folder):
        stem = file.name.removesuffix(".safetensors")
        if layout == "fp16" or (layout == "unet fp16" and file.parent.name == "unet"):
            file.rename(file.with_name(f"{stem}.fp16.safetensors"))
        elif layout == "bin":
            name = "pytorch_model.bin" if "text" in file.parent.name else f"{stem}.bin"
            torch.save(load_file(file), file.with_name(name))
            file.unlink()
        elif layout == "fp16 bin":
            name = "pytorch_model.fp16.bin" if "text" in file.parent.name else f"{stem}.fp16.bin"
            torch.save(load_file(file), file.with_name(name))
            file.unlink()
        elif layout == "fp16 shards":
            shard(file, ".fp16", f"{stem}.safetensors.index.fp16.json")
        elif layout == "fp16 shards, other index":
            shard(file, ".fp16", f"{stem}.fp16.safetensors.index.json")
        elif layout == "shards":
            shard(file, "", f"{stem}.safetensors.index.json")


LAYOUTS = ["fp16", "unet fp16", "bin", "fp16 bin", "shards", "fp16 shards", "fp16 shards, other index"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_load_from_every_layout_that_people_have(tmp_path, layout):
    folder = copied_sdxl(tmp_path / "sdxl [v2]")
    as_variant(folder, layout)
    found = load(base=folder).denoise([request()], TENSORS["latents_in"], "latent")
    torch.testing.assert_close(found, TENSORS["v1_one_latents"], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("dtype", "taken"), [(torch.bfloat16, "fp16"), (torch.float32, "plain")])
def test_where_both_are_there_the_precision_decides(tmp_path, dtype, taken):
    """The variant is another model's, with other numbers, so that one sees which of the two was read."""
    folder = copied_sdxl(tmp_path / "sdxl")
    for file in weights_of(folder):
        doubled = {key: 2 * tensor for key, tensor in load_file(file).items()}
        save_file(doubled, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    pipeline = load(base=folder, dtype=dtype).pipeline
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        file = next(file for file in weights_of(folder) if file.parent.name == part and "fp16" not in file.name)
        found, stored = getattr(pipeline, part).state_dict(), load_file(file)
        key = next(k for k in stored if k.endswith(("conv_in.weight", "token_embedding.weight")))
        found = found[key] if key in found else found[key.removeprefix("text_model.")]
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), (2 if taken == "fp16" else 1) * stored[key], atol=1e-2, rtol=1e-2)


def test_a_part_without_weights_says_what_is_there(tmp_path):
    folder = copied_sdxl(tmp_path / "sdxl")
    vae = folder / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_name("diffusion_pytorch_model.ema.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"vae: no weights .*found diffusion_pytorch_model.ema.safetensors"):
        load(base=folder)
    vae.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 334643268\n")
    with pytest.raises(ValueError, match=r"vae/diffusion_pytorch_model.safetensors is a git-lfs pointer"):
        load(base=folder)
