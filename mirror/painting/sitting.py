"""One client with one expression, which every painter paints from the same noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mirror.clients.lexicon import lexicon
from mirror.faces.rejection_sampling import FaceRequest
from mirror.files.digests import sha256
from mirror.files.image_file import open_picture
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile

Key = tuple[str, str]


@dataclass(frozen=True)
class Sitting:
    """One client with one expression.

    Attributes:
        client: the idx of the client.
        expression: the cue that the lexicon reads.
        request: of the face, as in counseling; its seed is that of run and expression.
        stranger: the portrait of another client.
        portraits_sha256: of the client's portraits and the stranger's.
    """

    client: str
    expression: str
    request: FaceRequest
    stranger: Image.Image
    portraits_sha256: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Client and expression."""
        return self.client, self.expression

    @property
    def portrait(self) -> Image.Image:
        """The client's portrait that faces are compared with."""
        return self.request.portraits[0]


def make_sittings(profiles: Sequence[Profile], cues: Sequence[str], seed: int) -> list[Sitting]:
    """Every client with every expression; the clients one after another.

    The noise of an attempt depends on the seed, the client, the expression and the number of the attempt alone.

    Args:
        profiles: the clients, two or more; the stranger of each is the next one, and of the last the first.
        cues: what the faces show; the lexicon reads each.
        seed: of the run.

    Raises:
        PictureError: a portrait cannot be read.
    """
    following = [*profiles[1:], *profiles[:1]]
    return [
        sitting
        for profile, other in zip(profiles, following, strict=True)
        for sitting in _sittings_of(profile, other.portraits[0], cues, seed)
    ]


def _sittings_of(profile: Profile, stranger: Path, cues: Sequence[str], seed: int) -> list[Sitting]:
    portraits, other = tuple(map(open_picture, profile.portraits)), open_picture(stranger)
    digests = tuple(map(sha256, (*profile.portraits, stranger)))
    found = []
    for cue in cues:
        face = lexicon().face(cue)
        assert face is not None  # checked with the settings
        request = FaceRequest(
            client=profile.idx,
            turn=1,
            gender=profile.gender,
            relevance_text=face.look,
            expression=face.shown,
            contrast=face.contrast,
            portraits=portraits,
            seed=seed_for(seed, "paint", cue),
        )
        found.append(Sitting(profile.idx, cue, request, other, digests))
    return found
