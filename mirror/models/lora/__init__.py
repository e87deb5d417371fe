"""LoRA on the language model of a counselor, with its projector: add, save, load and merge adapters (peft)."""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from peft import __version__ as peft_version
from peft.tuners.lora import Linear as PeftLinear
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from mirror.models.checkpoint import read_manifest
from mirror.models.families import parts
from mirror.models.families.loading import is_llava, load
from mirror.models.families.vlm import Vlm
from mirror.models.hub_id import resolve_model
from mirror.models.lora.adapter_config import CONFIG_FILE, PROJECTORS, read_adapter_config
from mirror.models.lora.adapter_weights import (
    PROJECTOR_FILE,
    add_whole_modules,
    read_adapter_weights,
    refuse_not_finite,
    set_adapter_weights,
    trained_prefix,
)
from mirror.models.quantization.nf4 import rounded

# Exactly the linear layers of LLaVA's language model: plain names would also match the vision tower's q/k/v_proj.
TARGETS = r".*language_model\.layers\.\d+\.(?:self_attn|mlp)\.(?:q|k|v|o|gate|up|down)_proj"
LoraModel: TypeAlias = PeftModel  # a model with LoRA layers, so that callers need not import peft


class LoraLinear(PeftLinear):
    """peft's LoRA layer, y = Wx + B(sAx), as an expression that a compiler can fuse.

    It scales the hidden row of width r instead of the output, and casts its float32 weights to the dtype of x instead
    of x to float32. Equal to peft's own layer up to rounding.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., in] → [..., out], in the dtype of x."""
        if self.disable_adapters or self.merged:
            return self.base_layer(x)
        down, up = self.lora_A["default"].weight.to(x.dtype), self.lora_B["default"].weight.to(x.dtype)
        hidden = F.linear(self.lora_dropout["default"](x), down) * self.scaling["default"]
        return self.base_layer(x) + F.linear(hidden, up)


def add_lora(
    model: PreTrainedModel, rank: int, alpha: float, dropout: float, seed: int, fused: bool = True
) -> LoraModel:
    """Add new LoRA weights and make the projector trainable, both in float32; all other weights are frozen.

    Args:
        model: changed in place.
        rank: width of the LoRA matrices.
        alpha: LoRA's scale is alpha / rank.
        dropout: probability, before the LoRA matrices.
        seed: of the initial weights.
        fused: use `LoraLinear`; False uses peft's own layer, for comparison.
    """
    targets = TARGETS if is_llava(model.config.model_type) else parts.pattern(parts.linear_layers(model))
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, bias="none", target_modules=targets)
    return _with_lora(model, config, seed, fused)


def _with_lora(model: PreTrainedModel, config: LoraConfig, seed: int, fused: bool) -> LoraModel:
    if fused:
        config._register_custom_module({nn.Linear: LoraLinear})
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads a deprecated property of transformers
        torch.manual_seed(seed)
        lora_model = get_peft_model(model, config)
    for trained in parts.projector_modules(model).values():
        trained.float().requires_grad_(True)
        trained.register_forward_pre_hook(_in_own_precision, with_kwargs=True)  # the vision tower may be in bf16
    return lora_model


