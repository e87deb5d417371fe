"""A client of one's own: a portrait that a person gives, checked as one of a table is, and who the client is."""

import hashlib
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mirror.exploration.settings import Typed
from mirror.faces.photomaker import PaintRequest
from mirror.faces.rejection_sampling import Painter
from mirror.files.atomic import write_bytes
from mirror.files.image_file import PictureError, decode_picture, png
from mirror.files.text_file import control_character, lone_surrogate
from mirror.paths import display_path, input_path
from mirror.transcripts.profile import Profile

MOST_BYTES = 32 * 2**20  # of a portrait's file
UNKNOWN = "unknown"


class ClientError(ValueError):
    """A client that cannot be used."""


class OwnClient(BaseModel):
    """What a person says of their own client.

    Attributes:
        gender: the word that the painter is told, such as `woman`; empty if it is not known.
        name: may be empty.
        about: who the client is; may be empty.
        reason: for seeking counseling; may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gender: Typed = ""
    name: Typed = ""
    about: Typed = ""
    reason: Typed = ""


class Portraits:
    """Portraits that a person has given, in a folder that is removed with this object, or at the end of the process."""

    @cached_property
    def _folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="mirror-portraits-")  # readable by its owner alone
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def profile(self, given: bytes | str, client: OwnClient, painter: Painter) -> Profile:
        """The client with a portrait.

        Args:
            given: an image file, or the path of one on this machine, relative to the repository.
            client: who it is.
            painter: must be able to paint from it.

        Raises:
            ClientError: the picture cannot be read, or the painter cannot use it.
        """
        name = "the portrait" if isinstance(given, bytes) else given
        try:
            content = given if isinstance(given, bytes) else _read(given)
            picture = decode_picture(content, name)
            painter.check(PaintRequest("", "", (picture,), 0))
        except (ValueError, OSError) as error:
            raise ClientError(str(error)) from error
        content = png(picture)  # upright and in RGB, without what the file told of its place and time
        digest = hashlib.sha256(content).hexdigest()[:8]
        path = self._folder / f"{digest}.png"
        write_bytes(path, content)
        return Profile(
            idx=f"own-{digest}",
            personal_info=client.about,
            resistance=None,
            distorted_thought="",
            reason=client.reason,
            gender=client.gender or UNKNOWN,
            portraits=(path,),
            name=client.name,
        )


def _read(given: str) -> bytes:
    """The content of a file.

    Raises:
        PictureError: there is no such file, or it is too large.
    """
    if lone_surrogate(given) or control_character(given) or not given.strip():
        raise PictureError("the portrait", "its path is empty or holds a control character", "type it again")
    path = input_path(given.strip())
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PictureError(display_path(path), f"is larger than {MOST_BYTES // 2**20} MB", "scale it down")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(
            display_path(path), f"cannot be read ({error.strerror or error})", "correct the path"
        ) from None
