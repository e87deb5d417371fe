"""The tiny LLaVA of tests/data/llava-tiny, its published LoRA, and what the tests of models ask of them."""

import json

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

from mirror.models.llava import load, unused_tokens
from mirror.models.llava_chat import tokenize_prompt
from mirror.models.lora import TARGETS, lora_weights, projector
from tests import DATA

GOLDEN = DATA / "llava-tiny"
BASE = GOLDEN / "llava-v1.5-tiny"
ORIGINAL = GOLDEN / "checkpoints" / "llava-v1.5-tiny-mirror_planning-task-lora-epoch1"


def logits(llava, human, pixel_values):
    ids = tokenize_prompt(llava.tokenizer, human, llava.image_token_id, llava.image_tokens)
    with torch.no_grad():
        return llava.model(input_ids=torch.tensor([ids]), pixel_values=pixel_values).logits[0]


def greedy_ids(llava, human, pixel_values, count):
    ids = tokenize_prompt(llava.tokenizer, human, llava.image_token_id, llava.image_tokens)
    output = llava.model.generate(
        input_ids=torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        pixel_values=pixel_values,
        do_sample=False,
        max_new_tokens=count,
        suppress_tokens=unused_tokens(llava.model.config, llava.tokenizer),
        pad_token_id=llava.tokenizer.pad_token_id,
    )
    return output[0, len(ids) :].tolist()


def shake(model, seed=0):
    """Gives the (zero) B matrices values, so that LoRA does something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in lora_weights(model):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))


def pefts_adapter(folder, **changes):
    """An adapter that peft itself made and saved for the tiny LLaVA, with the base's projector beside it."""
    base = load(str(BASE)).model
    tensors = {key: value.contiguous() for key, value in projector(base).state_dict().items()}
    changes = {"target_modules": TARGETS, "r": 8, "lora_alpha": 16} | changes
    init = changes.pop("init_lora_weights", True)
    eager = {} if init == "eva" else {"init_lora_weights": init}  # eva draws its weights from data first
    model = get_peft_model(base, LoraConfig(**changes, **eager))
    shake(model)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    if "modules_to_save" not in changes:
        save_file(tensors, folder / "projector.safetensors")
    write_config(folder, init_lora_weights=init)
    return folder


def write_config(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
