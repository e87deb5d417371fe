"""Pictures of untrusted callers."""

import pytest
from PIL import Image

from api.errors import Refusal
from api.verification.images import MAX_SCANS, UnreadableImage, check, decode
from tests.servers import picture


def test_a_phone_s_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    upright = decode(picture(1, "JPEG", (40, 20), exif=exif), "image", 10_000)
    assert upright.size == (20, 40) and upright.mode == "RGB"


def test_a_picture_is_known_by_its_first_bytes_and_counted_from_its_header():
    for format in ("PNG", "JPEG", "WEBP"):
        assert check(picture(1, format, (40, 20)), "image", 800) == 800
        assert decode(picture(1, format, (40, 20)), "image", 800).size == (40, 20)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "found an empty file"),
        (b"GIF89a....", "found other content (10 bytes)"),
        (picture(1, "BMP"), "found other content"),
        (b"RIFF....WAVE", "found other content (12 bytes)"),
    ],
)
def test_other_types_are_refused(data, found):
    with pytest.raises(Refusal, match="^base_image must be a PNG, JPEG or WebP picture") as refused:
        check(data, "base_image", 10**6)
    assert refused.value.code == "unsupported_image_type" and found in refused.value.message


@pytest.mark.parametrize("read", [check, decode])
@pytest.mark.parametrize(
    ("size", "code", "message"),
    [
        ((40, 21), "too_many_pixels", "image may have 800 pixels, it has 40 × 21 pixels"),
        ((400, 2), "unsupported_image_shape", "image: has 400 × 2 pixels"),
    ],
)
def test_too_many_pixels_and_extreme_shapes_are_refused(read, size, code, message):
    with pytest.raises(Refusal) as refused:
        read(picture(1, size=size), "image", 800)
    assert refused.value.code == code and refused.value.message.startswith(message)


def test_a_jpeg_of_many_scans_is_refused_and_a_progressive_one_is_not():
    jpeg = picture(200, "JPEG", (90, 90), progressive=True)
    assert check(jpeg, "image", 10**4) == 8100
    bomb = jpeg + b"\xff\xda" * MAX_SCANS
    scans = bomb.count(b"\xff\xda")
    with pytest.raises(Refusal, match=f"image may have {MAX_SCANS} scans, found {scans}; save it as a baseline JPEG"):
        check(bomb, "image", 10**4)


def test_a_picture_that_is_cut_off_is_unreadable_by_its_field():
    data = picture(1, "PNG", (64, 64))
    assert check(data[:120], "image", 10**4) == 64 * 64, "its header is whole"
    with pytest.raises(UnreadableImage, match="^image cannot be decoded to its end: it "):
        decode(data[:120], "image", 10**4)
