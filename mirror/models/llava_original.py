"""Loads LLaVA-1.5 from its authors' original format into transformers' classes."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionModel,
    LlamaConfig,
    LlamaTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from mirror.models.llava_chat import IMAGE
from mirror.models.weights import HALF, load_pretrained, model_folder, read_state_dict, without_progress_bars

VISION_SELECT = {"patch": "default", "cls_patch": "full"}  # original name → transformers' name


def load_original(
    folder: Path, config: Mapping[str, Any], vision_tower: str, dtype: torch.dtype, **options: Any
) -> tuple[LlavaForConditionalGeneration, LlamaTokenizer, CLIPImageProcessorPil]:
    """Load an original-format folder into transformers' classes.

    The vocabulary gets `<image>` and `<pad>` appended and is rounded up to 64 rows, as in `llava-hf`.

    Args:
        folder: of the model.
        config: its `config.json`.
        vision_tower: Hub id, or folder beside `folder`; empty for the one that the config names.
        dtype: of the weights.
        options: further keyword arguments of `from_pretrained` for the whole model.

    Raises:
        FileNotFoundError: weights or vision tower were not found.
        ValueError: the config or the weights are not those of LLaVA-1.5.
    """
    _check_config(folder, config, vision_tower)
    named = vision_tower or config["mm_vision_tower"]
    beside = folder.parent / named
    tower_folder = beside if beside.is_dir() else model_folder(named, half=dtype in HALF)
    tower = load_pretrained(CLIPVisionModel, tower_folder, dtype)

    tokenizer = LlamaTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE], "pad_token": "<pad>"})
    rows = 64 * math.ceil(len(tokenizer) / 64)
    llava_config = LlavaConfig(
        vision_config=tower.config,
        text_config=LlamaConfig.from_dict({**config, "model_type": "llama", "vocab_size": rows}),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=config["mm_vision_select_layer"],
        vision_feature_select_strategy=VISION_SELECT[config["mm_vision_select_feature"]],
        projector_hidden_act="gelu",
    )
    weights = _language_weights(folder, rows, half=dtype in HALF)
    weights |= {f"model.vision_tower.{key}": value for key, value in tower.state_dict().items()}
    with without_progress_bars():
        model, report = LlavaForConditionalGeneration.from_pretrained(
            None, config=llava_config, state_dict=weights, dtype=dtype, output_loading_info=True, **options
        )
    if report["missing_keys"] or report["unexpected_keys"]:
        raise ValueError(
            f"{folder}: the weights do not fit its config; missing {sorted(report['missing_keys'])[:3]}, "
            f"unknown {sorted(report['unexpected_keys'])[:3]}"
        )
    return model, tokenizer, CLIPImageProcessorPil.from_pretrained(tower_folder)


def _check_config(folder: Path, config: Mapping[str, Any], vision_tower: str) -> None:
    """Raises ValueError where the config is not that of LLaVA-1.5."""
    if config.get("mm_projector_type") != "mlp2x_gelu":
        raise ValueError(
            f"{folder}/config.json: mm_projector_type must be mlp2x_gelu (LLaVA-1.5), "
            f"found {config.get('mm_projector_type')!r}"
        )
    needed = ("mm_vision_select_layer", "mm_vision_select_feature", *([] if vision_tower else ["mm_vision_tower"]))
    if missing := [name for name in needed if name not in config]:
        raise ValueError(f"{folder}/config.json: {', '.join(missing)} missing; get the config of the published model")
    if (feature := config["mm_vision_select_feature"]) not in VISION_SELECT:
        raise ValueError(
            f"{folder}/config.json: mm_vision_select_feature must be {' or '.join(VISION_SELECT)}, found {feature!r}"
        )


def _language_weights(folder: Path, rows: int, half: bool) -> dict[str, torch.Tensor]:
    """Language model and projector under transformers' names; embedding and head zero-padded to `rows` rows."""
    tensors = read_state_dict(folder, half)
    weights = {rename_original(key): value for key, value in tensors.items() if "vision_tower" not in key}
    for key in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        if (given := weights.get(key)) is None or len(given) > rows:
            found = "none" if given is None else f"{len(given)} rows"
            raise ValueError(
                f"{folder}: {key} must have at most {rows} rows, one per token of the tokenizer; found {found}"
            )
        weights[key] = torch.cat([given, given.new_zeros(rows - len(given), given.shape[1])])
    return weights


def rename_original(key: str) -> str:
    """The name in transformers of an original weight: `model.layers.0…` → `model.language_model.layers.0…`."""
    projector = {"model.mm_projector.0.": "linear_1.", "model.mm_projector.2.": "linear_2."}
    for prefix, name in projector.items():
        if key.startswith(prefix):
            return f"model.multi_modal_projector.{name}{key.removeprefix(prefix)}"
    return key.replace("model.", "model.language_model.", 1) if key.startswith("model.") else key
