"""What is known of a family of models beyond what its own config, processor and chat template say. Imports no model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

RECORDS = "mirror.models.families.records"


@dataclass(frozen=True)
class Family:
    """How the models of a family differ from others; chosen by the `model_type` of a model's config.

    How an image is written in a prompt is the chat template's matter, and how many positions it takes the processor's.

    Attributes:
        model_types: of the family's configs.
        language_model: path of the language model, without its output head; all its linear layers get LoRA.
        projector: paths of the modules between vision tower and language model, which are trained, too; of a list of
            modules, each.
        vision_tower: paths of all other parts that are not the language model's; frozen, and never quantized.
        processor: class in transformers, or a function that makes one; empty for a family without images.
        token_types: the model's argument that tells the positions of images from those of text; empty if it has none.
        template_options: for the chat template, such as to leave out thoughts.
        prepare: makes of a model and its inputs on the CPU what its forward pass takes in training, on its device; for
            a pass that would ask the GPU for numbers and wait for them. None: the inputs as they are.
        compiles: whether a decoding step can be compiled, even if the class in transformers says that of a whole pass,
            with its images, this does not hold.
    """

    model_types: tuple[str, ...]
    language_model: str = "model.language_model"
    projector: tuple[str, ...] = ("model.multi_modal_projector",)
    vision_tower: tuple[str, ...] = ("model.vision_tower",)
    processor: str | Callable[[], Any] = ""
    token_types: str = ""
    template_options: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any, dict[str, Any]], dict[str, Any]] | None = None
    compiles: bool = False

    @property
    def sees(self) -> bool:
        """Whether its models are given images."""
        return bool(self.processor)


@cache
def families() -> dict[str, Family]:
    """All families by the `model_type` of their configs."""
    package = import_module(RECORDS)
    modules = sorted(module.name for module in iter_modules(package.__path__))
    records = [record for name in modules for record in import_module(f"{RECORDS}.{name}").FAMILIES]
    return {name: record for record in records for name in record.model_types}


def family_of(model_type: str | None, where: str = "") -> Family:
    """The family of a model.

    Args:
        model_type: of its config.
        where: the model, for the message.

    Raises:
        ValueError: the family is not known; the message has the list of those that are.
    """
    known = families()
    if model_type in known:
        return known[str(model_type)]
    seeing = ", ".join(sorted(name for name, family in known.items() if family.sees))
    blind = ", ".join(sorted(name for name, family in known.items() if not family.sees))
    raise ValueError(
        f"{where}{': ' if where else ''}models of the type {model_type!r} cannot be the counselor; known are {seeing}, "
        f"and without eyes {blind}; a record in mirror/models/families/records adds another (docs/extend.md)"
    )
