"""The one way in for every picture that a model or a person is shown: upright, RGB, 8 bits, decoded to the end.

What a picture becomes:

- EXIF (or XMP) orientation is applied; where it is damaged or not one of 1 to 8, the picture is taken as it is stored.
- Transparency lies on white, so that colours hidden under it reach no model.
- 16-bit grey is scaled from 0..65535 (12-bit TIFF: 0..4095). 32-bit whole numbers up to 255 are taken as they are, up
  to 65535 as 16-bit. Floats up to 1 are scaled from 0..1, up to 255 rounded. Anything else (negative numbers, NaN, a
  16-bit picture with nothing above 255) does not tell where white is, and is refused.
- Of several frames or pages the first is taken.
"""

import base64
import io
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from mirror.paths import display_path

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")  # in Pillow's words; PPM reads PGM, PBM and PFM too
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".gif")
MAX_PIXELS = 64_000_000  # above every phone's 50 megapixels; 200 MB in RGB
MIN_SIDE = 8  # pixels
MAX_PROPORTION = 10  # CLIP's processor scales the short side to 224 or 336 first: 50,000 × 1 would take gigabytes
BACKGROUND = (255, 255, 255, 255)
ORIENTATION = 0x0112
PNG = b"\x89PNG\r\n\x1a\n"
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(ValueError):
    """A picture that cannot be used; the message names it, what is wrong, and what to do."""

    def __init__(self, name: str, fault: str, advice: str) -> None:
        self.fault = fault
        super().__init__(f"{name}: {fault}; {advice}")


class TooManyPixels(PictureError):
    """More pixels than are decoded; found in the header."""


class ExtremeShape(PictureError):
    """A side of a few pixels, or one side many times the other; found in the header."""


def open_picture(path: Path) -> Image.Image:
    """The picture in a file, as the module says: RGB uint8, upright, decoded.

    Raises:
        PictureError: it cannot be read, or should not be.
    """
    name = display_path(path)
    try:
        with open(path, "rb") as file:
            return _decode(file, name, FORMATS, MAX_PIXELS, False)
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror or error})", "put the picture there") from None


def decode_picture(
    data: bytes, name: str, formats: Sequence[str] = FORMATS, max_pixels: int = MAX_PIXELS, all_frames: bool = False
) -> Image.Image:
    """As `open_picture`, of bytes; `name` is what an error calls them.

    `max_pixels` are of the first frame, or of `all_frames` that the header of a PNG or WebP tells of.
    """
    return _decode(io.BytesIO(data), name, formats, max_pixels, all_frames)


def pixels_to_decode(data: bytes, name: str, formats: Sequence[str] = FORMATS, max_pixels: int = MAX_PIXELS) -> int:
    """How many pixels `decode_picture` holds for all frames, told by the header; `max_pixels` where it is damaged.

    Raises:
        TooManyPixels, ExtremeShape: as `decode_picture`, before anything is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats) as header:
            _check_header(header, name, max_pixels, all_frames=True)
            return header.width * header.height * _frames(header)
    except (TooManyPixels, ExtremeShape, MemoryError):
        raise
    except Exception:  # decoding says what is wrong, or reads the picture without its damaged EXIF
        return max_pixels


def upright(picture: Image.Image) -> Image.Image:
    """A picture that is open already, as the module says; a picture that this gave comes back the same.

    Raises:
        PictureError: it cannot be decoded to its end (Pillow decodes at the first use), or should not be shown.
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
    """Why `open_picture` refuses each of the files that it refuses."""

    def fault(path: Path) -> str:
        try:
            open_picture(path)
        except PictureError as error:
            return str(error)
        return ""

    ordered = sorted(set(paths))
    with ThreadPoolExecutor(8) as pool:  # each may hold a picture of MAX_PIXELS
        return {path: found for path, found in zip(ordered, pool.map(fault, ordered), strict=True) if found}


def data_url(image: Image.Image, side: int) -> str:
    """The picture as a PNG inside a page, at most `side` pixels wide and high."""
    small = upright(image)
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


# Decoding -------------------------------------------------------------------------------------------------------------


def _decode(file: IO[bytes], name: str, formats: Sequence[str], max_pixels: int, all_frames: bool) -> Image.Image:
    if not file.read(1):
        raise PictureError(name, "is empty (0 bytes)", "copy it again or replace it")
    try:
        return _decode_once(file, name, formats, max_pixels, all_frames)
    except (TooManyPixels, ExtremeShape):
        raise
    except PictureError:
        file.seek(0)
        chunks = file.read() if file.read(len(PNG)) == PNG else b""
        if (rest := _without_exif(chunks)) == chunks:
            raise
        # A damaged EXIF chunk of a PNG has a wrong checksum, at which Pillow gives the whole picture up.
        return _decode_once(io.BytesIO(PNG + rest), name, formats, max_pixels, all_frames)


