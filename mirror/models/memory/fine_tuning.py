"""Bytes of memory that fine-tuning a LLaVA with LoRA takes, estimated from its config. Loads nothing.

The need of a position was fitted to measured peaks, `results/benchmarks/train-7b.md` and `train-13b.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mirror.files.json_file import read_json
from mirror.models.memory.plan import LIBRARIES, shown
from mirror.models.memory.sizes import text_config
from mirror.models.quantization import Quantize
from mirror.models.quantization.nf4 import BYTES

TRAINED = 16  # bytes per trained weight: itself, its gradient and AdamW's two moments, in float32
ANSWER = 1 / 8  # share of the positions that are predicted, with logits in memory; more than in the published sets
LOGIT = 14  # bytes: in bf16 or float32, as float32, and their gradients
VISION = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "image_size": 336, "patch_size": 14}
VOCABULARY = 32064


@dataclass(frozen=True)
class Model:
    """The sizes of a LLaVA-1.5, from its config.

    Attributes:
        hidden: width of the language model.
        inner: width of its MLP.
        layers: of the language model.
        heads: width of keys and values together, as a share of `hidden`.
        vocabulary: rows of the embedding and of the output head.
        vision: entries of the vision tower's config.
    """

    hidden: int
    inner: int
    layers: int
    heads: float
    vocabulary: int
    vision: Mapping[str, int]

    @classmethod
    def of(cls, folder: Path) -> "Model":
        """The sizes of the model in a folder that holds at least its `config.json`."""
        text = text_config(folder)
        vision = read_json(folder / "config.json").get("vision_config") or {}
        return cls(
            text["hidden_size"],
            text["intermediate_size"],
            text["num_hidden_layers"],
            text.get("num_key_value_heads", text["num_attention_heads"]) / text["num_attention_heads"],
            text.get("vocab_size", VOCABULARY),
            {name: int(vision.get(name) or value) for name, value in VISION.items()},
        )

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the linear layers of one decoder layer, all of which get LoRA."""
        narrow = round(self.hidden * self.heads)
        attention = [(self.hidden, self.hidden), *[(self.hidden, narrow)] * 2, (self.hidden, self.hidden)]
        return [*attention, *[(self.hidden, self.inner)] * 2, (self.inner, self.hidden)]

    @property
    def linear(self) -> int:
        """Weights of the decoder's linear layers."""
        return self.layers * sum(wide * high for wide, high in self.shapes)

    @property
    def projector(self) -> int:
        """Weights of the projector."""
        return self.vision["hidden_size"] * self.hidden + self.hidden**2 + 2 * self.hidden

    @property
    def other(self) -> int:
        """Frozen weights besides: embedding, output head, norms, vision tower."""
        wide, inner = self.vision["hidden_size"], self.vision["intermediate_size"]
        embeddings = (self.patches + 2 + 3 * self.vision["patch_size"] ** 2) * wide
        block = 4 * wide**2 + 2 * wide * inner + 9 * wide + inner
        text = 2 * self.vocabulary * self.hidden + (2 * self.layers + 1) * self.hidden
        return text + embeddings + self.vision["num_hidden_layers"] * block + 4 * wide

    @property
    def patches(self) -> int:
        """Positions of an image in the vision tower, without the class token."""
        return (self.vision["image_size"] // self.vision["patch_size"]) ** 2

    def lora(self, rank: int) -> int:
        """Weights of LoRA of this rank on the decoder's linear layers."""
        return self.layers * rank * sum(wide + high for wide, high in self.shapes)


@dataclass(frozen=True)
class Way:
    """A way to train, as far as memory depends on it.

    Attributes:
        quantize: of the frozen linear layers.
        itemsize: bytes of a frozen weight that is not quantized, and of an activation.
        rank: of LoRA.
        dropout: of LoRA.
        positions: of the longest example, with the image's.
        micro_batch: examples of that length that are computed together.
        recompute: whether only the inputs of the decoder layers are kept for the backward pass.
    """

    quantize: Quantize
    itemsize: int
    rank: int
    dropout: float
    positions: int
    micro_batch: int
    recompute: bool


@dataclass(frozen=True)
class Need:
    """The need of a training on its GPU, in bytes.

    Attributes:
        weights: frozen ones.
        trained: LoRA and projector with gradients and the optimizer's states.
        activations: of a micro-batch, with logits and what a layer needs while it works.
    """

    weights: int
    trained: int
    activations: int

    @classmethod
    def of(cls, model: Model, way: Way) -> "Need":
        """The need of training `model` in this way."""
        linear = BYTES if way.quantize == "nf4" else way.itemsize
        return cls(
            weights=round(model.linear * linear) + model.other * way.itemsize,
            trained=(model.lora(way.rank) + model.projector) * TRAINED,
            activations=_activations(model, way),
        )

    @property
    def total(self) -> int:
        """Bytes at the most demanding moment, with what the GPU's libraries take."""
        return self.weights + self.trained + self.activations + LIBRARIES

    def sentence(self, available: int) -> str:
        """The need beside what there is: `needs about 12.9 GB of 25.3 GB (frozen weights 4.5 GB, …)`."""
        parts = {"frozen weights": self.weights, "LoRA with optimizer": self.trained, "activations": self.activations}
        named = ", ".join(f"{name} {shown(size)}" for name, size in parts.items())
        return f"needs about {shown(self.total)} of {shown(available)} ({named})"


def _activations(model: Model, way: Way) -> int:
    dropped = 6 * model.hidden + model.inner  # the inputs of the LoRA layers, kept once more behind dropout
    layer = (7 * model.hidden + 3.5 * model.inner + bool(way.dropout) * dropped) * way.itemsize
    kept = model.layers * layer
    if way.recompute:
        kept = model.layers * model.hidden * way.itemsize + 2 * layer
    seen = model.patches * (model.vision["num_hidden_layers"] + 10) * model.vision["hidden_size"] * way.itemsize
    logits = ANSWER * way.positions * model.vocabulary * LOGIT
    dequantized = 2 * model.hidden * model.inner * way.itemsize if way.quantize == "nf4" else 0
    return round(way.micro_batch * (way.positions * kept + seen + logits)) + dequantized
