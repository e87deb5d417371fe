"""A training step as the published trainer computes it: logits at every position, padded micro-batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch

from mirror.benchmarks.batching.padded import MicroBatch, cuts_by_count, padded_micro_batches
from mirror.models.lora import LoraModel
from mirror.training import step


def published_loss(model: LoraModel, micro_batch: MicroBatch) -> torch.Tensor:
    """Summed loss as transformers and peft compute it by default: logits at every position, and an attention mask."""
    output = model(
        input_ids=micro_batch.input_ids,
        pixel_values=micro_batch.pixel_values.to(model.dtype),
        attention_mask=micro_batch.attention_mask,
        labels=micro_batch.labels,
        use_cache=False,
    )
    return output.loss * len(micro_batch.targets)


@contextmanager
def published_step() -> Iterator[None]:
    """Within the block, training uses `published_loss` and micro-batches of a fixed number of padded examples."""
    with patch.object(step, "loss_sum", published_loss), padded_micro_batches(cuts_by_count, length_step=1):
        yield
