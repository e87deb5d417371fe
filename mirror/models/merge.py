"""Merges a checkpoint into one plain folder, for vLLM, llama.cpp and other software that reads models of its family.

python -m mirror.models.merge checkpoints/llava-v1.5-7b-mirror_planning-task-lora-epoch5 merged/mirror-7b-planning

Of LLaVA-1.5, it is a `llava-hf` folder, whose chat template passes a prompt on as it is
(`mirror.models.llava_chat.chat_template`), so that a server of this folder reads exactly what `counselor: served`
sends. Others keep the chat template of their base model.
"""

import argparse
import re
import shutil
from pathlib import Path
from typing import get_args

import torch
from huggingface_hub import save_torch_state_dict

from mirror.console import run_command
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.checkpoint import MANIFEST, PROMPTS, writing
from mirror.models.llava import Llava
from mirror.models.llava_chat import chat_template
from mirror.models.lora import load_checkpoint, merge_adapter, round_frozen_weights
from mirror.models.quantization import Quantize
from mirror.models.weights import without_progress_bars
from mirror.paths import display_path, input_path, output_path

# transformers 5's weight names → the published ones, which transformers 4 and 5 and vLLM can read.
PUBLISHED_NAMES = [
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.vision_tower\.(?!vision_model\.)", "vision_tower.vision_model."),
    (r"^model\.", ""),
]
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def merge(
    checkpoint: Path,
    folder: Path,
    base_model: str = "",
    vision_tower: str = "",
    dtype: str = "float16",
    adapter: bool = True,
    quantize: Quantize = "none",
) -> None:
    """Write the model of a checkpoint, adapter merged, as a folder in its family's published form; atomically.

    An adapter is merged into the base model's own weights, also one that was trained over their 4 bits: the merged
    model answers as the checkpoint does when it counsels.

    Args:
        checkpoint: written by this software or by the original trainer.
        folder: must not exist.
        base_model: as in `mirror.models.lora.load_checkpoint`.
        vision_tower: as in `mirror.models.lora.load_checkpoint`.
        dtype: one of `DTYPES`.
        adapter: whether the LoRA adapter is merged. Without it, the folder holds the base language model with the
            trained projector, which answers the prompts that the checkpoint was not trained on, and neither manifest
            nor prompts.
        quantize: `nf4` first rounds the weights under the adapter to 4 bits, so that the merged model answers as the
            model in training did.

    Raises:
        FileExistsError: `folder` exists.
        FileNotFoundError: the checkpoint or its base model was not found.
        ValueError: the checkpoint is damaged, or does not fit its base model; or `quantize` cannot be had here.
    """
    llava = load_checkpoint(checkpoint, base_model, vision_tower, DTYPES[dtype])
    if quantize == "nf4":
        round_frozen_weights(llava.model)
    model = merge_adapter(llava.model, adapter)
    # Tokens that no answer may contain; transformers reads them here, other servers get them with each request.
    model.generation_config.suppress_tokens = llava.unused_tokens
    with writing(folder) as partial:
        if isinstance(llava, Llava):
            _save_llava(llava, partial)
        else:
            with without_progress_bars():
                model.save_pretrained(partial)
            llava.save_processor(partial)
            write_text(partial / "chat_template.jinja", llava.chat.template)
        for name in (MANIFEST, PROMPTS) if adapter else ():
            if (Path(checkpoint) / name).is_file():
                shutil.copy(Path(checkpoint) / name, partial / name)


def _save_llava(llava: Llava, folder: Path) -> None:
    """Save a LLaVA-1.5 under the published names, with the chat template that passes prompts on."""
    model = llava.model
    llava.processor.chat_template = llava.tokenizer.chat_template = chat_template(llava.tokenizer)
    save_torch_state_dict({published_name(k): v for k, v in model.state_dict().items()}, folder)
    model.generation_config.save_pretrained(folder)
    # Older readers look for the image token under its old name.
    write_json(folder / "config.json", model.config.to_dict() | {"image_token_index": llava.image_token_id})
    llava.save_processor(folder)


def published_name(key: str) -> str:
    """The published `llava-hf` name of transformers 5's weight `key`.

    Raises:
        ValueError: LLaVA-1.5 has no such weight.
    """
    for pattern, replacement in PUBLISHED_NAMES:
        renamed = re.sub(pattern, replacement, key)
        if renamed != key:
            return renamed
    raise ValueError(f"{key} is not a weight of LLaVA-1.5")


def main() -> None:
    """Run the command line."""
    description = "Merge a checkpoint into one plain folder of its model."
    parser = argparse.ArgumentParser(prog="python -m mirror.models.merge", description=description)
    parser.add_argument("checkpoint", help="folder of a checkpoint, this software's or the original trainer's")
    parser.add_argument("folder", help="where the merged model is written; must not exist")
    parser.add_argument("--base-model", default="", help="needed for the original trainer's checkpoints")
    parser.add_argument("--vision-tower", default="", help="for an original-format base whose tower was moved")
    parser.add_argument(
        "--without-adapter", action="store_true", help="the base language model with the trained projector"
    )
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="as published: float16")
    what = "nf4: round the weights under the adapter to 4 bits before, as in its training with quantize nf4"
    parser.add_argument("--quantize", choices=get_args(Quantize), default="none", help=what)
    given = parser.parse_args()
    folder = output_path(given.folder)
    try:
        merge(
            input_path(given.checkpoint),
            folder,
            given.base_model,
            given.vision_tower,
            given.dtype,
            not given.without_adapter,
            given.quantize,
        )
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    print(f"written: {display_path(folder)}")


if __name__ == "__main__":
    run_command(main)
