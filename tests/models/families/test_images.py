"""Images as tensors, and in batches."""

import copy

import pytest
import torch
from PIL import Image
from transformers import Idefics2ImageProcessorPil, Idefics2Processor

from mirror.models.families.images import ImageReader, PackedImages, batched, moved, one_by_one


def test_images_of_several_sizes_are_filled_up_with_zeros():
    small, large = {"pixels": torch.ones(1, 2, 3), "size": torch.tensor([[2, 3]])}, {"pixels": torch.ones(1, 4, 2)}
    large["size"] = torch.tensor([[4, 2]])
    found = batched([small, {}, large])
    assert found["pixels"].shape == (2, 4, 3) and found["size"].tolist() == [[2, 3], [4, 2]]
    assert found["pixels"].sum() == 6 + 8 and torch.equal(found["pixels"][0, :2], torch.ones(2, 3))
    assert not found["pixels"][0, 2:].any() and not found["pixels"][1, :, 2].any()


def test_rows_of_patches_are_put_one_behind_the_other():
    found = batched([{"patches": torch.ones(count, 5)} for count in (2, 3)])
    assert found["patches"].shape == (5, 5) and not batched([]) and not batched([{}])


def test_only_floating_point_numbers_change_their_type():
    found = moved({"a": torch.ones(2), "b": torch.ones(2, dtype=torch.long)}, torch.device("cpu"), torch.bfloat16)
    assert (found["a"].dtype, found["b"].dtype) == (torch.bfloat16, torch.long)


def test_a_tensor_is_split_into_images():
    pixels = torch.arange(6.0).view(2, 3)
    assert torch.equal(batched(one_by_one(pixels))["pixel_values"], pixels) and one_by_one(pixels[:0]) == []


@pytest.mark.parametrize("size", [(70, 50), (50, 70), (200, 200)])
def test_the_positions_of_an_image_are_known_from_its_size(qwen, size):
    (read,) = qwen.read_images([Image.new("RGB", size, "red")])
    tokens = qwen.tokenize_prompt("<image>\nWho?", size)
    positions = tokens.count(qwen.model.config.image_token_id)
    assert positions == read["image_grid_thw"].prod() / 4 == len(read["pixel_values"]) / 4


def test_packed_images_are_the_same_images_in_one_piece_of_memory():
    images = [{"a": torch.rand(1, size, 2), "b": torch.tensor([[size]])} for size in (3, 1, 2)]
    packed = PackedImages.pack(images)
    assert len(packed) == 3 and {name: tensor.dim() for name, tensor in packed.tensors.items()} == {"a": 1, "b": 1}
    for found in (
        list(packed),
        [*packed[:1], *packed[1:].to(torch.device("cpu"))],
        [packed[-3], packed[1], packed[-1]],
    ):
        for one, other in zip(images, found, strict=True):
            assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert packed[1]["a"].untyped_storage().data_ptr() == packed.tensors["a"].untyped_storage().data_ptr()
    assert len(packed[2:1]) == 0 and list(PackedImages.pack([{}, {}])) == [{}, {}]
    with pytest.raises(IndexError):
        packed[3]


def test_a_processor_that_does_not_say_what_it_writes_is_refused(qwen):
    """Idefics2's writes the images into the text by itself."""
    tokenizer = copy.deepcopy(qwen.tokenizer)
    processor = Idefics2Processor(Idefics2ImageProcessorPil(size={"shortest_edge": 28, "longest_edge": 56}), tokenizer)
    with pytest.raises(ValueError, match=r"Idefics2Processor does not say what it writes for an image; .*mistral3\.py"):
        ImageReader(processor)([Image.new("RGB", (56, 56))])
