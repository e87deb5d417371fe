"""Pictures as people see them: upright, in RGB. Knows nothing of what they show."""

import base64
import io

from PIL import Image, ImageOps


def upright(picture: Image.Image) -> Image.Image:
    """`picture` in RGB, turned as its EXIF says; every model here is shown this form.

    Raises:
        OSError: it cannot be decoded to its end; a picture opened from a file is decoded when it is first used.
    """
    return ImageOps.exif_transpose(picture).convert("RGB")


def data_url(image: Image.Image, side: int) -> str:
    """The picture as a PNG inside a page, at most `side` pixels wide and high."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
