"""Pictures as people see them: upright, in RGB. Knows nothing of what they show."""

from PIL import Image, ImageOps


def upright(picture: Image.Image) -> Image.Image:
    """`picture` in RGB, turned as its EXIF says; every model here is shown this form.

    Raises:
        OSError: it cannot be decoded to its end; a picture opened from a file is decoded when it is first used.
    """
    return ImageOps.exif_transpose(picture).convert("RGB")
