"""Counselors with random weights of both families, and their images."""

import pytest
import torch

from mirror.benchmarks.random_models import counselor, llava, qwen3_vl
from mirror.benchmarks.random_models.counselor import positions_of, random_counselor, random_images, with_image


@pytest.mark.parametrize(("size", "positions"), [("7b", 753 + 576), ("qwen3-vl-8b", 753 + 100 + 2)])
def test_an_example_has_its_text_and_its_image(size, positions):
    assert positions_of(size, 753) == positions


def test_what_is_random_has_the_size_that_is_asked_for():
    made = random_counselor("qwen3-vl-tiny", torch.bfloat16, "meta")
    assert made.config.text_config.hidden_size == 32 and made.dtype == torch.bfloat16


@pytest.mark.parametrize("config", [llava.make_config("7b"), qwen3_vl.make_config("qwen3-vl-8b")])
def test_images_are_those_of_the_family_and_of_the_seed(config):
    one, again, other = random_images(config, 2), random_images(config, 2), random_images(config, 2, seed=1)
    assert all(torch.equal(one[1][name], again[1][name]) for name in one[1])
    assert not torch.equal(one[0]["pixel_values"], one[1]["pixel_values"])
    assert not torch.equal(one[0]["pixel_values"], other[0]["pixel_values"])
    seen, taken = counselor.patches(config)
    assert len(with_image(config, [7] * 5, 2)) == 5 + taken
    if "image_grid_thw" in one[0]:
        assert int(one[0]["image_grid_thw"].prod()) == len(one[0]["pixel_values"]) == seen == 4 * taken
