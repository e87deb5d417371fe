"""LLaVA-1.5 in its authors' own format, read into transformers' classes. Knows nothing of other formats."""

import math
from pathlib import Path

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
from mirror.models.weights import HALF, load_pretrained, load_weights, resolve, without_progress_bars

VISION_SELECT = {"patch": "default", "cls_patch": "full"}  # original name → transformers' name


def load_original(
    folder: Path, config: dict, vision_tower: str, dtype: torch.dtype
) -> tuple[LlavaForConditionalGeneration, LlamaTokenizer, CLIPImageProcessorPil]:
    """Model, tokenizer and image processor of an original-format folder with its `config`.

    The vision tower is `vision_tower`, or what the config names: a Hub id, or a folder beside this one. The
    vocabulary gets `<image>` and `<pad>` behind it and is rounded up to 64 rows, as `llava-hf` has it.
    """
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
    named = vision_tower or config["mm_vision_tower"]
    beside = folder.parent / named
    tower_folder = beside if beside.is_dir() else resolve(named, half=dtype in HALF)
    tower = load_pretrained(CLIPVisionModel, tower_folder, dtype)

    tokenizer = LlamaTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE], "pad_token": "<pad>"})
    rows = 64 * math.ceil(len(tokenizer) / 64)
    text_config = LlamaConfig.from_dict({**config, "model_type": "llama", "vocab_size": rows})
    llava_config = LlavaConfig(
        vision_config=tower.config,
        text_config=text_config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=config["mm_vision_select_layer"],
        vision_feature_select_strategy=VISION_SELECT[feature],
        projector_hidden_act="gelu",
    )
    weights = load_weights(folder, dtype in HALF)
    weights = {rename_original(key): value for key, value in weights.items() if "vision_tower" not in key}
    for key in ("model.language_model.embed_tokens.weight", "lm_head.weight"):
        if (given := weights.get(key)) is None or len(given) > rows:
            found = "none" if given is None else f"{len(given)} rows"
            raise ValueError(
                f"{folder}: {key} must have at most {rows} rows, as the tokenizer has words; found {found}"
            )
        weights[key] = torch.cat([given, given.new_zeros(rows - len(given), given.shape[1])])
    weights |= {f"model.vision_tower.{key}": value for key, value in tower.state_dict().items()}
    with without_progress_bars():
        model, report = LlavaForConditionalGeneration.from_pretrained(
            None, config=llava_config, state_dict=weights, dtype=dtype, output_loading_info=True
        )
    if report["missing_keys"] or report["unexpected_keys"]:
        raise ValueError(
            f"{folder}: the weights do not fit its config; missing {sorted(report['missing_keys'])[:3]}, "
            f"unknown {sorted(report['unexpected_keys'])[:3]}"
        )
    return model, tokenizer, CLIPImageProcessorPil.from_pretrained(tower_folder)


def rename_original(key: str) -> str:
    """The original's weight name in transformers' words: `model.layers.0…` → `model.language_model.layers.0…`."""
    projector = {"model.mm_projector.0.": "linear_1.", "model.mm_projector.2.": "linear_2."}
    for prefix, name in projector.items():
        if key.startswith(prefix):
            return f"model.multi_modal_projector.{name}{key.removeprefix(prefix)}"
    return key.replace("model.", "model.language_model.", 1) if key.startswith("model.") else key
