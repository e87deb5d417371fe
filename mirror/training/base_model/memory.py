"""Whether a training fits its GPU, before its model loads, and which parameters would make it fit. Loads nothing."""

from typing import Any

from mirror.models.memory.fine_tuning import Model, Need, Way
from mirror.models.memory.plan import DoesNotFit, shown
from mirror.training.settings import TrainSettings

# Changes that need less memory, those that change least of what is learned first.
SMALLER: tuple[dict[str, Any], ...] = (
    {"activation_checkpointing": "auto"},
    {"quantize": "nf4", "float8": False},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto"},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto", "max_length": 1536},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto", "max_length": 1024},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto", "lora_rank": 64},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto", "lora_rank": 32, "max_length": 1024},
    {"quantize": "nf4", "float8": False, "activation_checkpointing": "auto", "lora_rank": 16, "max_length": 1024},
)


def require_memory(settings: TrainSettings, model: Model, itemsize: int, available: int, device: str) -> str:
    """Check that the least that a training can do with fits: micro-batch 1, with activations recomputed if it may.

    Args:
        settings: of the training.
        model: sizes of the base model.
        itemsize: bytes of a weight that is not quantized.
        available: bytes of the GPU that this process can have.
        device: the GPU's name.

    Returns:
        The least need in words.

    Raises:
        DoesNotFit: it does not fit; the message gives the numbers, and which parameters would fit.
    """
    need = least_need(settings, model, itemsize)
    if need.total <= available:
        return need.sentence(available)
    message = f"the training does not fit {device}: with micro_batch 1 it {need.sentence(available)}; "
    for changes in SMALLER:
        lower = {name: value for name, value in changes.items() if _is_smaller(getattr(settings, name), value)}
        other = least_need(settings.model_copy(update=lower), model, itemsize)
        if lower and other.total <= available:
            named = ", ".join(f"{name} {_written(value)}" for name, value in lower.items())
            raise DoesNotFit(f"{message}with {named} it needs about {shown(other.total)} and fits")
    raise DoesNotFit(f"{message}no parameters fit; use an idle or a larger GPU, or a smaller size")


def least_need(settings: TrainSettings, model: Model, itemsize: int) -> Need:
    """The need with micro-batches of one example, activations recomputed unless the settings forbid it.

    Args:
        settings: of the training.
        model: sizes of the base model.
        itemsize: bytes of a weight that is not quantized.
    """
    recompute = settings.activation_checkpointing != "never"
    way = Way(settings.quantize, itemsize, settings.lora_rank, settings.lora_dropout, settings.max_length, 1, recompute)
    return Need.of(model, way)


def _is_smaller(now: Any, then: Any) -> bool:
    """Whether the value needs less memory."""
    return then < now if isinstance(then, int) and not isinstance(then, bool) else now not in (then, "always")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
