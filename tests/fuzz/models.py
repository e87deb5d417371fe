"""The readers of models' folders: weights and their headers, LoRAs as published, configurations."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save

from mirror.faces.attributes import FaceAttributes
from mirror.faces.photomaker.distilled import replace_weights, require_finite
from mirror.faces.photomaker.lora import fuse, lora_metadata, read_lora
from mirror.faces.photomaker.pipeline import check_pipeline
from mirror.faces.photomaker.weights import fuse_lora, read_adapter
from mirror.models.generation_config import ends_only
from mirror.models.lora.adapter_weights import load_adapter_weights
from mirror.models.weights import read_config, read_tensors
from mirror.paths import input_path
from tests.fuzz.reader import Files, Reader
from tests.published_loras import as_diffusers, as_kohya, as_processors, random_pairs
from tests.tiny_photomaker import GOLDEN

LANGUAGE = ("layers.0.self_attn.q_proj.lora_A.weight", "layers.0.self_attn.q_proj.lora_B.weight")
LAYERS = 3  # of a LoRA that is drawn around


def make(folder: Path) -> dict[str, Reader]:
    """Every reader, with what is valid for it; `folder` is for the files that they read."""
    file = Files(folder / "models")
    return weights(file) | configurations(file) | {"face pack": face_pack(file)}


def weights(file: Files) -> dict[str, Reader]:
    """Files of tensors."""
    unet = UNet2DConditionModel.from_pretrained(GOLDEN / "sdxl-tiny" / "unet")
    before = {name: value.clone() for name, value in unet.state_dict().items()}

    def distillation(path: Path) -> None:
        tensors = read_tensors(path)
        require_finite(tensors, path)
        try:
            if any("lora" in key for key in tensors):
                fuse(unet, read_lora(tensors, lora_metadata(path), unet, path), path)
            else:
                replace_weights(unet, tensors, path)
        finally:
            unet.load_state_dict(before)

    def adapter(path: Path) -> None:
        try:
            fuse_lora(unet, read_adapter(path)[1])
        finally:
            unet.load_state_dict(before)

    language = {f"base_model.model.{name}": torch.ones(2, 2) for name in LANGUAGE}
    parameters = {name: torch.nn.Parameter(torch.zeros(2, 2)) for name in language}
    base = SimpleNamespace(config=SimpleNamespace(model_type="llava"))
    model = SimpleNamespace(named_parameters=parameters.items, get_base_model=lambda: base)

    def counselor(path: Path) -> None:
        load_adapter_weights(model, path.parent)

    pairs = dict(list(random_pairs(unet, 2).items())[:LAYERS])
    forms = (as_diffusers(pairs), as_processors(pairs), as_kohya(pairs))
    metadata = {
        "lora_adapter_metadata": json.dumps({"unet.r": 2, "unet.lora_alpha": 4, "unet.alpha_pattern": {"a": 2}})
    }
    loras = (*map(save, forms), save(forms[0], metadata), save(dict(list(before.items())[:LAYERS])))
    attention = {name: pair for name, pair in pairs.items() if ".to_" in name} or pairs
    nested = {"id_encoder": {"a": torch.zeros(2)}, "lora_weights": as_processors(attention)}
    flat = {f"{part}.{name}": value for part, those in nested.items() for name, value in those.items()}
    return {
        "distillation, safetensors": Reader(file("lora.safetensors", distillation), (ValueError,), loras),
        "distillation, pickle": Reader(file("lora.bin", distillation), (ValueError,), tuple(map(_pickled, forms))),
        "lora on a language model, safetensors": Reader(
            file("counselor/adapter_model.safetensors", counselor), (ValueError,), (save(language),)
        ),
        "lora on a language model, pickle": Reader(
            file("counselor-bin/adapter_model.bin", counselor), (ValueError,), (_pickled(language),)
        ),
        "adapter, safetensors": Reader(file("adapter.safetensors", adapter), (ValueError,), (save(flat),)),
        "adapter, pickle": Reader(file("adapter.bin", adapter), (ValueError,), (_pickled(nested),)),
    }


def face_pack(file: Files) -> Reader:
    """The networks of a pack that reads faces; one of them is drawn."""
    pack = input_path("pocket/models/faces-pocket")
    read = file("pack/genderage.onnx", lambda path: FaceAttributes.load(str(path.parent), "cpu"))
    for path in pack.iterdir():
        shutil.copyfile(path, file.folder / "pack" / path.name)
    return Reader(read, (ValueError,), ((pack / "genderage.onnx").read_bytes(),))


def configurations(file: Files) -> dict[str, Reader]:
    """JSON files of models' folders."""
    tokenizer = SimpleNamespace(eos_token_id=2, bos_token_id=1, pad_token_id=0)

    def ends(path: Path) -> None:
        ends_only(path.parent, tokenizer)

    generation = {"eos_token_id": [2, 3], "bos_token_id": 1, "do_sample": True, "temperature": 0.9}
    config = {"model_type": "llava", "text_config": {"eos_token_id": 2, "hidden_size": 8}, "image_token_index": 5}
    index = {"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    return {
        "generation config": Reader(
            file("generation/generation_config.json", ends), (ValueError,), (_json(generation),)
        ),
        "end tokens of a config": Reader(file("ends/config.json", ends), (ValueError,), (_json(config),)),
        "config": Reader(
            file("config/config.json", lambda path: read_config(path.parent)), (ValueError,), (_json(config),)
        ),
        "pipeline": Reader(
            file("pipeline/model_index.json", lambda path: check_pipeline(path.parent)),
            (ValueError, FileNotFoundError),
            (_json(index),),
        ),
    }


def _pickled(value: Any) -> bytes:
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
