"""One optimizer step: the loss, its independence of how a batch is cut, the two rates, the fall-backs."""

import logging
import weakref

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from mirror.models.families.images import one_by_one
from mirror.models.families.vlm import generate_ids
from mirror.models.gpu import packed_attention
from mirror.models.llava import load
from mirror.models.llava_chat import IGNORED, tokenize
from mirror.models.lora import add_lora, language_model, lora_weights, projector
from mirror.training import batch as batches
from mirror.training.batch import Batch, collate
from mirror.training.ranks import Ranks
from mirror.training.step import Diverged, Stepper, loss_sum, make_optimizer, rate_factor
from tests.tiny_llava import BASE

TURNS = [
    [("<image>\nI am late again.", "You sound worried.")],
    [("<image>\nNobody asked me how my mother was doing after all this time.", "That hurt you."), ("Yes.", "I see.")],
    [("<image>\nFine.", "You do not look fine; what would you say to a friend who told you this?")],
    [("<image>\nI do not know why I came here at all.", "Let us find out.")],
]


@pytest.fixture
def llava():
    return load(str(BASE))


@pytest.fixture
def batch(llava):
    tokens = [tokenize(llava.tokenizer, turns, llava.image_token_id, llava.image_tokens) for turns in TURNS]
    images = [Image.new("RGB", (30, 40), color) for color in ("red", "green", "blue", "gray")]
    return collate(tokens, llava.read_images(images), llava.tokenizer.pad_token_id)


def stepper(model, micro_batch=4, checkpointing="auto", rates=(1e-3, 1e-4), decay=0.0, clip=1e9):
    return Stepper(model, make_optimizer(model, *rates, decay), micro_batch, checkpointing, clip, seed=5)


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_loss_is_transformers_own_over_the_answers(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1).eval()
    with torch.no_grad():
        logits = llava.model(
            input_ids=batch.input_ids,
            pixel_values=batch.pixel_values,
            attention_mask=(batch.input_ids != llava.tokenizer.pad_token_id).long(),
        ).logits
        wanted = F.cross_entropy(
            logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
        )
        torch.testing.assert_close(loss_sum(model, batch), wanted, atol=1e-3, rtol=1e-5)
    assert batch.answer_tokens() == int((batch.labels != IGNORED).sum())


@pytest.mark.parametrize("checkpointing", ["never", "always"])
def test_micro_batches_and_checkpointing_change_rounding_only(llava, batch, checkpointing):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    whole = stepper(model, 4, "never")
    loss, wanted = whole.gradients(batch, 0), gradients(model)
    model.zero_grad()
    cut = stepper(model, 1, checkpointing)
    assert cut.gradients(batch, 0) == pytest.approx(loss, rel=1e-5)
    found = gradients(model)
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], atol=1e-6, rtol=1e-4)


