"""TRL's SFTTrainer on the batches of the training benchmark, to compare with. Needs the packages trl and datasets.

Equal to the recipe: LoRA on every linear layer of the language model, the projector trained in full, bf16, AdamW, the
effective batch and its order. As TRL does by itself: padding on the right, activations recomputed, its own loss.
"""

import importlib.util
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from peft import LoraConfig
from transformers import AutoProcessor, LlavaForConditionalGeneration, TrainerCallback

from mirror.models.hub_id import resolve_model
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import TARGETS
from mirror.training.settings import RECIPES

Examples = tuple[Sequence[Tokens], torch.Tensor]  # of one effective batch, with their pixels


def is_installed() -> bool:
    """Whether TRL can be measured."""
    return all(importlib.util.find_spec(name) is not None for name in ("trl", "datasets"))


def train(
    base: LlavaForConditionalGeneration, batches: Sequence[Examples], size: str, micro_batch: int
) -> tuple[list[float], float]:
    """Train over the batches in order, twice, one optimizer step each.

    Args:
        base: changed in place.
        batches: effective batches of equal size.
        size: whose recipe is trained.
        micro_batch: examples that are computed together.

    Returns:
        The seconds of each step of both passes, and the loss of the first one in nats per token.
    """
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from trl import SFTConfig, SFTTrainer

    recipe, on_gpu = RECIPES[size], base.device.type == "cuda"
    examples = [(t, p) for tokens, pixels in batches for t, p in zip(tokens, pixels, strict=True)]

    numbers = InMemoryTable.from_pydict({"example": list(range(len(examples)))})

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, *_: Any) -> torch.utils.data.SequentialSampler:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    with tempfile.TemporaryDirectory() as folder:
        trainer = InOrder(
            base,
            SFTConfig(
                folder,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=recipe["batch_size"] // micro_batch,
                num_train_epochs=2,
                learning_rate=recipe["learning_rate"],
                bf16=on_gpu,
                use_cpu=not on_gpu,
                max_length=None,
                logging_steps=1,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
            data_collator=lambda rows: _padded([examples[row["example"]] for row in rows]),
            train_dataset=Dataset(numbers, fingerprint="numbers"),  # not every pyarrow can be hashed
            processing_class=AutoProcessor.from_pretrained(str(resolve_model(RECIPES["pocket"]["base_model"]))),
            peft_config=LoraConfig(
                r=recipe["lora_rank"],
                lora_alpha=recipe["lora_alpha"],
                lora_dropout=recipe["lora_dropout"],
                target_modules=TARGETS,
                modules_to_save=["multi_modal_projector"],
            ),
            callbacks=[clock := Clock()],
        )
        trainer.train()
        return clock.seconds, trainer.state.log_history[0]["loss"]


class Clock(TrainerCallback):
    """Takes the seconds of every optimizer step."""

    def __init__(self) -> None:
        """No step was taken yet."""
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock when the device is idle."""
        _wait()
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop it when the device is idle again."""
        _wait()
        self.seconds.append(time.perf_counter() - self.began)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _padded(examples: Sequence[tuple[Tokens, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The inputs of a forward pass, padded on the right to the longest example."""
    longest = max(len(tokens) for tokens, _ in examples)

    def rows(lists: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        return torch.stack([F.pad(torch.tensor(row), (0, longest - len(row)), value=value) for row in lists])

    return {
        "input_ids": rows([t.input_ids for t, _ in examples], 0),
        "labels": rows([t.labels for t, _ in examples], IGNORED),
        "attention_mask": rows([[1] * len(t) for t, _ in examples], 0),
        "pixel_values": torch.stack([pixels for _, pixels in examples]),
    }
