"""Conversion of image pixels to 8-bit RGB.

- Transparent images are composited on white, so that colors hidden by transparency reach no model.
- 16-bit gray is scaled from 0..65535 (12-bit TIFF: 0..4095). 32-bit integers up to 255 are used as they are, up to
  65535 as 16-bit. Floats up to 1 are scaled from 0..1, up to 255 rounded. Anything else (negative values, NaN, a 16-bit
  image with no value above 255) leaves the white level ambiguous and is rejected.
"""

import numpy as np
from PIL import Image, ImageCms

BACKGROUND = (255, 255, 255, 255)  # RGBA
BITS_PER_SAMPLE, PHOTOMETRIC = 258, 262  # TIFF tags
WHITE_IS_ZERO = 0  # value of PHOTOMETRIC


class AmbiguousWhite(ValueError):
    """Pixel values that do not determine the white level. The message describes the values."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}, so that the white level is ambiguous")


def eight_bit_rgb(picture: Image.Image) -> Image.Image:
    """Convert a loaded image to a new 8-bit RGB image without transparency.

    Raises:
        AmbiguousWhite: the pixel values do not determine the white level.
    """
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _gray(picture)
    if picture.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
        assert converted is not None  # None only for in-place conversion
        return converted
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    key = picture.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # 16 bits per channel; of the pixels Pillow keeps the high bytes
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    ground = Image.new("RGBA", picture.size, BACKGROUND)
    ground.alpha_composite((picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA"))
    return ground.convert("RGB")


def _gray(picture: Image.Image) -> Image.Image:
    """Convert a single-channel image of more than 8 bits; the transparent value of a PNG becomes white."""
    values = np.asarray(picture).astype(np.float64)  # [height, width]
    if not np.isfinite(values).all():
        raise AmbiguousWhite("holds values that are not finite numbers")
    lowest, highest = values.min(), values.max()
    white = _white(picture, highest)
    if lowest < 0 or white is None:
        raise AmbiguousWhite(f"holds values from {lowest:g} to {highest:g} in mode {picture.mode}")
    shown = np.rint(values * (255 / white))
    if getattr(picture, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO and picture.mode.startswith("I;16"):
        shown = 255 - shown
    if isinstance(key := picture.info.get("transparency"), int):
        shown[values == key] = 255
    return Image.fromarray(shown.astype(np.uint8)).convert("RGB")


def _white(picture: Image.Image, highest: float) -> int | None:
    """Return the value of white; None if it is ambiguous."""
    if picture.mode == "F":
        return 1 if highest <= 1 else 255 if highest <= 255 else None
    if picture.mode.startswith("I;16"):
        declared = 4095 if getattr(picture, "tag_v2", {}).get(BITS_PER_SAMPLE) == (12,) else 65535
        # Nothing above 1/256 of white: black, or 8-bit values in a 16-bit file.
        return None if 0 < highest <= 255 and declared == 65535 else declared
    if getattr(picture, "format", None) in ("PNG", "PPM"):
        return 65535
    return 255 if highest <= 255 else 65535 if highest <= 65535 else None
