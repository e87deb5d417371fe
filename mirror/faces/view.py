"""The counselor's view of the client's face, which is a condition of a study.

The face is painted and verified alike in all conditions; they differ only in what the counselor is shown of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from PIL import Image

from mirror.clients.lexicon import lexicon
from mirror.faces.rejection_sampling import Exhaustion, FaceError, FaceRequest, Painter, ShownFace, show_faces
from mirror.faces.rejection_sampling.shown_face import GivenFace
from mirror.faces.verification import Verifier
from mirror.files.digests import content_digest, sha256
from mirror.files.image_file import PictureError, open_picture
from mirror.natural_order import natural_key
from mirror.prompts import Utterance
from mirror.seeds import seed_for
from mirror.transcripts.donor import complete_sessions, last_face
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.session_name import client_of
from mirror.transcripts.turn import Condition, Conversation

GRAY = (128, 128, 128)


@dataclass(frozen=True)
class ViewRequest:
    """What there is to see in one turn.

    Attributes:
        conversation: the session so far.
        utterance: of the client, with its cue.
        face: what the client's face shows; its request says with which expression.
    """

    conversation: Conversation
    utterance: Utterance
    face: ShownFace | GivenFace


@dataclass(frozen=True)
class Seen:
    """What the counselor sees.

    Attributes:
        image: in the place of the face.
        condition: None if the image is the client's face.
        words: the cue, if the counselor reads it.
        source: of another client's face, `<run>/<idx>/<turn>`.
    """

    image: Image.Image
    condition: Condition | None = None
    words: str = ""
    source: str = ""


class View(Protocol):
    """Decides what the counselor sees."""

    def see(self, requests: Sequence[ViewRequest]) -> Sequence[Seen | Exception]:
        """What the counselor sees in each turn, in order; an exception in place of one that failed."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """The condition, for the record of a run."""
        ...


class ShownView:
    """The counselor sees the client's face."""

    def see(self, requests: Sequence[ViewRequest]) -> list[Seen]:
        """See `View.see`."""
        return [Seen(request.face.image) for request in requests]

    def facts(self) -> dict[str, Any]:
        """See `View.facts`."""
        return {"face": "shown"}


class SquareView:
    """The counselor sees a gray square of the face's size; it may read the cue beside it."""

    def __init__(self, condition: Literal["blank", "cue"]) -> None:
        """With `cue` the counselor reads the cue, or the painted expression where the client gave no cue."""
        self.condition: Literal["blank", "cue"] = condition

    def see(self, requests: Sequence[ViewRequest]) -> list[Seen]:
        """See `View.see`."""
        return [self._seen(request) for request in requests]

    def _seen(self, request: ViewRequest) -> Seen:
        words = request.utterance.cue or request.face.request.expression if self.condition == "cue" else ""
        return Seen(Image.new("RGB", request.face.image.size, GRAY), self.condition, words)

    def facts(self) -> dict[str, Any]:
        """See `View.facts`."""
        return {"face": self.condition}


class NeutralView:
    """The counselor sees the client's calm face, the same in all turns of a session."""

    def __init__(
        self,
        painter: Painter,
        verifier: Verifier,
        attempts: int = 10,
        on_exhaustion: Exhaustion = "keep_best",
        ahead: int = 1,
    ) -> None:
        """See `mirror.faces.rejection_sampling.show_faces`."""
        self.painter, self.verifier = painter, verifier
        self.attempts, self.on_exhaustion, self.ahead = attempts, on_exhaustion, ahead
        self._calm: dict[tuple[str, int], ShownFace | FaceError] = {}  # by client and seed

    def see(self, requests: Sequence[ViewRequest]) -> list[Seen | Exception]:
        """See `View.see`; calm faces that are new are painted together."""
        wanted = {_key(request): request.face.request for request in requests}
        due = {key: calm_request(face) for key, face in wanted.items() if key not in self._calm}
        painted = show_faces(
            self.painter, self.verifier, list(due.values()), self.attempts, self.on_exhaustion, self.ahead
        )
        known = self._calm | dict(zip(due, painted, strict=True))
        self._calm = {key: known[key] for key in wanted}  # sessions that are not under way any more need none
        faces = [known[_key(request)] for request in requests]
        return [face if isinstance(face, FaceError) else Seen(face.image, "neutral") for face in faces]

    def facts(self) -> dict[str, Any]:
        """See `View.facts`."""
        return {"face": "neutral", "expression": lexicon().neutral().shown}


def _key(request: ViewRequest) -> tuple[str, int]:
    return request.face.request.client, request.face.request.seed


def calm_request(face: FaceRequest) -> FaceRequest:
    """The calm face of the same client: painted as turn 0, so that it is the same in every turn."""
    neutral = lexicon().neutral()
    return replace(
        face, turn=0, relevance_text=neutral.look, expression=neutral.shown, contrast=neutral.contrast, unwanted=""
    )


class SwappedView:
    """The counselor sees the face that another client of another run showed in the same turn."""

    def __init__(self, run: Path, seed: int) -> None:
        """Take the faces from a run.

        Args:
            run: its folder; see `mirror.transcripts.donor.donor_faults`.
            seed: decides which client's faces a client gets.
        """
        self.run, self.seed = run, seed

    @cached_property
    def donors(self) -> list[SessionFolder]:
        """The sessions of the run that showed faces and are complete, in an order drawn by the seed."""
        return sorted(complete_sessions(self.run), key=lambda session: self._place(session.folder.name))

    def _place(self, idx: str) -> tuple[int, Any]:
        return seed_for(self.seed, "swapped face", idx), natural_key(idx)

    def donor(self, idx: str) -> SessionFolder:
        """The session whose faces a client gets: the next one of another client in the drawn order, in a circle."""
        others = [session for session in self.donors if client_of(session.folder.name) != client_of(idx)]
        return next((one for one in others if self._place(one.folder.name) > self._place(idx)), others[0])

    def see(self, requests: Sequence[ViewRequest]) -> list[Seen | Exception]:
        """See `View.see`; a session that had fewer turns shows its last face."""
        return [self._seen(request) for request in requests]

    def _seen(self, request: ViewRequest) -> Seen | Exception:
        session = self.donor(request.conversation.profile.idx)
        try:
            number, file = last_face(session.turns(), request.conversation.number)
            image = open_picture(session.folder / file)
        except (TranscriptError, PictureError) as error:
            return error
        return Seen(image, "swapped", source=f"{self.run.name}/{session.folder.name}/{number}")

    def facts(self) -> dict[str, Any]:
        """The run, and a digest of the sessions whose faces are taken."""
        ends = {session.folder.name: sha256(session.folder / "end.json") for session in self.donors}
        return {"face": "swapped", "faces_from": self.run.name, "sessions_sha256": content_digest(ends)}
