"""Parts of a self-contained HTML page: its content security policy, and pictures as data URLs."""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

from mirror.files.image_file import open_picture

QUALITY = 72  # of WebP
NOTICE = (
    "Research software, not care. If you or somebody near you may be in danger, call your local emergency number; a "
    "doctor, a crisis line or a person you trust can help, too."
)


def content_policy(style: str, script: str, has_frames: bool = False) -> str:
    """Returns a policy that forbids network access, and any style and script but these two inline ones.

    With `has_frames`, frames may show files beside the page.
    """
    frames = "frame-src 'self' file:; " if has_frames else ""
    return (
        f"default-src 'none'; img-src data:; style-src '{_source(style)}'; script-src '{_source(script)}'; {frames}"
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    """The source expression by which a content security policy allows an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def inert_json(value: Any) -> str:
    """Formats JSON for a script element, in ASCII: nothing in it can end the element."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def picture_url(path: Path, side: int) -> str:
    """Returns an image as a data URL of a WebP without metadata, at most `side` pixels wide and high.

    Empty if the file is missing.

    Raises:
        PictureError: the file is no usable picture.
    """
    if not path.is_file():
        return ""
    small = open_picture(path)
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
