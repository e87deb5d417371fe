"""One optimizer step of fine-tuning: loss on the answers, micro-batches that fit the memory, two learning rates.

Knows nothing of epochs, of files or of what a record says.
"""

import gc
import importlib.util
import logging
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import language_model, lora_weights, projector
from mirror.seeds import seed_for

log = logging.getLogger(__name__)

MICRO_BATCH_COST = 512  # positions: what a micro-batch costs beside its examples (launches, adding up its gradients)
# On a GPU, lengths are rounded up to a multiple of this: cuDNN's attention plans every new shape anew, for longer than
# the padding takes.
LENGTH_STEP = 64  # positions


@dataclass(frozen=True)
class Batch:
    """`input_ids` and `labels` [n, length], padded on the right; `pixel_values` [n, 3, size, size]."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    pixel_values: torch.Tensor

    def __len__(self) -> int:
        return len(self.input_ids)

    def answer_tokens(self) -> int:
        """How many positions carry loss (the first position is never predicted)."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def lengths(self) -> list[int]:
        """Positions of each example up to the last one with a label, where it ends."""
        places = torch.arange(1, self.labels.shape[1] + 1, device=self.labels.device)
        return ((self.labels != IGNORED) * places).amax(1).tolist()

    def split(self, size: int, device: torch.device, length_step: int = 1) -> Iterator["Batch"]:
        """Micro-batches, each cut to its own longest example and moved to `device`; `size` as in `cuts`.

        Their lengths are rounded up to a multiple of `length_step`.
        """
        lengths = [-(-length // length_step) * length_step for length in self.lengths()]
        for part in cuts(lengths, size):
            length = max(lengths[part])
            yield Batch(
                _widened(self.input_ids[part], length, 0).to(device, non_blocking=True),
                _widened(self.labels[part], length, IGNORED).to(device, non_blocking=True),
                self.pixel_values[part].to(device, non_blocking=True),
            )


def _widened(rows: torch.Tensor, length: int, value: int) -> torch.Tensor:
    """[n, any] → [n, length]: cut, or filled up with `value` on the right."""
    return F.pad(rows[:, :length], (0, max(0, length - rows.shape[1])), value=value)


def cuts(lengths: Sequence[int], size: int) -> list[slice]:
    """Where to cut examples into micro-batches so that the least is computed, padding included.

    A micro-batch costs the positions of its longest example times its examples, and MICRO_BATCH_COST. It holds no more
    positions than `size` of the longest example of all, which bounds the memory: of shorter examples there may be more.

    Args:
        lengths: positions of each example, the longest first.
        size: examples of the greatest length that one micro-batch may hold.
    """
    most = size * lengths[0]
    cheapest = [(0, 0)]  # for each number of examples: positions computed, and where their last micro-batch begins
    for end in range(1, len(lengths) + 1):
        starts = (s for s in range(end) if end - s == 1 or (end - s) * lengths[s] <= most)
        cheapest.append(min((cheapest[s][0] + (end - s) * lengths[s] + MICRO_BATCH_COST, s) for s in starts))
    parts, end = [], len(lengths)
    while end:
        parts.append(slice(cheapest[end][1], end))
        end = cheapest[end][1]
    return parts[::-1]


def collate(tokens: Sequence[Tokens], pixel_values: torch.Tensor, pad_token_id: int) -> Batch:
    """One batch of examples, longest first, so that micro-batches cut from it hold examples of similar length."""
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    longest = max(map(len, tokens))

    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([rows[i] + [value] * (longest - len(rows[i])) for i in order])

    return Batch(
        padded([t.input_ids for t in tokens], pad_token_id),
        padded([t.labels for t in tokens], IGNORED),
        pixel_values[order],
    )


def loss_sum(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Summed cross-entropy over the answers' tokens; logits are computed at those positions only.

    Padding stands on the right, so the causal mask alone keeps it out of every answer and no attention mask is needed.
    """
    base = model.get_base_model()
    config = base.config
    with torch.no_grad():
        hidden = base.model.vision_tower(
            batch.pixel_values.to(base.model.vision_tower.dtype), output_hidden_states=True
        ).hidden_states[config.vision_feature_layer]
        patches = hidden[:, 1:] if config.vision_feature_select_strategy == "default" else hidden
        embeddings = base.get_input_embeddings()(batch.input_ids)
    with torch.autocast(batch.input_ids.device.type, torch.bfloat16, enabled=embeddings.dtype == torch.bfloat16):
        features = projector(model)(patches)
    is_image = (batch.input_ids == config.image_token_id).unsqueeze(-1)
    embeddings = embeddings.masked_scatter(is_image, features.to(embeddings.dtype))
    hidden = language_model(model)(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    predicting = batch.labels[:, 1:] != IGNORED
    logits = base.lm_head(hidden[:, :-1][predicting])
    return F.cross_entropy(logits.float(), batch.labels[:, 1:][predicting], reduction="sum")


def make_optimizer(
    model: nn.Module, learning_rate: float, projector_learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW with two groups: the LoRA weights, and the projector at its own rate."""
    groups = [
        {"params": lora_weights(model), "lr": learning_rate, "peak": learning_rate},
        {"params": list(projector(model).parameters()), "lr": projector_learning_rate, "peak": projector_learning_rate},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay, fused=True)


def rate_factor(step: int, steps: int, warmup_ratio: float) -> float:
    """Share of the peak rate at `step` (0…steps-1): linear warm-up over `warmup_ratio` of them, then half a cosine.

    The warm-up leaves one step at the least at the peak rate, so that a training of one step trains.
    """
    warmup = min(math.ceil(steps * warmup_ratio), steps - 1)
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Diverged(ArithmeticError):
    """A loss or a gradient that is not finite; the message gives the numbers."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out: PyTorch's on a GPU, that of CUDA's libraries, or the machine's."""
    signs = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


class Stepper:
    """Takes optimizer steps over effective batches, in the largest micro-batches that fit.

    The loss is a mean over all answer tokens of the effective batch, so how it is cut changes rounding only. Where
    memory runs out, the micro-batch is halved, then activations are recomputed; each fall-back is announced. Gradients
    are clipped to `max_grad_norm`; 0 leaves them as they are.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        micro_batch: int,
        activation_checkpointing: str,
        max_grad_norm: float,
        seed: int,
    ) -> None:
        self.model, self.optimizer, self.seed = model, optimizer, seed
        self.micro_batch, self.max_grad_norm = micro_batch, max_grad_norm
        self.may_checkpoint = activation_checkpointing == "auto"
        self.device = next(model.parameters()).device
        self.length_step = LENGTH_STEP if self.device.type == "cuda" else 1
        if activation_checkpointing == "always":
            checkpoint_activations(model)

    def step(self, batch: Batch, number: int, factor: float) -> float:
        """One optimizer step at `factor` of the peak rates; returns the mean loss per answer token.

        Dropout is drawn from the seed and the step's `number`, so a resumed run draws what an unbroken one does.

        Raises:
            Diverged: the loss or the gradients' norm is not finite. The weights are those before the step.
        """
        loss = self.gradients(batch, number)
        weights = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = float(nn.utils.clip_grad_norm_(weights, self.max_grad_norm or math.inf))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.optimizer.zero_grad(set_to_none=True)
            raise Diverged(f"the loss is {loss:.4g} and the norm of its gradients {norm:.4g}")
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def gradients(self, batch: Batch, number: int) -> float:
        """Forward and backward over the batch, smaller micro-batches where memory runs out; returns the mean loss."""
        while True:
            try:
                return self._gradients(batch, number)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Only here, behind the block, has the error let go of the tensors of the failed pass.
            self.optimizer.zero_grad(set_to_none=True)
            self._fall_back()

    def _gradients(self, batch: Batch, number: int) -> float:
        self.model.train()
        torch.manual_seed(seed_for("dropout", self.seed, number))
        tokens, total = batch.answer_tokens(), 0.0
        for micro in batch.split(self.micro_batch, self.device, self.length_step):
            loss = loss_sum(self.model, micro) / tokens
            loss.backward()
            total += loss.detach()
        return float(total)

    @torch.no_grad()
    def mean_loss(self, batches: Iterable[Batch]) -> float:
        """Mean cross-entropy per answer token over `batches`, without dropout. Raises Diverged if it is not finite."""
        self.model.eval()
        total = tokens = 0
        for batch in batches:
            tokens += batch.answer_tokens()
            for micro in batch.split(self.micro_batch, self.device, self.length_step):
                total += loss_sum(self.model, micro).item()
        if not math.isfinite(total):
            raise Diverged(f"the held-out loss is {total / tokens:.4g}")
        return total / tokens

    def _fall_back(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()  # cuBLAS and cuDNN take their memory from what PyTorch gives back
        if self.micro_batch > 4 or (self.micro_batch > 1 and not self.may_checkpoint):
            self.micro_batch = max(1, self.micro_batch // 2)
            log.warning("out of memory: micro-batch halved to %d (the same numbers up to rounding)", self.micro_batch)
        elif self.may_checkpoint:
            self.may_checkpoint, self.micro_batch = False, 16
            checkpoint_activations(self.model)
            log.warning("out of memory: activations are recomputed from here on (the same numbers, a third slower)")
        else:
            raise torch.OutOfMemoryError(
                "one example does not fit the memory, even with activations recomputed; "
                "use a smaller size, a lower max_length or a machine with more memory"
            )


def checkpoint_activations(model: nn.Module) -> None:
    """Keep only each decoder layer's input in the forward pass and recompute the rest in the backward pass."""
    language_model(model).activation_checkpointing_enable()


def compile_layers(model: nn.Module, activation_budget: float = 1.0) -> None:
    """Compile the decoder layers (all share one compilation): fewer, larger kernels, equal up to rounding.

    Below 1, `activation_budget` is the share of its activations that a layer may keep; what is cheapest to recompute
    (norms, dropout masks) goes first.
    """
    torch._functorch.config.activation_memory_budget = activation_budget
    for layer in language_model(model).layers:
        layer.compile()


def compile_obstacle(device: torch.device) -> str:
    """Why `compile_layers` cannot work here, or ""."""
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "the package triton is missing"
    compiler = os.environ.get("CC", "cc")
    return "" if shutil.which(compiler) else f"there is no C compiler ({compiler})"
