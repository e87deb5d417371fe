"""What a machine can be checked for: the runs that are meant, and the GPUs that they are for."""

from dataclasses import dataclass, field
from typing import Any

from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.models.memory.fine_tuning import VISION, VOCABULARY, Model, Need, Way
from mirror.training.settings import TrainSettings

# Decoders of LLaVA-1.5: Vicuna's sizes. The sums are those of the table in docs/train.md.
MODELS = {
    "7b": Model(4096, 11008, 32, 1.0, VOCABULARY, VISION),
    "13b": Model(5120, 13824, 40, 1.0, VOCABULARY, VISION),
}
BF16 = 2  # bytes of a weight
# Bytes of weights in bf16: Llama-3-8B by its shapes, SDXL with PhotoMaker v1 as in results/benchmarks/memory.md.
DESCRIBER, PAINTER = 16_060_000_000, 7_600_000_000
DIALOGUES = 1000  # of a set that is worth training on, as in docs/real.md
SET = 6_000_000_000  # bytes of its pictures in the run and in the set: results/benchmarks/building.md


@dataclass(frozen=True)
class Target:
    """A kind of machine and what it is to run.

    Attributes:
        train: params file of the training.
        counsel: params file of the counseling.
        gpus: how many it has.
        gpu_gb: gigabytes of each, as its maker counts them.
        counsel_changes: parameters in place of those of the file.
        extras: of this package that the runs need.
        build: params file of the training set; empty if it is here.
        takes_turns: whether models rest in CPU memory while others work, since a GPU does not hold them together.
    """

    train: str
    counsel: str
    gpus: int = 0
    gpu_gb: int = 0
    counsel_changes: dict[str, Any] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    build: str = ""
    takes_turns: bool = False

    @property
    def training(self) -> TrainSettings:
        """The settings of the training."""
        return TrainSettings.from_file(self.train, check_files=False)

    @property
    def counseling(self) -> CounselSettings:
        """The settings of the counseling."""
        return CounselSettings.from_file(self.counsel, check_files=False, **self.counsel_changes)

    @property
    def building(self) -> BuildSettings | None:
        """The settings of the build; its tagger, which is one of `extras`, is left out, since it need not be here."""
        without = {"parts_of_speech": "none", "equal_parts_of_speech": 0}
        return BuildSettings.from_file(self.build, check_files=False, **without) if self.build else None

    @property
    def need(self) -> Need | None:
        """The estimated need of the training on a GPU; None at pocket size.

        With `micro_batch` 0 it is the least: one example at a time, activations recomputed.
        """
        settings = self.training
        if settings.size == "pocket":
            return None
        recompute = settings.micro_batch == 0 or settings.activation_checkpointing == "always"
        way = Way(
            settings.quantize,
            BF16,
            settings.lora_rank,
            settings.lora_dropout,
            settings.max_length,
            max(settings.micro_batch, 1),
            recompute,
        )
        return Need.of(MODELS[settings.size], way)

    @property
    def base_bytes(self) -> int:
        """Bytes of the base model in bf16; 0 at pocket size."""
        model = MODELS.get(self.training.size)
        return BF16 * (model.linear + model.other + model.projector) if model else 0

    @property
    def resting_bytes(self) -> int:
        """Bytes of CPU memory for weights at rest, at most: of the painter, and of who works beside it."""
        if not self.takes_turns:
            return 0
        return PAINTER + max(self.base_bytes, DESCRIBER if self.build else 0)


TARGETS = {
    "laptop": Target("params/train/pocket-planning.yaml", "params/counsel/pocket-planning.yaml"),
    "24gb": Target(
        "params/train/mirror-7b-planning-24gb.yaml",
        "params/counsel/mirror-7b-planning.yaml",
        gpus=1,
        gpu_gb=24,
        counsel_changes={"paint_batch": 1, "concurrency": 4, "describer": "lexicon"},
        extras=("nf4", "build"),
        build="params/build/published.yaml",
        takes_turns=True,
    ),
    "80gb": Target(
        "params/train/mirror-7b-planning.yaml",
        "params/counsel/mirror-7b-planning.yaml",
        gpus=1,
        gpu_gb=80,
        extras=("build",),
        build="params/build/published.yaml",
    ),
    "8x80gb": Target(
        "params/train/mirror-7b-planning.yaml",
        "params/counsel/mirror-7b-planning.yaml",
        gpus=8,
        gpu_gb=80,
        counsel_changes={"workers": 8},
        extras=("ray", "build"),
        build="params/build/published.yaml",
    ),
}


def target_of(gpus: list[int]) -> str:
    """The target that a machine's GPUs suggest.

    Args:
        gpus: bytes of each.
    """
    for name in ("8x80gb", "80gb", "24gb"):
        target = TARGETS[name]
        if sum(size >= target.gpu_gb * 1e9 for size in gpus) >= target.gpus:
            return name
    return "laptop"