def _in_own_precision(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
    def cast(value: Any) -> Any:
        is_float = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.to(next(module.parameters()).dtype) if is_float else value

    return tuple(map(cast, inputs)), {name: cast(value) for name, value in named.items()}


def projector(model: PreTrainedModel | LoraModel) -> nn.Module:
    """The modules between vision tower and language model: one, or a list; an empty list without eyes."""
    found = list(parts.projector_modules(_base(model)).values())
    return found[0] if len(found) == 1 else nn.ModuleList(found)


def language_model(model: PreTrainedModel | LoraModel) -> Any:
    """The decoder, without its output head."""
    return parts.language_model(_base(model))


def _base(model: PreTrainedModel | LoraModel) -> PreTrainedModel:
    return model.get_base_model() if isinstance(model, PeftModel) else model


def lora_weights(model: LoraModel) -> list[nn.Parameter]:
    """The A and B matrices of all LoRA layers."""
    return [p for name, p in model.named_parameters() if "lora_" in name]


def save_adapter(model: LoraModel, folder: Path) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors` into `folder`.

    The projector of LLaVA-1.5 goes into a file of its own, as from the original trainer; that of others is in peft's
    files as a module that was trained whole, so that peft loads it by itself.

    Raises:
        ValueError: a weight is not finite, so that a diverged training writes no checkpoint.
    """
    refuse_not_finite({name: p for name, p in model.named_parameters() if p.requires_grad}, "not saved")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (Path(folder) / "README.md").unlink(missing_ok=True)  # peft's empty model card
    base = model.get_base_model()
    modules = {"": projector(model)} if is_llava(base.config.model_type) else parts.projector_modules(base)
    tensors = {
        f"{path}.{key}".lstrip("."): value.detach().cpu().contiguous()
        for path, module in modules.items()
        for key, value in module.state_dict().items()
    }
    if is_llava(base.config.model_type):
        save_file(tensors, Path(folder) / PROJECTOR_FILE)
    elif modules:
        add_whole_modules(folder, list(modules), tensors)


def load_adapter(model: PreTrainedModel, folder: Path) -> LoraModel:
    """Add the adapter and projector of `folder`, written by this software, by the original trainer or by peft.

    Args:
        model: the base model, changed in place.
        folder: of the adapter.

    Returns:
        The model with its adapter, in evaluation mode.

    Raises:
        FileNotFoundError: there is no adapter.
        ValueError: the adapter does not fit the model, or has options that would be computed differently here.
    """
    tensors = read_adapter_weights(folder, parts.family_of_model(model))
    config = adapter_config(model, folder, tensors.keys())
    lora_model = _with_lora(model, config, seed=0, fused=True)
    set_adapter_weights(lora_model, tensors, folder)
    return lora_model.eval()


def adapter_config(model: PreTrainedModel, folder: Path, keys: Iterable[str]) -> LoraConfig:
    """The peft configuration that gives `model` the LoRA layers of an adapter, each with its own rank and scale.

    Targets and patterns are matched by peft's rules against the names that the layers had when the adapter was
    trained: `model.layers.0…` in the original, `language_model.model.layers.0…` in transformers 4.

    Args:
        model: the base model.
        folder: of the adapter.
        keys: names of the adapter's weights, which tell the layers' names in training.

    Raises:
        FileNotFoundError: there is no `adapter_config.json`.
        ValueError: it is damaged, not supported, or matches no layer.
    """
    names = PROJECTORS if is_llava(model.config.model_type) else list(parts.projector_modules(model))
    values = read_adapter_config(folder, LoraConfig().to_dict(), peft_version, names)
    try:
        written = LoraConfig(**{name: value for name, value in values.items() if name != "init_lora_weights"})
    except ValueError as error:
        raise ValueError(f"{folder}/{CONFIG_FILE}: {error}") from None
    prefix = trained_prefix(folder, keys) if is_llava(model.config.model_type) else ""
    layers: list[str] = []
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    for name in parts.linear_layers(model):
        trained_name = prefix + name[name.index("layers.") :] if prefix else name
        if written.target_modules != "all-linear" and not check_target_module_exists(written, trained_name):
            continue
        layers.append(name)
        for pattern, values_of in ((written.rank_pattern, ranks), (written.alpha_pattern, alphas)):
            if pattern and (key := get_pattern_key(pattern.keys(), trained_name)) in pattern:
                values_of[re.escape(name)] = pattern[key]
    if not layers:
        raise ValueError(
            f"{folder}: target_modules {values['target_modules']!r} match no linear layer of the language model"
        )
    return LoraConfig(
        r=written.r,
        lora_alpha=written.lora_alpha,
        lora_dropout=written.lora_dropout,
        use_rslora=written.use_rslora,
        rank_pattern=ranks,
        alpha_pattern=alphas,
        target_modules=layers,
        bias="none",
    )


def load_checkpoint(
    folder: Path,
    base_model: str = "",
    vision_tower: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Vlm:
    """Load the LLaVA of a checkpoint: its base model with adapter and projector.

    Args:
        folder: the checkpoint.
        base_model: Hub id or folder; empty for the one in the checkpoint's manifest. The original trainer writes no
            manifest, so its checkpoints need this argument.
        vision_tower: Hub id or folder, for an original-format base model whose vision tower was moved.
        dtype: of the base model's weights.
        device: a PyTorch device.

    Raises:
        FileNotFoundError: the checkpoint or its base model was not found.
        ValueError: the checkpoint is damaged, or does not fit its base model.
    """
    revision = ""
    if not base_model:
        manifest = read_manifest(folder)
        base_model, revision = manifest.base_model, manifest.revision
        vision_tower = vision_tower or manifest.vision_tower
    llava = load(resolve_model(base_model), revision, vision_tower, dtype, device)
    load_adapter(llava.model, folder)  # peft adds the layers to the model in place
    return llava


@contextmanager
def without_adapter(model: nn.Module) -> Iterator[None]:
    """Disable LoRA within the block; the trained projector stays in place."""
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLinear)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def round_frozen_weights(model: nn.Module) -> None:
    """Round the frozen weights under every LoRA layer to what products with their 4 bits use, in place.

    Raises:
        ValueError: bitsandbytes cannot be used here.
    """
    for layer in model.modules():
        if isinstance(layer, LoraLinear):
            layer.base_layer.weight.data = rounded(layer.base_layer.weight)


def merge_adapter(model: PreTrainedModel, adapter: bool = True) -> PreTrainedModel:
    """Merge the adapter into the weights of `model`, in place; all weights get the base model's dtype.

    Args:
        model: changed in place.
        adapter: if not, the adapter is dropped; the trained projector stays in place.
    """
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLinear):
            if adapter:
                layer.merge()
            model.set_submodule(name, layer.base_layer)
    return model.to(model.get_output_embeddings().weight.dtype)
