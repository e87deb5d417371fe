"""The model card of a checkpoint, its README.md: what it is and is not for, how it was trained, how it is loaded."""

import json
from pathlib import Path

from mirror.files.atomic import write_text
from mirror.models.checkpoint import OTHER, Manifest, model_name
from mirror.models.hub_id import is_hub_id

FILE = "README.md"
RECIPE = (
    "epochs batch_size learning_rate projector_learning_rate lora_rank lora_alpha lora_dropout weight_decay "
    "warmup_ratio max_grad_norm quantize float8 seed"
).split()
KINDS = {
    "base": "answers from the client's words and face",
    "planning": "also plans a session with a technique of cognitive behavioral therapy",
    "ec": "also puts the client's face into words",
    "ec_planning": "also puts the client's face into words, and plans a session with a technique of cognitive "
    "behavioral therapy",
}
PEFT = """```python
from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

model = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained("{base}"), "path/of/this/folder")
processor = AutoProcessor.from_pretrained("{base}")
```

A base model without eyes is loaded with `AutoModelForCausalLM` and `AutoTokenizer`."""
LLAVA = """The projector is in `projector.safetensors`, as peft knows LoRA alone; `mirror.models.lora.load_checkpoint`
loads both. For other software, merge them into one folder:
`python -m mirror.models.merge path/of/this/folder merged/model`."""


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write the card of the checkpoint in `folder`."""
    write_text(folder / FILE, card(manifest))


def card(manifest: Manifest) -> str:
    """The card: a head for the Hub in YAML, and Markdown."""
    base, cot = _without_folders(manifest.base_model), manifest.cot
    name = model_name(base)
    head: dict[str, str | list[str]] = {"base_model": base} if is_hub_id(manifest.base_model) else {}
    head |= {"library_name": "peft", "pipeline_tag": "image-text-to-text", "tags": ["lora", "counseling", "mirror"]}
    yaml = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())
    rows = "\n".join(f"| {name} | {manifest.settings[name]} |" for name in RECIPE if name in manifest.settings)
    losses = ", ".join(
        f"{kind.replace('_', ' ')} {loss:.3f}" for kind, loss in manifest.losses.items() if loss is not None
    )
    loading = PEFT.format(base=base) if manifest.size == OTHER else LLAVA
    revision = f" (revision {manifest.revision})" if manifest.revision else ""
    derived = "".join(f"\n- {change}" for change in manifest.derived)
    return f"""---
{yaml}
---

# {name}, tuned as a counselor: {cot}

LoRA on the language model of {base}{revision}, with its projector. The model {KINDS[cot]}.

**For research alone.** It is not a therapist, was not tested with persons in need, and must not be offered to them.

## Training

Data: `{_without_folders(manifest.data)}` (SHA-256 {manifest.data_sha256[:16]}…).{derived}
Step {manifest.step} of {manifest.steps}, {manifest.epoch:g} epochs; loss in nats per answer token: {losses or "none"}.

| parameter | value |
|---|---|
{rows}

`manifest.json` has all settings and the versions of libraries, `prompts.json` the prompts that the model knows.

## Loading

{loading}
"""


def _without_folders(path: str) -> str:
    """The path as it was given; of an absolute one, which tells where somebody keeps files, the name alone."""
    return Path(path).name if Path(path).is_absolute() else path
