"""Decoding of every image that a model or a person is shown: upright, RGB, 8 bits per channel, completely decoded.

Images are normalized as follows:

- EXIF (or XMP) orientation is applied. If it is damaged or not in 1..8, the pixels are used as stored.
- Pixels are converted by `mirror.files.image_pixels`: transparency on white, higher bit depths scaled to 8 bits.
- The first of several frames or pages is used.
"""

import base64
import io
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from mirror.files.image_pixels import AmbiguousWhite, eight_bit_rgb
from mirror.paths import display_path

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")  # Pillow's names; PPM includes PGM, PBM and PFM
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".gif")
MAX_PIXELS = 64_000_000  # above the 50 megapixels of phone cameras; 200 MB in RGB
MIN_SIDE = 8  # pixels
MAX_PROPORTION = 10  # CLIP's processor resizes the short side to 224 or 336: a 50,000 × 1 image would need gigabytes
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112  # EXIF tag
TRANSPOSES = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(ValueError):
    """An image that cannot be used. The message names it, the fault (also in `.fault`), and the remedy."""

    def __init__(self, name: str, fault: str, advice: str) -> None:
        self.fault = fault
        super().__init__(f"{name}: {fault}; {advice}")


class TooManyPixels(PictureError):
    """The header declares more pixels than the limit."""


class ExtremeShape(PictureError):
    """The header declares a side of less than 8 pixels, or an aspect ratio above 10."""


def open_picture(path: Path) -> Image.Image:
    """Read the image in a file, normalized to upright 8-bit RGB (see the module's docstring).

    Raises:
        PictureError: the file cannot be read or decoded, or exceeds the limits of size and shape.
    """
    name = display_path(path)
    try:
        with open(path, "rb") as file:
            return _decode(file, name, FORMATS, MAX_PIXELS, False)
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror or error})", "put the picture there") from None


def decode_picture(
    data: bytes,
    name: str,
    formats: tuple[str, ...] = FORMATS,
    max_pixels: int = MAX_PIXELS,
    all_frames: bool = False,
) -> Image.Image:
    """Decode an image from bytes, normalized as by `open_picture`.

    Args:
        data: the content of an image file.
        name: what error messages call the image.
        formats: the accepted formats, by Pillow's names.
        max_pixels: the largest number of pixels that is decoded.
        all_frames: whether `max_pixels` limits all frames declared in the header of a PNG or WebP, or only the first.

    Raises:
        PictureError: the data cannot be decoded, or exceed the limits of size and shape.
    """
    return _decode(io.BytesIO(data), name, formats, max_pixels, all_frames)


