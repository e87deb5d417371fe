"""A training that cannot fit is refused with numbers, and with parameters that would fit."""

import pytest

from mirror.models.llava import SHAPES
from mirror.models.memory.fine_tuning import VISION, VOCABULARY, Model
from mirror.models.memory.plan import DoesNotFit
from mirror.training.base_model.memory import least_need, require_memory
from mirror.training.settings import TrainSettings
from tests import ROOT

GB = 10**9
CARD = "NVIDIA Pocket"


def published(size):
    hidden, inner, layers, _ = SHAPES[size]
    return Model(hidden, inner, layers, 1.0, VOCABULARY, VISION)


def settings(name, **changes):
    return TrainSettings.from_file(ROOT / f"params/train/{name}.yaml", check_files=False, **changes)


def refusal(available, size="7b", name="mirror-7b-planning", **changes):
    with pytest.raises(DoesNotFit) as refused:
        require_memory(settings(name, **changes), published(size), 2, available, CARD)
    return str(refused.value)


@pytest.mark.parametrize("size", SHAPES)
def test_the_params_files_for_24_gb_fit_and_the_published_ones_do_not(size):
    small = settings(f"mirror-{size}-planning-24gb")
    assert require_memory(small, published(size), 2, 24 * GB, CARD).startswith("needs about 1")
    if size == "13b":
        message = refusal(24 * GB, size, "mirror-13b-planning")
        assert message.startswith(f"the training does not fit {CARD}: with micro_batch 1 it needs about 38.")
        assert "of 24.0 GB (frozen weights 26.6 GB, LoRA with optimizer 8.5 GB, activations" in message
        assert message.endswith("with quantize nf4 it needs about 19.7 GB and fits")


def test_recomputing_is_proposed_before_4_bits():
    assert refusal(30 * GB, activation_checkpointing="never").endswith(
        "with activation_checkpointing auto it needs about 22.1 GB and fits"
    )


def test_a_smaller_card_takes_shorter_examples_and_a_lower_rank_at_last():
    assert "with quantize nf4 it needs" in refusal(14 * GB)
    assert "with quantize nf4, max_length 1024 it needs" in refusal(12 * GB)
    assert "with quantize nf4, lora_rank 64 it needs" in refusal(11 * GB)
    assert refusal(4 * GB).endswith("; no parameters fit; use an idle or a larger GPU, or a smaller size")


def test_nothing_is_proposed_that_needs_as_much():
    """Where the rank is low and recomputing on already, only what lowers the need is named."""
    message = refusal(8 * GB, quantize="nf4", lora_rank=8, activation_checkpointing="always", max_length=4096)
    assert "; with max_length 1536 it needs about 7." in message


def test_float8_is_given_up_for_4_bits():
    assert "with quantize nf4, float8 false it needs" in refusal(14 * GB, float8=True)


def test_what_fits_at_its_limit_is_not_refused():
    training = settings("mirror-7b-planning")
    need = least_need(training, published("7b"), 2).total
    assert require_memory(training, published("7b"), 2, need, CARD)
    with pytest.raises(DoesNotFit):
        require_memory(training, published("7b"), 2, need - 1, CARD)
