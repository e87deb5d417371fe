"""LoRA on the language model of a LLaVA, and the projector trained with it: added, saved, loaded, merged (peft).

Knows nothing of data, of optimizers or of manifests.
"""

import json
import re
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as PeftLinear
from safetensors.torch import save_file
from torch import nn

from mirror.checkpoint import read_manifest
from mirror.llava import Llava, load
from mirror.run import input_path
from mirror.weights import read_tensors

# Every linear layer of the language model and nothing else: plain names would also hit the vision tower's q/k/v_proj.
TARGETS = r".*language_model\.layers\.\d+\.(?:self_attn|mlp)\.(?:q|k|v|o|gate|up|down)_proj"
LORA_KEY = re.compile(r"(layers\.\d+\.(?:self_attn|mlp)\.\w+_proj)\.lora_([AB])(?:\.default)?\.weight$")
PROJECTOR_KEY = re.compile(r"(?:mm_projector\.([02])|(?<!original_module\.)linear_([12]))\.(weight|bias)$")
PROJECTOR_FILE = "projector.safetensors"


class LoraLinear(PeftLinear):
    """peft's LoRA layer, y = Wx + B(sAx), as an expression that a compiler can fuse.

    It scales the r-wide hidden row instead of the output and casts its float32 weights to x, never x to float32.
    Equal to peft's own layer up to rounding.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.disable_adapters or self.merged:
            return self.base_layer(x)
        down, up = self.lora_A["default"].weight.to(x.dtype), self.lora_B["default"].weight.to(x.dtype)
        hidden = F.linear(self.lora_dropout["default"](x), down) * self.scaling["default"]
        return self.base_layer(x) + F.linear(hidden, up)


def add_lora(model: nn.Module, rank: int, alpha: float, dropout: float, seed: int, fused: bool = True) -> PeftModel:
    """`model` with fresh LoRA weights (float32, drawn from `seed`) and a trainable float32 projector; all else frozen.

    `fused` picks `LoraLinear`; without, peft's own layer computes the same (for comparison).
    """
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, bias="none", target_modules=TARGETS)
    if fused:
        config._register_custom_module({nn.Linear: LoraLinear})
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for a property under its old name
        torch.manual_seed(seed)
        lora_model = get_peft_model(model, config)
    trained = projector(lora_model).float().requires_grad_(True)
    trained.register_forward_pre_hook(_in_own_precision)  # the vision tower may be in bf16
    return lora_model


def _in_own_precision(module: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0].to(module.linear_1.weight.dtype),)


def projector(model: nn.Module) -> nn.Module:
    """The two-layer MLP between vision tower and language model."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return base.model.multi_modal_projector


def language_model(model: nn.Module) -> nn.Module:
    """The decoder, without its output head."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return base.model.language_model


def lora_weights(model: PeftModel) -> list[nn.Parameter]:
    return [p for name, p in model.named_parameters() if "lora_" in name]


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Writes `adapter_config.json`, `adapter_model.safetensors` and `projector.safetensors` into `folder`."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (Path(folder) / "README.md").unlink(missing_ok=True)  # peft's empty model card
    tensors = {key: value.detach().cpu().contiguous() for key, value in projector(model).state_dict().items()}
    save_file(tensors, Path(folder) / PROJECTOR_FILE)


def load_adapter(model: nn.Module, folder: Path) -> PeftModel:
    """`model` with the adapter and projector of `folder`, written by this software or by the original trainer."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    lora_model = add_lora(model, config["r"], config["lora_alpha"], config["lora_dropout"], seed=0)
    load_weights(lora_model, folder)
    return lora_model.eval()


def load_checkpoint(
    folder: Path,
    base_model: str = "",
    vision_tower: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Llava:
    """The LLaVA of a checkpoint: its base model with adapter and projector in place, ready to answer.

    The base is the manifest's, unless `base_model` names one: the original trainer writes no manifest, so its
    checkpoints need that (and, where it was moved, the vision tower).
    """
    revision = ""
    if not base_model:
        manifest = read_manifest(folder)
        base_model, revision = manifest.base_model, manifest.revision
        vision_tower = vision_tower or manifest.vision_tower
    local = input_path(base_model)
    llava = load(str(local) if local.is_dir() else base_model, revision, vision_tower, dtype, device)
    load_adapter(llava.model, folder)  # peft puts the layers into the model itself
    return llava


def load_weights(model: PeftModel, folder: Path) -> None:
    """Puts the adapter and projector of `folder` into `model`, under whichever names they were written.

    Raises ValueError where a weight is missing, left over or of another shape: nothing is skipped in silence.
    """
    names = ("adapter_model.safetensors", "adapter_model.bin", PROJECTOR_FILE, "non_lora_trainables.bin")
    files = [Path(folder) / name for name in names if (Path(folder) / name).is_file()]
    found = {_place(key, file): tensor for file in files for key, tensor in read_tensors(file).items()}
    wanted = {_place(name, folder): p for name, p in model.named_parameters() if p.requires_grad}
    if missing := sorted(wanted.keys() - found.keys()):
        raise ValueError(
            f"{folder}: {len(missing)} weights are missing, e.g. {missing[0]}; read: {[file.name for file in files]}"
        )
    if unknown := sorted(found.keys() - wanted.keys()):
        raise ValueError(f"{folder}: {len(unknown)} weights have no place in this model, e.g. {unknown[0]}")
    for name, parameter in wanted.items():
        if parameter.shape != found[name].shape:
            raise ValueError(
                f"{folder}: {name} has shape {tuple(found[name].shape)}, the base model needs "
                f"{tuple(parameter.shape)}; is it the base model that the adapter was trained on?"
            )
        with torch.no_grad():
            parameter.copy_(found[name])


def _place(key: str, source: str | Path) -> str:
    """One name for a weight, whoever wrote it: `layers.0.mlp.up_proj.A` or `projector.1.bias`."""
    if (match := LORA_KEY.search(key)) and "vision" not in key:
        return f"{match[1]}.{match[2]}"
    if match := PROJECTOR_KEY.search(key):
        return f"projector.{match[2] or {'0': 1, '2': 2}[match[1]]}.{match[3]}"
    raise ValueError(
        f"{source}: {key} is neither LoRA on the language model nor the projector; such an adapter is not LLaVA's"
    )


def merge_adapter(model: nn.Module) -> nn.Module:
    """The plain model with the adapter folded into its weights, all in the precision of the base model."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLinear):
            layer.merge()
            model.set_submodule(name, layer.base_layer)
    return model.to(model.lm_head.weight.dtype)
