"""The parameters of fine-tuning, and the recipes that provide their defaults."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from mirror.models.checkpoint import NO_BASE, OTHER, model_name
from mirror.models.quantization import nf4_obstacle
from mirror.paths import input_path
from mirror.settings.base import (
    Cot,
    Count,
    Device,
    Number,
    Positive,
    RunName,
    Share,
    Size,
    TrackedSettings,
    missing_device,
    missing_folder,
    missing_gpu_of_size,
    missing_gpus,
)

# Defaults of each size for parameters that are None: the published recipe, and one for the pocket model.
RECIPES: dict[str, dict[str, Any]] = {
    "7b": {
        "base_model": "llava-hf/llava-1.5-7b-hf",
        "data": "data/mirror/mirror_{cot}.json",
        "image_folder": "data/mirror/images",
        "epochs": 5,
        "batch_size": 32,
        "lora_rank": 128,
        "lora_alpha": 256,
        "lora_dropout": 0.05,
        "learning_rate": 2e-4,
        "projector_learning_rate": 2e-5,
        "max_grad_norm": 1.0,
        "compile": True,
        "activation_budget": 1.0,
        "workers": 4,
    },
    "pocket": {
        "base_model": "pocket/models/llava-v1.5-pocket",
        "data": "pocket/data/mirror_{cot}.json",
        "image_folder": "pocket/data/images",
        "epochs": 1,
        "batch_size": 1,
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "learning_rate": 3e-3,
        "projector_learning_rate": 3e-3,
        "max_grad_norm": 0.2,
        "compile": False,
        "activation_budget": 1.0,
        "workers": 0,
    },
}
RECIPES["other"] = RECIPES["7b"] | {"base_model": ""}
RECIPES["13b"] = RECIPES["7b"] | {"base_model": "llava-hf/llava-1.5-13b-hf", "activation_budget": 0.8}


class TrainSettings(TrackedSettings):
    """The parameters of `notebooks/train.ipynb`, which documents each beside its default."""

    MACHINE = frozenset(
        {"fresh", "keep", "workers", "logging", "show", "max_new_tokens"}
        | {"micro_batch", "activation_checkpointing", "activation_budget", "compile", "gpus"}
    )

    size: Size
    cot: Cot
    base_model: str
    revision: str
    vision_tower: str
    data: str
    image_folder: str
    held_out: Annotated[float, Field(ge=0, le=0.5)]
    on_fault: Literal["refuse", "drop"]
    max_length: Annotated[int, Field(ge=16)]
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    projector_learning_rate: Positive
    lora_rank: Count
    lora_alpha: Count
    lora_dropout: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_ratio: Share
    max_grad_norm: Annotated[float, Field(ge=0)]
    early_stopping: Number
    seed: Number
    device: Device
    gpus: Count
    precision: Literal["auto", "bf16", "float32"]
    micro_batch: Number
    float8: bool
    quantize: Literal["none", "nf4"] = "none"
    activation_checkpointing: Literal["auto", "always", "never"]
    compile: bool
    activation_budget: Annotated[float, Field(gt=0, le=1)]
    workers: Number
    run: RunName
    checkpoint_folder: str
    save_steps: Number
    keep: Number
    show: Count
    max_new_tokens: Count
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in parameters that are None from the recipe of the size, and name the run after size and cot."""
        size, cot = values.get("size"), values.get("cot")
        if not isinstance(size, str) or size not in RECIPES:
            return {"size": size}  # the defaults of all other parameters depend on it
        values = {name: RECIPES[size].get(name) if value is None else value for name, value in values.items()}
        if values.get("run") is None:
            values["run"] = f"train-{model_name(str(values.get('base_model'))) if size == OTHER else size}-{cot}"
        if isinstance(values.get("data"), str):
            values["data"] = values["data"].replace("{cot}", str(cot)).replace("{size}", str(size))
        return values

    def conflicts(self) -> list[str]:
        """Combinations of values that cannot work, one sentence per fault."""
        faults = [] if self.base_model else [NO_BASE]
        if self.micro_batch > self.batch_size:
            faults.append(
                f"micro_batch must be at most batch_size, found {self.micro_batch} and {self.batch_size}; "
                "0 takes the largest that fits"
            )
        if self.early_stopping and not self.held_out:
            faults.append("early_stopping needs held-out dialogues, found held_out 0; raise held_out")
        if self.float8 and (self.device == "cpu" or self.precision == "float32"):
            faults.append("float8 is for a GPU in bf16; set it false, or device auto and precision auto")
        if self.float8 and self.quantize != "none":
            faults.append(f"float8 and quantize {self.quantize} exclude each other; set float8 false, or quantize none")
        if self.precision == "bf16" and self.device == "cpu":
            faults.append("precision bf16 is for a GPU, found device cpu; use precision auto or float32")
        if self.gpus > 1 and ":" in self.device:
            faults.append(
                f"device {self.device} names one GPU, found gpus {self.gpus}; use device auto, or cuda for the first "
                f"{self.gpus}, and choose others with CUDA_VISIBLE_DEVICES"
            )
        return faults

    def missing(self) -> list[str]:
        """Files, folders and devices that do not exist on this machine, one sentence per fault."""
        faults = []
        if not input_path(self.data).is_file():
            faults.append(
                f"data: no such file {input_path(self.data)}; put the training set there (a JSON list or JSON Lines) "
                f"or set data to its path{self._data_beside()}"
            )
        if not input_path(self.image_folder).is_dir():
            faults.append(f"image_folder: no such folder {input_path(self.image_folder)}; set it to that of the images")
        faults += missing_folder("base_model", self.base_model) + missing_device(self.device)
        faults += missing_gpu_of_size(self.size, self.device) or missing_gpus(self.gpus, self.device)
        if self.quantize == "nf4" and (obstacle := nf4_obstacle()):
            faults.append(obstacle)
        return faults

    def _data_beside(self) -> str:
        """Advice to use a set beside the missing one: of this variant, or of a richer one to derive it from."""
        stem = re.sub(r"_(?:ec_planning|planning|ec|base)\.json$", "", self.data)
        for cot in (self.cot, "planning", "ec", "ec_planning"):
            sibling, needed = f"{stem}_{cot}.json", {*self.cot.split("_")} - {"base"}
            if needed <= {*cot.split("_")} and input_path(sibling).is_file():
                return f"; or use the one that exists: -p data {sibling}"
        return ""
