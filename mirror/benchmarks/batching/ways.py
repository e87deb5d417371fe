"""The ways to train that are measured on mixed lengths, and how one of them is measured."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm
from transformers import LlavaForConditionalGeneration

from mirror.benchmarks.batching import trl_trainer
from mirror.benchmarks.batching.published import published_step
from mirror.benchmarks.batching.rules import (
    FIXED,
    PACKED,
    PADDED,
    BatchRule,
    Example,
    equal_examples,
    mixed_examples,
)
from mirror.benchmarks.random_models.llava import random_model
from mirror.models.hub_id import resolve_model
from mirror.models.llava import SHAPES, load
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import add_lora
from mirror.training.batch import Batch, collate
from mirror.training.dataset import batches
from mirror.training.kernels.float8 import freeze_in_float8
from mirror.training.settings import RECIPES
from mirror.training.step import Stepper, compile_layers, make_optimizer

PUBLISHED_IMAGE = 576  # positions of an image at the published size, part of the lengths below
EQUAL = 1024  # positions of every example where all are equal: near the mean of the mixed ones, and a round number
MICRO_BATCH = 16
TRL_MICRO_BATCH = 8


@dataclass(frozen=True)
class Way:
    """A way to train.

    Attributes:
        name: in the report.
        rule: how batches are computed; of this project's trainer.
        equal: all examples are of one length.
        float8: frozen weights are in float8.
        trainer: `mirror`, `published` (its step, with peft's own LoRA layer), or `trl`.
    """

    name: str
    rule: BatchRule
    equal: bool = False
    float8: bool = False
    trainer: str = "mirror"


WAYS = (
    Way("equal lengths", FIXED, equal=True),
    Way("mixed lengths, padded (before)", PADDED),
    Way("mixed lengths, packed", PACKED),
    Way("mixed lengths, packed, float8", PACKED, float8=True),
    Way("mixed lengths, as published", FIXED, trainer="published"),
    Way("mixed lengths, TRL's SFTTrainer", FIXED, trainer="trl"),
)


@dataclass(frozen=True)
class Measurement:
    """The speed of training in one way.

    Attributes:
        name: of the way.
        samples_per_second: in a second pass over the batches, when every shape has been seen.
        positions_per_second: likewise, without padding.
        first_pass: samples per second in the first pass.
        memory_gb: peak of allocated GPU memory, in 10⁹ bytes; 0 on a CPU.
        micro_batch: after fallbacks.
        first_loss: of the untrained model on the first batch, in nats per token.
        start_seconds: before the first measured step.
    """

    name: str
    samples_per_second: float
    positions_per_second: float
    first_pass: float
    memory_gb: float
    micro_batch: int
    first_loss: float
    start_seconds: float


def random_tokens(
    model: LlavaForConditionalGeneration, examples: Sequence[Example], seed: int
) -> tuple[list[Tokens], torch.Tensor]:
    """Random tokens and pixels of the examples; an image takes as many positions as in the model."""
    config, vision = model.config, model.config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2
    draw = torch.Generator().manual_seed(seed)
    tokens = []
    for example in examples:
        text = example.positions - PUBLISHED_IMAGE
        ids = torch.randint(5, config.image_token_id, (text,), generator=draw).tolist()
        ids = [*ids[:40], *[config.image_token_id] * patches, *ids[40:]]
        tokens.append(Tokens(ids, [IGNORED] * (len(ids) - example.answer) + ids[-example.answer :]))
    return tokens, torch.randn(len(examples), 3, vision.image_size, vision.image_size, generator=draw)


def measure(way: Way, size: str, number: int, device: str) -> Measurement:
    """Train a new model over `number` effective batches.

    Args:
        way: to measure.
        size: whose recipe is trained.
        number: of batches.
        device: `cuda` or `cpu`.
    """
    began, batch_size = time.monotonic(), RECIPES[size]["batch_size"]
    base = _new_base(size, device)
    count = number * batch_size
    examples = equal_examples(count, EQUAL) if way.equal else mixed_examples(count)
    plan = batches(range(count), [e.positions for e in examples], batch_size, 0, 0)
    data = [random_tokens(base, [examples[i] for i in batch], seed) for seed, batch in enumerate(plan)]
    if way.trainer == "trl":
        micro_batch = min(TRL_MICRO_BATCH, batch_size)
        seconds, first_loss = trl_trainer.train(base, data, size, micro_batch)
        start = time.monotonic() - began - sum(seconds)
        first, seconds = seconds[:number], seconds[number:]
    else:
        trainer = _Passes(way, base, size, data)
        start = time.monotonic() - began
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        first = trainer.seconds("first pass")
        seconds, first_loss, micro_batch = (
            trainer.seconds("second pass"),
            trainer.first_loss,
            trainer.stepper.micro_batch,
        )
    return Measurement(
        way.name,
        count / sum(seconds),
        sum(len(t) for tokens, _ in data for t in tokens) / sum(seconds),
        count / sum(first),
        torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0,
        micro_batch,
        first_loss,
        start,
    )


class _Passes:
    """Passes of this project's trainer over the same batches.

    The first use of a shape costs up to 0.1 s, and a training takes thousands of steps, so the second pass represents
    a training. A step in which memory ran out or something was compiled is repeated.
    """

    def __init__(
        self,
        way: Way,
        base: LlavaForConditionalGeneration,
        size: str,
        data: Sequence[tuple[list[Tokens], torch.Tensor]],
    ) -> None:
        recipe, published = RECIPES[size], way.trainer == "published"
        model = add_lora(
            base, recipe["lora_rank"], recipe["lora_alpha"], recipe["lora_dropout"], seed=0, fused=not published
        )
        if published:  # everything in bf16, as in the published trainer
            model.to(model.dtype)
        if way.float8:
            freeze_in_float8(model)
        optimizer = make_optimizer(model, recipe["learning_rate"], recipe["projector_learning_rate"], 0.0)
        micro_batch = recipe["batch_size"] if published else min(MICRO_BATCH, recipe["batch_size"])
        self.applied = published_step if published else way.rule.applied
        self.name, self.batches = way.name, [collate(*each, pad_token_id=0) for each in data]
        self.stepper = Stepper(model, optimizer, micro_batch, "always" if published else "auto", 1.0, seed=0)
        if recipe["compile"] and not published:
            compile_layers(model, recipe["activation_budget"])
        with self.applied():
            self.first_loss = self.stepper.gradients(self.batches[0], 0)
            optimizer.zero_grad(set_to_none=True)
            for number, batch in enumerate(self.batches[:2]):
                self._seconds_of_step(batch, number)

    def seconds(self, name: str) -> list[float]:
        """The seconds of every step of one pass."""
        bar = tqdm(self.batches, f"{self.name}, {name}", unit=" steps")
        with self.applied():
            return [self._seconds_of_step(batch, number) for number, batch in enumerate(bar)]

    def _seconds_of_step(self, batch: Batch, number: int) -> float:
        """Seconds of one optimizer step, repeated until neither a fallback nor a compilation disturbs it."""
        while True:
            before, started = self._state(), time.perf_counter()
            self.stepper.step(batch, number, 1.0)
            if self.stepper.device.type == "cuda":
                torch.cuda.synchronize()
            if before == self._state():
                return time.perf_counter() - started

    def _state(self) -> tuple[int, bool, int]:
        """What an undisturbed step does not change: the fallbacks, and the number of compiled graphs."""
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        return self.stepper.micro_batch, self.stepper.may_checkpoint, graphs


def _new_base(size: str, device: str) -> LlavaForConditionalGeneration:
    """Random weights at the real shapes, or the pocket model."""
    torch.manual_seed(0)
    if size in SHAPES:
        return random_model(size, torch.bfloat16, device)
    return load(resolve_model(RECIPES[size]["base_model"]), device=device).model
