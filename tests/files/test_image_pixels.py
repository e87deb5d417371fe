"""Pixels of any mode become 8-bit RGB; values that leave the white level open are refused."""

import numpy as np
import pytest
from PIL import Image

from mirror.files.image_pixels import AmbiguousWhite, eight_bit_rgb


@pytest.mark.parametrize(
    "values, shown",
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 99.6, 255]], np.float32), [0, 100, 255]),
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 257, 65535]], np.int32), [0, 1, 255]),
        (np.array([[0, 257, 65535]], np.uint16), [0, 1, 255]),
        (np.array([[0, 256, 1000]], np.uint16), [0, 1, 4]),
        (np.zeros((1, 2), np.uint16), [0, 0]),
    ],
)
def test_higher_bit_depths_are_scaled(values, shown):
    image = eight_bit_rgb(Image.fromarray(values))
    assert image.mode == "RGB"
    assert np.asarray(image).tolist() == [[[value] * 3 for value in shown]]


@pytest.mark.parametrize(
    "values, message",
    [
        (np.array([[0, np.nan]], np.float32), "holds values that are not finite numbers"),
        (np.array([[0, 256.5]], np.float32), "holds values from 0 to 256.5 in mode F"),
        (np.array([[-1, 20]], np.int32), "holds values from -1 to 20 in mode I"),
        (np.array([[0, 65536]], np.int32), "holds values from 0 to 65536 in mode I"),
        (np.array([[0, 255]], np.uint16), "holds values from 0 to 255 in mode I;16"),
    ],
)
def test_an_ambiguous_white_level_is_refused(values, message):
    with pytest.raises(AmbiguousWhite) as error:
        eight_bit_rgb(Image.fromarray(values))
    assert str(error.value) == f"{message}, so that the white level is ambiguous"


def test_transparency_is_composited_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 0, 0, 255), (200, 0, 0, 0), (0, 0, 0, 51)])
    assert np.asarray(eight_bit_rgb(image)).tolist() == [[[200, 0, 0], [255, 255, 255], [204, 204, 204]]]