def _decode_once(file: IO[bytes], name: str, formats: Sequence[str], max_pixels: int, all_frames: bool) -> Image.Image:
    try:
        file.seek(0)
        with Image.open(file, formats=formats) as header:
            _check_header(header, name, max_pixels, all_frames)
            if header.format == "PNG":
                header.verify()  # the checksums, which decoding does not look at
        file.seek(0)
        with Image.open(file, formats=formats) as picture:
            picture.load()
            return _upright(picture, name)
    except (PictureError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = int(re.search(r"\d+", str(error))[0])
        raise TooManyPixels(name, f"has {pixels:,} pixels, at most {max_pixels:,} are read", "scale it down") from None
    except UnidentifiedImageError:
        fault = f"is no picture in one of the formats {', '.join(formats)}, or its beginning is damaged"
        raise PictureError(name, fault, "convert or replace it") from None
    except Exception as error:  # decoders raise nearly any type on damaged bytes, and all of them mean this
        raise _damaged(name, error) from error


def _check_header(header: Image.Image, name: str, max_pixels: int, all_frames: bool) -> None:
    _check_size(header.size, _frames(header) if all_frames else 1, name, max_pixels)


def _frames(header: Image.Image) -> int:
    return getattr(header, "n_frames", 1) if header.format in ("PNG", "WEBP") else 1


def _without_exif(chunks: bytes) -> bytes:
    """The chunks of a PNG (what follows its signature) but for those of EXIF."""
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
    """Of a loaded picture; before that, a PNG may not have told its orientation, and a TIFF has not applied it."""
    turn = _turn(picture)
    shown = _eight_bit_rgb(picture, name)
    shown = shown if turn is None else shown.transpose(turn)
    shown.info = {}  # without the orientation, which would be applied again
    return shown


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        orientation = picture.getexif().get(ORIENTATION)
    except Exception:  # damaged EXIF raises nearly any type; the pixels are whole, and are taken as they are stored
        return None
    return TURNS.get(orientation) if isinstance(orientation, int) else None


# Pixels ---------------------------------------------------------------------------------------------------------------


def _eight_bit_rgb(picture: Image.Image, name: str) -> Image.Image:
    """A new picture in RGB, 8 bits a channel, without transparency."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _grey(picture, name)
    if picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    key = picture.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # of a PNG with 16 bits a channel, whose high bytes Pillow keeps
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    ground = Image.new("RGBA", picture.size, BACKGROUND)
    ground.alpha_composite((picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA"))
    return ground.convert("RGB")


def _grey(picture: Image.Image, name: str) -> Image.Image:
    """A picture with one channel of more than 8 bits; what is transparent (a PNG's one value) becomes white."""
    values = np.asarray(picture).astype(np.float64)  # [height, width]
    if not np.isfinite(values).all():
        raise _undecided(name, "holds values that are not finite numbers")
    lowest, highest = values.min(), values.max()
    white = _white(picture, highest)
    if lowest < 0 or white is None:
        raise _undecided(name, f"holds values from {lowest:g} to {highest:g} in mode {picture.mode}")
    shown = np.rint(values * (255 / white))
    if getattr(picture, "tag_v2", {}).get(262) == 0 and picture.mode.startswith("I;16"):  # TIFF: white is zero
        shown = 255 - shown
    if isinstance(key := picture.info.get("transparency"), int):
        shown[values == key] = 255
    return Image.fromarray(shown.astype(np.uint8)).convert("RGB")


def _white(picture: Image.Image, highest: float) -> int | None:
    """The value that stands for white; None where nothing tells."""
    if picture.mode == "F":
        return 1 if highest <= 1 else 255 if highest <= 255 else None
    if picture.mode.startswith("I;16"):
        declared = 4095 if getattr(picture, "tag_v2", {}).get(258) == (12,) else 65535
        # All below 1/256 of white: black, or values of 8 bits in a file of 16.
        return None if 0 < highest <= 255 and declared == 65535 else declared
    if getattr(picture, "format", None) in ("PNG", "PPM"):
        return 65535
    return 255 if highest <= 255 else 65535 if highest <= 65535 else None


def _undecided(name: str, fault: str) -> PictureError:
    return PictureError(name, f"{fault}, which do not tell where white is", "save it with 8 bits a channel")
