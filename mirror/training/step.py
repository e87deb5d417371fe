"""One optimizer step of fine-tuning: loss on the answers, micro-batches that fit into memory, two learning rates.

Epochs, held-out data and checkpoints are in `mirror.training.loop`.
"""

import gc
import logging
import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import nn
from transformers import LlavaForConditionalGeneration, PreTrainedModel

from mirror.models.families.images import sent
from mirror.models.families.parts import forward_inputs
from mirror.models.gpu import packed_attention
from mirror.models.lora import LoraModel, language_model, lora_weights, projector
from mirror.seeds import seed_for
from mirror.training.batch import Batch
from mirror.training.ranks import ALONE, Ranks
from mirror.training.ranks.gradients import Gradients

log = logging.getLogger(__name__)

# On a GPU, lengths are rounded up to a multiple of this: cuDNN's attention builds a plan for every new shape. Over a
# training this takes less time than the padding of a larger step, and matrix products in float8 need 16.
LENGTH_STEP = 16  # positions
ROW_STEP = 256  # the same for rows of packed examples: the tiles of the fastest matrix products, which gain 3%
# Above it a compiled layer keeps its weights as products use them, beyond what recomputation drops: 35 GB for 7b.
QUANTIZED_BUDGET = 0.8


def loss_sum(model: LoraModel, batch: Batch) -> torch.Tensor:
    """Summed cross-entropy over the answers' tokens, in nats; logits are computed at those positions only.

    The padding is on the right, so the causal mask alone hides it from every answer and no attention mask is needed.
    Positions are found where the batch is, on the CPU: a GPU that is asked for them has to finish its work first.
    """
    base = model.get_base_model()
    hidden = _llava_hidden(model, batch) if isinstance(base, LlavaForConditionalGeneration) else _hidden(model, batch)
    places, targets = (sent(tensor, hidden.device) for tensor in batch.predictions())
    logits = base.lm_head(hidden.flatten(0, 1).index_select(0, places))
    return F.cross_entropy(logits.float(), targets, reduction="sum")


def _hidden(model: LoraModel, batch: Batch) -> torch.Tensor:
    """[n, length, width]: the language model's last hidden states, by the family's own forward pass."""
    base = model.get_base_model()
    inputs = forward_inputs(base, batch.input_ids, batch.images)
    hidden: torch.Tensor = base.model(use_cache=False, **inputs).last_hidden_state
    return hidden


def _llava_hidden(model: LoraModel, batch: Batch) -> torch.Tensor:
    """As `_hidden`, of LLaVA-1.5: faster, because its vision tower and projector do less, and nothing waits."""
    base = model.get_base_model()
    config, device = base.config, base.device
    with torch.no_grad():
        hidden = base.model.vision_tower(
            sent(batch.pixel_values, device).to(base.model.vision_tower.dtype), output_hidden_states=True
        ).hidden_states[config.vision_feature_layer]
        patches = hidden[:, 1:] if config.vision_feature_select_strategy == "default" else hidden
        embeddings = base.get_input_embeddings()(sent(batch.input_ids, device))
    with torch.autocast(device.type, torch.bfloat16, enabled=embeddings.dtype == torch.bfloat16):
        features = projector(model)(patches)
    image = sent((batch.input_ids == config.image_token_id).flatten().nonzero().squeeze(1), device)
    filled = embeddings.flatten(0, 1).index_copy(0, image, features.flatten(0, 1).to(embeddings.dtype))
    more = {} if batch.row is None else packed_attention.inputs(batch.row)
    more = {name: sent(value, device) if isinstance(value, torch.Tensor) else value for name, value in more.items()}
    return language_model(model)(inputs_embeds=filled.view_as(embeddings), use_cache=False, **more).last_hidden_state


def packs(base: PreTrainedModel) -> bool:
    """Whether examples of different lengths are packed into rows: for LLaVA-1.5, on a GPU that can."""
    return isinstance(base, LlavaForConditionalGeneration) and packed_attention.can_pack(base)


