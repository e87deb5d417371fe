"""The sizes of a model of any family, counted on the model itself without its weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mirror.models.families.loading import read_family
from mirror.models.families.parts import linear_layers, projector_modules
from mirror.models.families.weightless import weightless
from mirror.models.memory.fine_tuning import VISION, Model

DEPTHS = ("num_hidden_layers", "depth")  # what families call the number of layers of a vision tower
FACE = 336  # pixels of a side, as faces are saved


@dataclass(frozen=True)
class CountedModel(Model):
    """As `Model`, of any family.

    Attributes:
        linear_weights: of the language model's linear layers.
        widths: inputs and outputs of these layers, added up.
        projector_weights: of the modules between vision tower and language model.
        all_weights: of the whole model.
    """

    linear_weights: int
    widths: int
    projector_weights: int
    all_weights: int

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The sizes of the model in a folder that holds at least its `config.json`.

        Raises:
            ValueError: its family is not known.
        """
        model = weightless(folder, read_family(folder))
        text = model.config.get_text_config(decoder=True)
        layers = [model.get_submodule(path).weight for path in linear_layers(model)]
        vision = getattr(model.config, "vision_config", None)
        return cls(
            text.hidden_size,
            text.intermediate_size,
            text.num_hidden_layers,
            text.num_key_value_heads / text.num_attention_heads,
            text.vocab_size,
            _vision(vision.to_dict() if vision else {}),
            sum(weight.numel() for weight in layers),
            sum(sum(weight.shape) for weight in layers),
            sum(weight.numel() for module in projector_modules(model).values() for weight in module.parameters()),
            sum(weight.numel() for weight in model.parameters()),
        )

    @property
    def linear(self) -> int:
        """See `Model.linear`."""
        return self.linear_weights

    @property
    def projector(self) -> int:
        """See `Model.projector`."""
        return self.projector_weights

    @property
    def other(self) -> int:
        """See `Model.other`."""
        return self.all_weights - self.linear_weights - self.projector_weights

    def lora(self, rank: int) -> int:
        """See `Model.lora`."""
        return rank * self.widths


def _vision(config: Mapping[str, Any]) -> dict[str, int]:
    """The entries of `VISION`, by whatever names a family has for them; zero layers without eyes."""
    if not config:
        return VISION | {"num_hidden_layers": 0, "hidden_size": 0}
    given = {name: config[name] for name in ("hidden_size", "intermediate_size") if config.get(name)}
    layers = next((config[name] for name in DEPTHS if config.get(name)), VISION["num_hidden_layers"])
    patch = config.get("patch_size") or VISION["patch_size"]
    patch = patch[0] if isinstance(patch, list | tuple) else patch
    return VISION | given | {"num_hidden_layers": layers, "patch_size": patch, "image_size": FACE}
