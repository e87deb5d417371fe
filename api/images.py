"""Pictures from strangers: the type by content, the pixels from the header, decoded to the end. Knows no service."""

import io

from PIL import Image, ImageOps

from api.errors import Refusal

FORMATS = ("PNG", "JPEG", "WEBP")
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # what their files begin with
MAX_PIXELS = Image.MAX_IMAGE_PIXELS  # where Pillow itself begins to warn of a bomb
MAX_SCANS = 200  # a progressive JPEG has about ten; each visits all pixels, and a hostile one has thousands in a few kB


class UnreadableImage(ValueError):
    """It begins as a picture and cannot be decoded to its end. The message says why."""


def decode(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture in RGB, upright. `name` is the field it came in.

    Raises Refusal (`unsupported_image_type`, `too_many_pixels`) before anything is decoded, and UnreadableImage.
    """
    if not _is_picture(data):
        found = f"other content ({len(data)} bytes)" if data else "an empty file"
        raise Refusal("unsupported_image_type", f"{name} must be a PNG, JPEG or WebP picture, found {found}")
    if data.startswith(JPEG) and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
        message = f"{name} may have {MAX_SCANS} scans, found {scans}; save it as a baseline JPEG"
        raise Refusal("too_many_pixels", message)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            frames = getattr(header, "n_frames", 1) if header.format != "MPO" else 1  # MPO: a thumbnail beside a JPEG
            _check_pixels(*header.size, frames, name, max_pixels)
            header.verify()  # a PNG's checksums, which decoding does not look at
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except Refusal:
        raise
    except Image.DecompressionBombError as error:
        message = f"{name} may have {max_pixels} pixels: {error}; scale it down"
        raise Refusal("too_many_pixels", message) from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise nearly any type on damaged bytes, and all of them mean this
        raise UnreadableImage(f"{name} cannot be decoded to its end: {error}") from error


def _is_picture(data: bytes) -> bool:
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return data.startswith((PNG, JPEG)) or is_webp


def _check_pixels(width: int, height: int, frames: int, name: str, max_pixels: int) -> None:
    if width * height * frames > max_pixels:
        found = f"{width} × {height}" + (f" in {frames} frames" if frames > 1 else "")
        raise Refusal("too_many_pixels", f"{name} may have {max_pixels} pixels, found {found}; scale it down")