def test_every_trainable_weight_gets_a_gradient_and_no_other(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    with torch.no_grad():
        for parameter in lora_weights(model):
            parameter.add_(0.01)
    stepper(model).gradients(batch, 0)
    for name, parameter in model.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert moved == parameter.requires_grad, name


def test_the_projector_has_its_own_rate(llava, batch):
    """Adam's first step moves every weight by its rate: so much and no more."""
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    up = [p for n, p in model.named_parameters() if "lora_B" in n]
    before = [p.detach().clone() for p in up], projector(model).linear_1.weight.detach().clone()
    stepper(model, rates=(1e-2, 1e-4)).step(batch, 0, factor=0.5)
    moved = torch.cat([(p.detach() - b).abs().flatten() for p, b in zip(up, before[0], strict=True)])
    assert moved.max() == pytest.approx(0.5e-2, rel=1e-2)
    moved = (projector(model).linear_1.weight.detach() - before[1]).abs()
    assert moved.max() == pytest.approx(0.5e-4, rel=1e-2)


def test_gradients_are_clipped(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    optimizer = torch.optim.SGD([{"params": list(projector(model).parameters()), "lr": 1.0, "peak": 1.0}])
    before = projector(model).linear_2.bias.detach().clone()
    Stepper(model, optimizer, 4, "auto", 1e-3, seed=5).step(batch, 0, factor=1.0)
    assert 0 < (projector(model).linear_2.bias - before).norm() <= 1e-3


def test_gradients_are_left_as_they_are_where_the_norm_is_0(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    optimizer = torch.optim.SGD([{"params": list(projector(model).parameters()), "lr": 1.0, "peak": 1.0}])
    before = projector(model).linear_2.bias.detach().clone()
    unclipped = Stepper(model, optimizer, 4, "auto", 0.0, seed=5)
    unclipped.gradients(batch, 0)
    wanted = projector(model).linear_2.bias.grad.clone()
    optimizer.zero_grad()
    unclipped.step(batch, 0, factor=1.0)
    torch.testing.assert_close(before - projector(model).linear_2.bias.detach(), wanted)
    assert wanted.norm() > 0


def test_dropout_is_drawn_from_seed_and_step(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.5, seed=1)
    with torch.no_grad():
        for parameter in lora_weights(model):
            parameter.add_(0.1)
    one = stepper(model)
    first, other, again = one.gradients(batch, 3), one.gradients(batch, 4), one.gradients(batch, 3)
    assert first == again != other
    assert one.mean_loss([batch]) == one.mean_loss([batch])


def test_mean_loss_counts_tokens_not_batches(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    parts = list(batch.split(1, torch.device("cpu")))
    assert stepper(model).mean_loss(parts) == pytest.approx(stepper(model).mean_loss([batch]), rel=1e-5)


def test_how_a_mixed_batch_is_cut_changes_rounding_only(llava, monkeypatch):
    """Long and short examples in one batch: the loss is a mean over all its answers' tokens, however it is cut."""
    turns = [[(f"<image>\nHow? {'Well. ' * n}", "I see. " * (1 + n % 3))] for n in (0, 1, 2, 30, 33, 60)]
    tokens = [tokenize(llava.tokenizer, t, llava.image_token_id, llava.image_tokens) for t in turns]
    pixels = torch.randn(6, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    batch = collate(tokens, one_by_one(pixels), llava.tokenizer.pad_token_id)
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(batches, "cuts", lambda lengths, size, cost: [slice(0, len(lengths))])
        loss, wanted = stepper(model).gradients(batch, 0), gradients(model)
    sizes = []
    for cost in (1, 100, 100_000):
        model.zero_grad()
        monkeypatch.setattr(batches, "CPU_COST", cost)
        sizes.append([len(part) for part in batch.split(2, torch.device("cpu"))])
        assert stepper(model, 2).gradients(batch, 0) == pytest.approx(loss, rel=1e-5)
        for name, found in gradients(model).items():
            torch.testing.assert_close(found, wanted[name], atol=1e-6, rtol=1e-4)
    assert len({str(each) for each in sizes}) > 1


@pytest.mark.parametrize("checkpointing", ["never", "always"])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("compiled", [False, True])
def test_packing_changes_rounding_only(llava, monkeypatch, checkpointing, compiled):
    """Long and short examples in one row: none sees another, and each begins at position 0."""
    turns = [[(f"<image>\nHow? {'Well. ' * n}", "I see. " * (1 + n % 3))] for n in (0, 1, 2, 30, 33, 60)]
    tokens = [tokenize(llava.tokenizer, t, llava.image_token_id, llava.image_tokens) for t in turns]
    pixels = torch.randn(6, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    batch = collate(tokens, one_by_one(pixels), llava.tokenizer.pad_token_id)
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    plain = stepper(model)
    loss, wanted, held_out = plain.gradients(batch, 0), gradients(model), plain.mean_loss([batch])
    monkeypatch.setattr("mirror.training.step.packs", lambda base: True)
    for micro_batch in (4, 2, 1):
        model.zero_grad()
        packing = stepper(model, micro_batch, checkpointing)
        if compiled:
            for layer in language_model(model).layers:
                layer.compile(backend="eager")
        rows = list(packing._micro_batches(batch))
        assert any(part.row is not None for part in rows) and sum(len(part.images) for part in rows) == 6
        assert packing.gradients(batch, 0) == pytest.approx(loss, rel=1e-5)
        for name, gradient in gradients(model).items():
            torch.testing.assert_close(gradient, wanted[name], atol=1e-6, rtol=1e-4)
        assert packing.mean_loss([batch]) == pytest.approx(held_out, rel=1e-5)


def test_a_model_that_was_trained_on_rows_answers_padded_prompts_as_before(llava, monkeypatch):
    images = [Image.new("RGB", (30, 40), color) for color in ("red", "green")]
    prompts = ["<image>\nWell?", "<image>\nI do not know why I came here at all."]
    before = generate_ids(llava, prompts, images, 8)
    monkeypatch.setattr("mirror.training.step.packs", lambda base: True)
    stepper(add_lora(llava.model, 4, 8, 0.0, seed=1).eval())
    assert llava.model.config.text_config._attn_implementation == packed_attention.NAME
    assert generate_ids(llava, prompts, images, 8) == before


def test_what_a_failed_pass_held_is_free_before_the_next(llava, batch, monkeypatch):
    """While an error is handled, its traceback holds the tensors of the pass that failed."""
    one, held = stepper(add_lora(llava.model, 4, 8, 0.0, seed=1), 8), []

    def small_memory(model, micro):
        if len(micro) == 4:
            activations = torch.ones(3)
            held.append(weakref.ref(activations))
            raise torch.OutOfMemoryError
        return real(model, micro)

    def fall_back(self):
        assert held[-1]() is None
        self.micro_batch = 2

    real = loss_sum
    monkeypatch.setattr("mirror.training.step.loss_sum", small_memory)
    monkeypatch.setattr(Stepper, "_fall_back", fall_back)
    monkeypatch.setattr(batches, "CPU_COST", 100_000)
    one.gradients(batch, 0)
    assert held


def test_another_error_of_the_machine_is_no_lack_of_memory(llava, batch, monkeypatch):
    monkeypatch.setattr(
        "mirror.training.step.loss_sum", lambda *_: (_ for _ in ()).throw(RuntimeError("device-side assert"))
    )
    with pytest.raises(RuntimeError, match="device-side assert"):
        stepper(add_lora(llava.model, 4, 8, 0.0, seed=1)).gradients(batch, 0)


def test_rounding_lengths_up_changes_rounding_only(llava, batch):
    """On a GPU lengths are multiples of 64, beyond the longest example too."""
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    loss, wanted = stepper(model).gradients(batch, 0), gradients(model)
    model.zero_grad()
    one = stepper(model)
    one.length_step = 64
    widths = [part.input_ids.shape[1] for part in batch.split(4, torch.device("cpu"), 64)]
    assert all(width % 64 == 0 for width in widths) and max(widths) > batch.input_ids.shape[1]
    assert one.gradients(batch, 0) == pytest.approx(loss, rel=1e-5)
    for name, found in gradients(model).items():
        torch.testing.assert_close(found, wanted[name], atol=1e-6, rtol=1e-4)


def test_rates_rise_linearly_and_fall_as_a_cosine():
    factors = [rate_factor(step, 100, 0.03) for step in range(100)]
    assert factors[:4] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert factors[51] == pytest.approx(0.5 * (1 + torch.cos(torch.tensor(torch.pi * 48 / 97)).item()))
    assert all(a > b for a, b in zip(factors[3:], factors[4:], strict=False)) and 0 < factors[-1] < 1e-3
    assert rate_factor(0, 10, 0.0) == 1


@pytest.mark.parametrize("ratio", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_the_warm_up_leaves_a_step_at_the_peak_rate(steps, ratio):
    factors = [rate_factor(step, steps, ratio) for step in range(steps)]
    assert max(factors) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000 bytes"
        ),
    ],
    ids=["gpu", "cublas", "cpu"],
)
def test_out_of_memory_halves_the_micro_batch_then_recomputes_then_gives_up(llava, batch, monkeypatch, caplog, error):
    """The fall-back announces itself and ends with the numbers of an undisturbed step."""
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    wanted = stepper(model, 4).gradients(batch, 0)
    model.zero_grad()
    sizes, real = [], loss_sum

    def small_memory(model, micro):
        sizes.append(len(micro))
        recomputing = model.get_base_model().model.language_model.layers[0].gradient_checkpointing
        if len(sizes) == 2 or not recomputing:  # one failure comes after a first micro-batch has passed
            raise error
        return real(model, micro)

    monkeypatch.setattr("mirror.training.step.loss_sum", small_memory)
    one = stepper(model, 8)
    with caplog.at_level(logging.WARNING):
        assert one.gradients(batch, 0) == pytest.approx(wanted, rel=1e-5)
    assert "micro-batch halved to 4" in caplog.text and "activations are recomputed" in caplog.text

    monkeypatch.setattr("mirror.training.step.loss_sum", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(torch.OutOfMemoryError, match="one example does not fit"):
        stepper(model, 8, "never").gradients(batch, 0)


class OneOfTwo(Ranks):
    """The first of two ranks; what the other gathers is given, one row per call."""

    count = 2

    def __init__(self, *others):
        self.others = iter(others)

    def gather(self, *values):
        return [values, next(self.others)]


def test_gradients_of_the_parts_add_up_to_those_of_the_batch(llava, batch):
    """Each is a sum over the answers' tokens of both: averaging two means would be another step."""
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    loss, wanted = stepper(model).gradients(batch, 0), gradients(model)
    parts = [Batch(batch.input_ids[s], batch.labels[s], batch.images[s]) for s in (slice(0, 1), slice(1, 4))]
    tokens = [part.answer_tokens() for part in parts]
    assert tokens[0] != tokens[1]
    losses, sums = [], []
    for part, other in zip(parts, reversed(tokens), strict=True):
        ranks = OneOfTwo((other,), (0.0, False))
        one = Stepper(model, make_optimizer(model, 1e-3, 1e-4, 0.0), 4, "auto", 1e9, 5, ranks)
        losses.append(one.gradients(part, 0))
        sums.append(gradients(model))
    assert sum(losses) == pytest.approx(loss, rel=1e-5)
    for name in wanted:
        torch.testing.assert_close(sums[0][name] + sums[1][name], wanted[name], atol=1e-6, rtol=1e-4)


def test_a_rank_with_nothing_adds_zeros(llava):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    one = Stepper(model, make_optimizer(model, 1e-3, 1e-4, 0.0), 4, "auto", 1e9, 5, OneOfTwo((7,), (0.25, False)))
    assert one.gradients(Batch.empty(), 0) == 0.25
    assert all(not gradient.any() for gradient in gradients(model).values()) and gradients(model)


def test_memory_that_runs_out_on_one_rank_makes_all_fall_back(llava, batch, caplog):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    ranks = OneOfTwo((10,), (0.0, True), (0.5, False))
    one = Stepper(model, make_optimizer(model, 1e-3, 1e-4, 0.0), 8, "auto", 1e9, 5, ranks)
    with caplog.at_level(logging.WARNING):
        one.gradients(batch, 0)
    assert one.micro_batch == 4 and "micro-batch halved to 4" in caplog.text
    assert next(ranks.others, None) is None


def test_all_ranks_diverge_by_the_loss_of_one(llava, batch):
    model = add_lora(llava.model, 4, 8, 0.0, seed=1)
    ranks = OneOfTwo((10,), (float("nan"), False), (float("inf"), 10))
    one = Stepper(model, make_optimizer(model, 1e-3, 1e-4, 0.0), 4, "auto", 1e9, 5, ranks)
    with pytest.raises(Diverged, match="the loss is nan"):
        one.step(batch, 0, 1.0)
    with pytest.raises(Diverged, match="the held-out loss is inf"):
        one.mean_loss([batch])
