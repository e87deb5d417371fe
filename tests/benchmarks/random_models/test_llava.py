"""LLaVA with random weights has the published shapes."""

import pytest
import torch

from mirror.benchmarks.random_models import llava as random_llava


def test_the_published_shapes_have_the_published_number_of_weights():
    """Counted on no device: nothing is allocated."""
    for size, billions in (("7b", 7.06), ("13b", 13.35)):
        found = sum(p.numel() for p in random_llava.random_model(size, torch.bfloat16, "meta").parameters())
        assert found / 1e9 == pytest.approx(billions, abs=0.01)