def make_optimizer(
    model: LoraModel, learning_rate: float, projector_learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW with two parameter groups, each with its peak rate under `peak`: the LoRA weights, and the projector."""
    groups = [
        {"params": lora_weights(model), "lr": learning_rate, "peak": learning_rate},
        {"params": list(projector(model).parameters()), "lr": projector_learning_rate, "peak": projector_learning_rate},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay, fused=True)


def rate_factor(step: int, steps: int, warmup_ratio: float) -> float:
    """The learning rate at a step as a share of its peak: linear warm-up, then half a cosine.

    At least one step is at the peak rate, so that a training of a single step changes the weights.

    Args:
        step: 0…steps-1.
        steps: of the whole training.
        warmup_ratio: share of the steps in which the rate rises.
    """
    warmup = min(math.ceil(steps * warmup_ratio), steps - 1)
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Diverged(ArithmeticError):
    """A loss or a gradient that is not finite; the message gives the numbers."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out: PyTorch's on a GPU, that of a CUDA library, or the machine's."""
    signs = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


class Stepper:
    """Takes optimizer steps over effective batches, in the largest micro-batches that fit into memory.

    The loss is the mean over all answer tokens of the effective batch, so the split into micro-batches changes rounding
    only. When memory runs out, the micro-batch is halved, then activations are recomputed; each fallback is logged.

    With several ranks, each gets its part of the effective batch. The answer tokens of all parts are summed first, each
    rank's loss is a sum over that total, and the gradients are added up in float32: the same step up to rounding. When
    memory runs out on one rank, all fall back together.

    Dropout is drawn from the seed, the number of the step and the number of the rank, in the order of the rank's
    micro-batches. The same settings and number of ranks therefore give the same weights, also when a training resumes;
    another number of ranks, or another micro-batch, draws other masks of the same distribution.
    """

    def __init__(
        self,
        model: LoraModel,
        optimizer: torch.optim.Optimizer,
        micro_batch: int,
        activation_checkpointing: str,
        max_grad_norm: float,
        seed: int,
        ranks: Ranks = ALONE,
    ) -> None:
        """Prepare the model for training.

        Args:
            model: with LoRA.
            optimizer: as of `make_optimizer`.
            micro_batch: examples of the greatest length that are computed together, to begin with.
            activation_checkpointing: `always`, `never`, or `auto` (once memory runs out).
            max_grad_norm: gradients are clipped to this norm; 0 disables clipping.
            seed: of the dropout.
            ranks: that train this model together.
        """
        self.model, self.optimizer, self.seed, self.ranks = model, optimizer, seed, ranks
        self.micro_batch, self.max_grad_norm = micro_batch, max_grad_norm
        self.may_checkpoint = activation_checkpointing == "auto"
        self.device = next(model.parameters()).device
        self.length_step = LENGTH_STEP if self.device.type == "cuda" else 1
        self.packs = packs(model.get_base_model())
        if self.packs:
            packed_attention.allow_packing(language_model(model))
        self.weights: list[nn.Parameter] = [p for group in optimizer.param_groups for p in group["params"]]
        self.sums = Gradients(self.weights, ranks)
        if activation_checkpointing == "always":
            checkpoint_activations(model)

    def step(self, batch: Batch, number: int, factor: float) -> float:
        """Take one optimizer step.

        Args:
            batch: this rank's part of the effective batch; it may be empty.
            number: of the step.
            factor: learning rates as a share of their peaks.

        Returns:
            The mean loss in nats per answer token.

        Raises:
            Diverged: the loss or the norm of the gradients is not finite, on all ranks alike. The weights are not
                changed.
        """
        loss = self.gradients(batch, number)
        norm = float(nn.utils.clip_grad_norm_(self.weights, self.max_grad_norm or math.inf))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.sums.clear()
            raise Diverged(f"the loss is {loss:.4g} and the norm of its gradients {norm:.4g}")
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimizer.step()
        self.sums.clear()
        return loss

    def gradients(self, batch: Batch, number: int) -> float:
        """Forward and backward pass over the batch, with fallbacks when memory runs out; returns the mean loss."""
        tokens = int(sum(count for (count,) in self.ranks.gather(batch.answer_tokens())))
        while True:
            loss, ran_out = 0.0, False
            try:
                with self.ranks.working():
                    loss = self._gradients(batch, number, tokens)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                ran_out = True
            # Only after the except block does the error no longer hold the tensors of the failed pass.
            parts = self.ranks.gather(loss, ran_out)
            if not any(ran_out for _, ran_out in parts):
                self.sums.add()
                return sum(loss for loss, _ in parts)
            self.sums.clear()
            self._fall_back()

    def _gradients(self, batch: Batch, number: int, tokens: int) -> float:
        if not self.model.training:  # to walk through all modules takes as long as a tenth of a small model's step
            self.model.train()
        rank = [self.ranks.number] if self.ranks.number else []  # rank 0 draws what a single process does
        # The seed of all devices is kept, with a traceback, for those that might come; a CPU needs its own alone.
        seed = torch.default_generator.manual_seed if self.device.type == "cpu" else torch.manual_seed
        seed(seed_for("dropout", self.seed, number, *rank))
        losses = []
        for micro in self._micro_batches(batch):
            loss = loss_sum(self.model, micro) / tokens
            loss.backward()
            losses.append(loss.detach())
        return float(sum(losses))

    def _micro_batches(self, batch: Batch) -> Iterator[Batch]:
        if self.packs:
            return batch.packs(self.micro_batch, ROW_STEP, self.length_step)
        return batch.split(self.micro_batch, self.device, self.length_step)

    @torch.no_grad()
    def mean_loss(self, batches: Iterable[Batch]) -> float:
        """Mean cross-entropy in nats per answer token over the `batches` of all ranks, without dropout.

        Raises:
            Diverged: it is not finite.
        """
        self.model.eval()
        total, tokens = 0.0, 0
        for batch in batches:
            tokens += batch.answer_tokens()
            for micro in self._micro_batches(batch):
                total += loss_sum(self.model, micro).item()
        total, tokens = (sum(parts) for parts in zip(*self.ranks.gather(total, tokens), strict=True))
        if not math.isfinite(total):
            raise Diverged(f"the held-out loss is {total / tokens:.4g}")
        return total / tokens

    def _fall_back(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()  # cuBLAS and cuDNN allocate from the memory that PyTorch frees
        if self.micro_batch > 4 or (self.micro_batch > 1 and not self.may_checkpoint):
            self.micro_batch = max(1, self.micro_batch // 2)
            log.warning("out of memory: micro-batch halved to %d (the same numbers up to rounding)", self.micro_batch)
        elif self.may_checkpoint:
            self.may_checkpoint, self.micro_batch = False, 16
            checkpoint_activations(self.model)
            log.warning("out of memory: activations are recomputed from now on (the same numbers, a third slower)")
        else:
            raise torch.OutOfMemoryError(
                "one example does not fit into memory, even with activations recomputed; "
                "use a smaller size, a lower max_length or a machine with more memory"
            )


def checkpoint_activations(model: LoraModel) -> None:
    """Keep only the input of each decoder layer in the forward pass, and recompute the rest in the backward pass."""
    language_model(model).activation_checkpointing_enable()


def compile_layers(model: LoraModel, activation_budget: float = 1.0) -> None:
    """Compile the decoder layers (all share one compilation): fewer, larger kernels, equal up to rounding.

    Args:
        model: changed in place.
        activation_budget: share of its activations that a layer may keep, in (0, 1]. Those that are cheapest to
            recompute (norms, dropout masks) are dropped first. Of a layer with weights in 4 bits at most
            `QUANTIZED_BUDGET`.
    """
    quantized = any(weight.dtype == torch.uint8 for weight in language_model(model).layers.parameters())
    most = QUANTIZED_BUDGET if quantized else 1.0
    torch._functorch.config.activation_memory_budget = min(activation_budget, most)
    for layer in language_model(model).layers:
        layer.compile()
