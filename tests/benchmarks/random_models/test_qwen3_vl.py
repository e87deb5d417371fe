"""Qwen3-VL with random weights has the published shapes."""

import pytest
import torch

from mirror.benchmarks.random_models import qwen3_vl


def test_the_published_shapes_have_the_published_number_of_weights():
    """Counted on no device: nothing is allocated."""
    found = sum(p.numel() for p in qwen3_vl.random_model("qwen3-vl-8b", torch.bfloat16, "meta").parameters())
    assert found / 1e9 == pytest.approx(8.77, abs=0.01)


def test_an_image_is_read_at_its_own_size():
    assert [qwen3_vl.patches_of(side) for side in (336, 1024)] == [20 * 20, 64 * 64]
