"""Pictures from untrusted callers: checked by content, then decoded as all pictures of the project are."""

from PIL import Image

from api.errors import Refusal
from mirror.files.image_file import ExtremeShape, PictureError, TooManyPixels, decode_picture, pixels_to_decode

FORMATS = ("PNG", "JPEG", "WEBP")
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # the first bytes of their files
MAX_SCANS = 200  # a progressive JPEG has about ten; each visits all pixels, and a hostile one has thousands in a few kB


class UnreadableImage(ValueError):
    """A file that begins as a picture and cannot be decoded completely. The message says why."""


def check(data: bytes, name: str, max_pixels: int) -> int:
    """Checks a picture without decoding it.

    Args:
        data: the file.
        name: of its field, for messages.
        max_pixels: of all its frames together.

    Returns:
        The number of pixels that `decode` will hold.

    Raises:
        Refusal: `unsupported_image_type`, `too_many_pixels` or `unsupported_image_shape`.
    """
    if not _is_picture(data):
        found = f"other content ({len(data)} bytes)" if data else "an empty file"
        raise Refusal("unsupported_image_type", f"{name} must be a PNG, JPEG or WebP picture, found {found}")
    if data.startswith(JPEG) and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        message = f"{name} may have {MAX_SCANS} scans, found {scans}; save it as a baseline JPEG"
        raise Refusal("too_many_pixels", message)
    try:
        return pixels_to_decode(data, name, FORMATS, max_pixels)
    except (TooManyPixels, ExtremeShape) as error:
        raise _refusal(error, name, max_pixels) from None


def decode(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture in RGB, upright, after `check` has accepted it; the arguments are the same.

    Raises:
        Refusal: as `check`.
        UnreadableImage: it cannot be decoded completely.
    """
    try:
        return decode_picture(data, name, FORMATS, max_pixels, all_frames=True)
    except (TooManyPixels, ExtremeShape) as error:  # found only while decoding
        raise _refusal(error, name, max_pixels) from None
    except PictureError as error:
        raise UnreadableImage(f"{name} cannot be decoded to its end: it {error.fault}") from error


def _refusal(error: PictureError, name: str, max_pixels: int) -> Refusal:
    if isinstance(error, ExtremeShape):
        return Refusal("unsupported_image_shape", str(error))
    return Refusal("too_many_pixels", f"{name} may have {max_pixels} pixels, it {error.fault}; scale it down")


def _is_picture(data: bytes) -> bool:
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith((PNG, JPEG)) or is_webp
