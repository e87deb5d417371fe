"""LoRA on the language model of a LLaVA, and the projector trained with it: added, saved, loaded, merged (peft).

Knows nothing of data, of optimizers or of manifests.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from peft import __version__ as peft_version
from peft.tuners.lora import Linear as PeftLinear
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors.torch import save_file
from torch import nn

from mirror.files.digests import require_intact
from mirror.models.adapter_config import CONFIG_FILE, read_adapter_config
from mirror.models.checkpoint import read_manifest
from mirror.models.llava import Llava, load
from mirror.models.weights import read_tensors
from mirror.paths import input_path

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
    return _with_lora(model, config, seed, fused)


def _with_lora(model: nn.Module, config: LoraConfig, seed: int, fused: bool) -> PeftModel:
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
    """Writes `adapter_config.json`, `adapter_model.safetensors` and `projector.safetensors` into `folder`.

    Raises ValueError where a weight is not finite: a training that diverged leaves no checkpoint.
    """
    _refuse_not_finite({name: p for name, p in model.named_parameters() if p.requires_grad}, "not saved")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (Path(folder) / "README.md").unlink(missing_ok=True)  # peft's empty model card
    tensors = {key: value.detach().cpu().contiguous() for key, value in projector(model).state_dict().items()}
    save_file(tensors, Path(folder) / PROJECTOR_FILE)


def load_adapter(model: nn.Module, folder: Path) -> PeftModel:
    """`model` with the adapter and projector of `folder`, written by this software, by the original trainer or by peft.

    Raises FileNotFoundError or ValueError where the adapter is none, or asks for what would be computed differently.
    """
    tensors = read_weights(folder)
    config = adapter_config(model, folder, tensors.keys())
    lora_model = _with_lora(model, config, seed=0, fused=True)
    put_weights(lora_model, tensors, folder)
    return lora_model.eval()


def adapter_config(model: nn.Module, folder: Path, keys: Iterable[str]) -> LoraConfig:
    """The configuration under which peft gives `model` the LoRA layers of `folder`, each with its own rank and scale.

    `keys` are the names of its weights. Targets and patterns are matched by peft's rules against the names that the
    layers had when the adapter was trained (`model.layers.0…` in the original, `language_model.model.layers.0…` in
    transformers 4), as its weights tell.
    """
    values = read_adapter_config(folder, LoraConfig().to_dict(), peft_version)
    try:
        written = LoraConfig(**{name: value for name, value in values.items() if name != "init_lora_weights"})
    except ValueError as error:
        raise ValueError(f"{folder}/{CONFIG_FILE}: {error}") from None
    prefix = _trained_prefix(folder, keys)
    layers, ranks, alphas = [], {}, {}
    for name in (name for name, _ in model.named_modules() if re.fullmatch(TARGETS, name)):
        trained_name = prefix + name[name.index("layers.") :]
        if written.target_modules != "all-linear" and not check_target_module_exists(written, trained_name):
            continue
        layers.append(name)
        for pattern, found in ((written.rank_pattern, ranks), (written.alpha_pattern, alphas)):
            if pattern and (key := get_pattern_key(pattern.keys(), trained_name)) in pattern:
                found[re.escape(name)] = pattern[key]
    if not layers:
        raise ValueError(
            f"{folder}: target_modules {values['target_modules']!r} name no linear layer of the language model"
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


def _trained_prefix(folder: Path, keys: Iterable[str]) -> str:
    """What stood before `layers.0…` in the names of the modules that the adapter in `folder` was trained on."""
    prefixes = sorted({key[: match.start()] for key in keys if (match := LORA_KEY.search(key))})
    if len(prefixes) != 1:
        raise ValueError(f"{folder}: must hold LoRA weights of one language model, found {prefixes or 'none'}")
    return prefixes[0].removeprefix("base_model.model.")


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
    put_weights(model, read_weights(folder), folder)


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of the adapter and the projector in `folder`, under the names that they were written with.

    Raises FileNotFoundError where there are none, ValueError where one is neither LoRA on the language model nor the
    projector, or a file differs from the folder's digests.
    """
    names = ("adapter_model.safetensors", "adapter_model.bin", PROJECTOR_FILE, "non_lora_trainables.bin")
    files = [Path(folder) / name for name in names if (Path(folder) / name).is_file()]
    if not files:
        raise FileNotFoundError(f"{folder}: no adapter weights; expected adapter_model.safetensors or .bin")
    require_intact(Path(folder))
    tensors = {}
    for file in files:
        found = read_tensors(file)
        for key in found:
            _place(key, file)
        tensors |= found
    return tensors


def _refuse_not_finite(tensors: Mapping[str, torch.Tensor], what: str) -> None:
    if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ValueError(
            f"{what}: {len(bad)} of {len(tensors)} weights are NaN or infinite, e.g. {bad[0]}; the training diverged, "
            "go back to an earlier checkpoint or train again with a lower learning_rate"
        )


def put_weights(model: PeftModel, tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Copies `tensors` into the trainable weights of `model`; `folder` is for messages."""
    _refuse_not_finite(tensors, f"{folder}: not loaded")
    found = {_place(key, folder): tensor for key, tensor in tensors.items()}
    wanted = {_place(name, folder): p for name, p in model.named_parameters() if p.requires_grad}
    if missing := sorted(wanted.keys() - found.keys()):
        hint = (
            "; the projector is in projector.safetensors or non_lora_trainables.bin"
            if missing[0].startswith("projector")
            else ""
        )
        raise ValueError(f"{folder}: {len(missing)} weights are missing, e.g. {missing[0]}{hint}")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise ValueError(
            f"{folder}: {len(unknown)} weights have no place in this model, e.g. {unknown[0]}; is it the base model "
            "that the adapter was trained on, with the same target_modules?"
        )
    for name, parameter in wanted.items():
        if parameter.shape != found[name].shape:
            raise ValueError(
                f"{folder}: {name} has shape {tuple(found[name].shape)}, the base model needs "
                f"{tuple(parameter.shape)}; is it the base model that the adapter was trained on, and the rank that "
                "its adapter_config.json says?"
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


@contextmanager
def without_adapter(model: nn.Module) -> Iterator[None]:
    """Within the block, the language model answers as its base model does; the projector stays as it was trained."""
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLinear)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def merge_adapter(model: nn.Module) -> nn.Module:
    """The plain model with the adapter folded into its weights, all in the precision of the base model."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLinear):
            layer.merge()
            model.set_submodule(name, layer.base_layer)
    return model.to(model.lm_head.weight.dtype)
