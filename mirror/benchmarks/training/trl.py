"""TRL's SFTTrainer on the same model and the same examples as this project's trainer. Needs the package trl."""

import tempfile
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch
from datasets import Dataset
from datasets.table import InMemoryTable
from peft import LoraConfig
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTConfig, SFTTrainer

from mirror.benchmarks.random_models.counselor import random_counselor
from mirror.benchmarks.training.compute_rate import flops_per_example
from mirror.benchmarks.training.variants import ALPHA, RANK, RATES, Measurement, Variant, random_batch
from mirror.models.families.images import PackedImages, batched, moved
from mirror.models.families.parts import linear_layers, pattern, projector_modules, token_types
from mirror.models.weights import load_tokenizer
from mirror.paths import input_path
from mirror.training.batch import Batch

WARM_UP = 2  # steps
TOKENIZER = "pocket/models/llava-v1.5-pocket"  # it tokenizes nothing: the examples are token ids


class StepTimes(TrainerCallback):
    """The seconds of every optimizer step, the GPU's work included, and the losses."""

    def __init__(self) -> None:
        """Starts with no step."""
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """See TrainerCallback."""
        _wait()
        if len(self.seconds) == WARM_UP and torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """See TrainerCallback."""
        _wait()
        self.seconds.append(time.perf_counter() - self._began)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, Any], **_: Any
    ) -> None:
        """See TrainerCallback."""
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(
    variant: Variant, size: str, lengths: Sequence[int], steps: int, rate: float, device: str = "cuda"
) -> Measurement:
    """As `mirror.benchmarks.training.variants.measure`, with TRL's trainer and peft's LoRA."""
    began = time.monotonic()
    torch.manual_seed(0)
    model = random_counselor(size, torch.bfloat16, device)
    times = StepTimes()
    trainer = make_trainer(model, variant, random_batch(model, lengths), steps, times)
    needed = sum(flops_per_example(trainer.model, length) for length in lengths)
    trainer.train()
    seconds = median(times.seconds[WARM_UP:])
    return Measurement(
        variant,
        len(lengths) / seconds,
        torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0,
        needed / seconds / rate,
        variant.micro_batch,
        times.losses,
        time.monotonic() - began - sum(times.seconds[WARM_UP:]),
    )


def make_trainer(model: PreTrainedModel, variant: Variant, batch: Batch, steps: int, times: StepTimes) -> Any:
    """SFTTrainer for `steps` effective batches, each the whole of `batch`, after the steps that warm up.

    The trained weights are this project's: LoRA on the language model's linear layers, and the projector.
    """
    rows = len(batch.input_ids)
    config = SFTConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=variant.micro_batch,
        gradient_accumulation_steps=rows // variant.micro_batch,
        gradient_checkpointing=variant.checkpointing == "always",
        max_steps=WARM_UP + steps,
        learning_rate=RATES[0],
        bf16=model.device.type == "cuda",
        use_cpu=model.device.type == "cpu",
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    lora = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=variant.dropout,
        target_modules=pattern(linear_layers(model)),
        modules_to_save=list(projector_modules(model)),
        task_type="CAUSAL_LM",
    )

    def collate(examples: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        chosen = [example["number"] for example in examples]
        images = [batch.images[number] for number in chosen]
        part = Batch(batch.input_ids[chosen], batch.labels[chosen], PackedImages.pack(images)).trimmed(1)
        ids, lengths = part.input_ids, torch.tensor(part.lengths())
        return {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
            "labels": part.labels,
            **moved(batched(images), ids.device, model.dtype),
            **token_types(model, ids),
        }

    return SFTTrainer(
        model=model,
        args=config,
        train_dataset=Dataset(InMemoryTable.from_pydict({"number": list(range(rows))}), fingerprint="numbers"),
        data_collator=collate,
        processing_class=load_tokenizer(input_path(TOKENIZER)),
        peft_config=lora,
        callbacks=[times],
    )
