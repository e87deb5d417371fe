"""Pictures from strangers: the type by content, then decoded as every picture of the project (`mirror.picture`)."""

from PIL import Image

from api.errors import Refusal
from mirror.picture import ExtremeShape, PictureError, TooManyPixels, decode_picture

FORMATS = ("PNG", "JPEG", "WEBP")
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # what their files begin with
MAX_SCANS = 200  # a progressive JPEG has about ten; each visits all pixels, and a hostile one has thousands in a few kB


class UnreadableImage(ValueError):
    """It begins as a picture and cannot be decoded to its end. The message says why."""


def decode(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture in RGB, upright. `name` is the field it came in.

    Raises Refusal (`unsupported_image_type`, `too_many_pixels`, `unsupported_image_shape`) before anything is decoded,
    and UnreadableImage.
    """
    if not _is_picture(data):
        found = f"other content ({len(data)} bytes)" if data else "an empty file"
        raise Refusal("unsupported_image_type", f"{name} must be a PNG, JPEG or WebP picture, found {found}")
    if data.startswith(JPEG) and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        message = f"{name} may have {MAX_SCANS} scans, found {scans}; save it as a baseline JPEG"
        raise Refusal("too_many_pixels", message)
    try:
        return decode_picture(data, name, FORMATS, max_pixels, all_frames=True)
    except TooManyPixels as error:
        raise Refusal(
            "too_many_pixels", f"{name} may have {max_pixels} pixels, it {error.fault}; scale it down"
        ) from None
    except ExtremeShape as error:
        raise Refusal("unsupported_image_shape", str(error)) from None
    except PictureError as error:
        raise UnreadableImage(f"{name} cannot be decoded to its end: it {error.fault}") from error


def _is_picture(data: bytes) -> bool:
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith((PNG, JPEG)) or is_webp