def pixels_to_decode(data: bytes, name: str, formats: tuple[str, ...] = FORMATS, max_pixels: int = MAX_PIXELS) -> int:
    """Return the number of pixels of all frames that the header declares; `max_pixels` if the header is damaged.

    Decodes nothing.

    Raises:
        TooManyPixels: more than `max_pixels`.
        ExtremeShape: as for `decode_picture`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats) as header:
            _check_header(header, name, max_pixels, all_frames=True)
            return header.width * header.height * _frames(header)
    except (TooManyPixels, ExtremeShape, MemoryError):
        raise
    except Exception:  # decode_picture reports the fault, or decodes the image without its damaged EXIF
        return max_pixels


def upright(picture: Image.Image) -> Image.Image:
    """Normalize an open image as `open_picture` does; idempotent.

    Raises:
        PictureError: the image cannot be decoded completely (Pillow decodes lazily), or exceeds the limits of size and
            shape.
    """
    name = display_path(Path(file)) if (file := getattr(picture, "filename", "")) else "the picture"
    _check_size(picture.size, 1, name, MAX_PIXELS)
    try:
        picture.load()
        return _upright(picture, name)
    except (PictureError, MemoryError):
        raise
    except Exception as error:
        raise _damaged(name, error) from error


def picture_faults(paths: Iterable[Path]) -> dict[Path, str]:
    """Open every file and return the error message of each that fails, by path."""

    def fault(path: Path) -> str:
        try:
            open_picture(path)
        except PictureError as error:
            return str(error)
        return ""

    ordered = sorted(set(paths))
    with ThreadPoolExecutor(8) as pool:  # at most 8 images of MAX_PIXELS in memory
        return {path: found for path, found in zip(ordered, pool.map(fault, ordered), strict=True) if found}


def data_url(image: Image.Image, side: int) -> str:
    """Encode an image as a `data:` URL of a PNG, at most `side` pixels wide and high."""
    small = upright(image)
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# Decoding -------------------------------------------------------------------------------------------------------------


def _decode(file: IO[bytes], name: str, formats: tuple[str, ...], max_pixels: int, all_frames: bool) -> Image.Image:
    if not file.read(1):
        raise PictureError(name, "is empty (0 bytes)", "copy it again or replace it")
    try:
        return _decode_once(file, name, formats, max_pixels, all_frames)
    except (TooManyPixels, ExtremeShape):
        raise
    except PictureError:
        file.seek(0)
        chunks = file.read() if file.read(len(PNG_SIGNATURE)) == PNG_SIGNATURE else b""
        if (rest := _without_exif(chunks)) == chunks:
            raise
        # Pillow rejects a PNG whose EXIF chunk is damaged (wrong checksum), although its pixels are intact.
        return _decode_once(io.BytesIO(PNG_SIGNATURE + rest), name, formats, max_pixels, all_frames)


def _decode_once(
    file: IO[bytes], name: str, formats: tuple[str, ...], max_pixels: int, all_frames: bool
) -> Image.Image:
    try:
        file.seek(0)
        with Image.open(file, formats=formats) as header:
            _check_header(header, name, max_pixels, all_frames)
            if header.format == "PNG":
                header.verify()  # checksums, which decoding ignores
        file.seek(0)
        with Image.open(file, formats=formats) as picture:
            picture.load()
            return _upright(picture, name)
    except (PictureError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        found = re.search(r"\d+", str(error))
        pixels = f"{int(found[0]):,}" if found else "too many"
        raise TooManyPixels(name, f"has {pixels} pixels, at most {max_pixels:,} are read", "scale it down") from None
    except UnidentifiedImageError:
        fault = f"is no picture in one of the formats {', '.join(formats)}, or its beginning is damaged"
        raise PictureError(name, fault, "convert or replace it") from None
    except Exception as error:  # decoders raise almost any exception type on damaged data
        raise _damaged(name, error) from error


def _check_header(header: Image.Image, name: str, max_pixels: int, all_frames: bool) -> None:
    _check_size(header.size, _frames(header) if all_frames else 1, name, max_pixels)


def _frames(header: Image.Image) -> int:
    return getattr(header, "n_frames", 1) if header.format in ("PNG", "WEBP") else 1


def _without_exif(chunks: bytes) -> bytes:
    """Remove the EXIF chunks from the chunks of a PNG (the bytes after its signature)."""
    kept, start = [], 0
    while start < len(chunks):
        end = start + 12 + int.from_bytes(chunks[start : start + 4])
        kept.append(b"" if chunks[start + 4 : start + 8] == b"eXIf" else chunks[start:end])
        start = end
    return b"".join(kept)


def _damaged(name: str, error: Exception) -> PictureError:
    return PictureError(name, f"cannot be decoded to its end ({error})", "copy it again or replace it")


def _check_size(size: tuple[int, int], frames: int, name: str, max_pixels: int) -> None:
    width, height = size
    if width * height * frames > max_pixels:
        found = f"{width} × {height} pixels" + f" in {frames} frames" * (frames > 1)
        raise TooManyPixels(name, f"has {found}, at most {max_pixels:,} are read", "scale it down")
    if min(size) < MIN_SIDE or max(size) > MAX_PROPORTION * min(size):
        rule = f"a side has at least {MIN_SIDE}, the longer at most {MAX_PROPORTION} times the shorter"
        raise ExtremeShape(name, f"has {width} × {height} pixels ({rule})", "crop or replace it")


def _upright(picture: Image.Image, name: str) -> Image.Image:
    """Normalize a loaded image; before loading, a PNG may lack its orientation, and a TIFF has not applied it."""
    transpose = _transpose(picture)
    try:
        shown = eight_bit_rgb(picture)
    except AmbiguousWhite as error:
        raise PictureError(name, str(error), "save it with 8 bits a channel") from None
    shown = shown if transpose is None else shown.transpose(transpose)
    shown.info = {}  # an orientation left here would be applied again
    return shown


def _transpose(picture: Image.Image) -> Image.Transpose | None:
    try:
        orientation = picture.getexif().get(ORIENTATION)
    except Exception:  # damaged EXIF raises almost any exception type; the pixels are intact
        return None
    return TRANSPOSES.get(orientation) if isinstance(orientation, int) else None


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file; only its pixels determine the bytes."""
    content = io.BytesIO()
    image.save(content, "PNG", icc_profile=None)
    return content.getvalue()
