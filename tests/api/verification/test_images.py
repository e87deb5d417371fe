"""Pictures of untrusted callers."""

from PIL import Image

from api.verification.images import decode
from tests.servers import picture


def test_a_phone_s_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    upright = decode(picture(1, "JPEG", (40, 20), exif=exif), "image", 10_000)
    assert upright.size == (20, 40) and upright.mode == "RGB"
