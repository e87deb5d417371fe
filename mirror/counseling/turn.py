"""One turn, from the client's words to the counselor's reply, taken by several sessions together.

Each step runs as one batch over the sessions that are still open. A session that fails keeps its error; the others go
on. Models are passed in, and nothing is written. `take_turn` takes the steps one after another; a run of sessions takes
those of a `SharedTurn` so that some sessions wait for a service while others are painted.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.faces.description import Description, DescriptionRequest
from mirror.faces.rejection_sampling import Attempt, FaceError, FaceRequest, PortraitUnusable, ShownFace, show_faces
from mirror.faces.view import Seen, ViewRequest
from mirror.files.image_file import PictureError, open_picture
from mirror.prompts import Utterance, format_dialogue
from mirror.seeds import seed_for
from mirror.transcripts.session_folder import Picture
from mirror.transcripts.turn import AttemptRecord, Conversation, FaceRecord, SeenRecord, Turn


@dataclass(frozen=True)
class Taken:
    """A turn that was taken.

    Attributes:
        turn: its record.
        images: the pictures that the record names, by file.
        face: the face that the client showed; None if the client ended the session.
        seen: what the counselor saw of it; None if the client ended the session.
        reply: the counselor's; None if the client ended the session.
        is_last: whether nothing follows, as after the last turn of a recorded conversation.
    """

    turn: Turn
    images: Mapping[str, Picture]
    face: ShownFace | None = None
    seen: Seen | None = None
    reply: Reply | None = None
    is_last: bool = False


@dataclass
class Draft:
    """One session's turn in the making. Each step sets one attribute, or `failure`, which ends the session."""

    conversation: Conversation
    said: ClientUtterance = field(init=False)
    description: Description = field(init=False)
    face: ShownFace = field(init=False)
    seen: Seen = field(init=False)
    reply: Reply = field(init=False)
    failure: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether the turn goes on: the client has spoken, did not end the session, and no step failed."""
        return self.failure is None and not self.said.utterance.ended


class SharedTurn:
    """One turn of several sessions in the making. The steps: `speak`, `describe`, the faces, `see`, `reply`."""

    def __init__(self, cast: Cast, conversations: Sequence[Conversation]) -> None:
        """Asks nobody yet."""
        self.cast, self.clock = cast, Clock()
        self._drafts = [Draft(conversation) for conversation in conversations]

    def speak(self) -> None:
        """Lets the clients speak."""
        with self.clock.stage("client"):
            answers = self.cast.client.speak([draft.conversation for draft in self._drafts])
            for draft, answer in zip(self._drafts, answers, strict=True):
                if isinstance(answer, Exception):
                    draft.failure = answer
                else:
                    draft.said = answer

    def describe(self) -> None:
        """Lets the clients' faces be described."""
        with self.clock.stage("description"):
            if not (drafts := [draft for draft in self._drafts if draft.is_open]):
                return
            requests = [_description_request(draft.conversation, draft.said.utterance) for draft in drafts]
            for draft, answer in zip(drafts, self.cast.describer.describe(requests), strict=True):
                if isinstance(answer, Exception):
                    draft.failure = answer
                else:
                    draft.description = answer

    def face_requests(self) -> dict[int, FaceRequest]:
        """What to paint, by the place of the session."""
        wanted: dict[int, FaceRequest] = {}
        for place, draft in enumerate(self._drafts):
            if draft.is_open:
                try:
                    wanted[place] = face_request(draft.conversation, draft.said.utterance, draft.description)
                except FaceError as error:
                    draft.failure = error
        return wanted

    def show(self, place: int, face: ShownFace | FaceError) -> None:
        """Takes the face of the session at `place`, or why there is none."""
        if isinstance(face, FaceError):
            self._drafts[place].failure = face
        else:
            self._drafts[place].face = face

    def see(self) -> None:
        """Decides what the counselor sees of the faces; may paint."""
        with self.clock.stage("face"):
            if not (drafts := [draft for draft in self._drafts if draft.is_open]):
                return
            requests = [ViewRequest(draft.conversation, draft.said.utterance, draft.face) for draft in drafts]
            for draft, seen in zip(drafts, self.cast.view.see(requests), strict=True):
                if isinstance(seen, Exception):
                    draft.failure = seen
                else:
                    draft.seen = seen

    def reply(self) -> None:
        """Lets the counselor reply to those who have a face."""
        with self.clock.stage("counselor"):
            if not (drafts := [draft for draft in self._drafts if draft.is_open]):
                return
            requests = [CounselorRequest(d.conversation, d.said.utterance, d.seen.image, d.seen.words) for d in drafts]
            for draft, answer in zip(drafts, self.cast.counselor.reply(requests), strict=True):
                if isinstance(answer, Exception):
                    draft.failure = answer
                else:
                    draft.reply = answer

    def taken(self) -> list[Taken | Exception]:
        """The turn of each session, in order; an exception in place of one that failed."""
        return [draft.failure or record(draft) for draft in self._drafts]


def take_turn(cast: Cast, conversations: Sequence[Conversation], clock: "Clock") -> list[Taken | Exception]:
    """One turn of each session, in order; an exception in place of a turn that failed."""
    turn = SharedTurn(cast, conversations)
    turn.speak()
    turn.describe()
    with turn.clock.stage("face"):
        wanted = turn.face_requests()
        requests = list(wanted.values())
        faces = show_faces(cast.painter, cast.verifier, requests, cast.attempts, cast.on_exhaustion, cast.ahead)
        for place, face in zip(wanted, faces, strict=True):
            turn.show(place, face)
    turn.see()
    turn.reply()
    clock.seconds |= turn.clock.seconds
    return turn.taken()


def _description_request(conversation: Conversation, utterance: Utterance) -> DescriptionRequest:
    return DescriptionRequest(
        history=format_dialogue(conversation.dialogue),
        utterance=utterance,
        seed=seed_for(conversation.seed, "description", conversation.profile.idx, conversation.number),
    )


def face_request(conversation: Conversation, utterance: Utterance, description: Description) -> FaceRequest:
    """What to paint.

    Raises:
        PortraitUnusable: a portrait cannot be read; it has changed since the table was checked.
    """
    profile = conversation.profile
    try:
        portraits = tuple(map(open_picture, profile.portraits))
    except PictureError as error:
        raise PortraitUnusable(f"the face cannot be painted: {error}", []) from error
    return FaceRequest(
        client=profile.idx,
        turn=conversation.number,
        gender=profile.gender,
        relevance_text=description.relevance_text or utterance.cue or description.expression,
        expression=description.expression,
        contrast=description.contrast,
        portraits=portraits,
        seed=conversation.seed,
    )


# Records --------------------------------------------------------------------------------------------------------------


def record(draft: Draft) -> Taken:
    """The record of a turn, with the pictures it names."""
    said, number = draft.said, draft.conversation.number
    utterance = said.utterance
    if utterance.ended:
        turn = Turn(
            number=number,
            cue=utterance.cue,
            words=utterance.words,
            ended=True,
            client_raw=said.raw,
            trust=said.trust,
            tokens=used_tokens("client", said),
        )
        return Taken(turn, {})
    description, face, reply = draft.description, draft.face, draft.reply
    attempts, _ = attempt_records(number, face.attempts)
    seen = seen_record(number, draft.seen)
    images = face_files(number, face) | ({seen.file: draft.seen.image} if seen else {})
    turn = Turn(
        number=number,
        cue=utterance.cue,
        words=utterance.words,
        client_raw=said.raw,
        trust=said.trust,
        description=description.model_dump(exclude={"prompt_tokens", "completion_tokens"}),
        face=FaceRecord(
            file=shown_file(number),
            statement=face.request.statement,
            attempts=attempts,
            chosen=face.chosen.number,
            exhausted=face.exhausted,
        ),
        seen=seen,
        **reply_fields(reply),
        tokens=used_tokens("client", said) | used_tokens("describer", description) | used_tokens("counselor", reply),
    )
    return Taken(turn, images, face, draft.seen, reply)


def reply_fields(reply: Reply) -> dict[str, Any]:
    """The fields of a turn that record the counselor's part, but for its tokens."""
    names = "caption technique plan plan_text cut_off dropped_utterances cut_characters remembered".split()
    return {name: getattr(reply, name) for name in names} | {"reply": reply.words, "counselor_raw": reply.raw}


def seen_record(number: int, seen: Seen) -> SeenRecord | None:
    """The record of what the counselor saw; None if it was the client's face."""
    if seen.condition is None:
        return None
    return SeenRecord(
        condition=seen.condition, file=f"faces/{number:02}-seen.png", words=seen.words, source=seen.source
    )


def used_tokens(role: str, answer: ClientUtterance | Description | Reply) -> dict[str, int]:
    """The tokens that a role read and wrote, as far as they were counted."""
    counts = {f"{role}_prompt": answer.prompt_tokens, f"{role}_completion": answer.completion_tokens}
    return {name: count for name, count in counts.items() if count is not None}


def shown_file(number: int) -> str:
    """The file of the face that is shown in a turn, in the session's folder."""
    return f"faces/{number:02}.png"


def face_files(number: int, face: ShownFace) -> dict[str, Image.Image]:
    """The pictures of a turn's attempts and of the face that is shown, by file in the session's folder."""
    return attempt_records(number, face.attempts)[1] | {shown_file(number): face.image}


def attempt_records(
    number: int, attempts: Sequence[Attempt]
) -> tuple[tuple[AttemptRecord, ...], dict[str, Image.Image]]:
    """The records of a turn's attempts, and their pictures by the file that each record names."""
    files = [f"faces/{number:02}-{attempt.number}.png" for attempt in attempts]
    records = tuple(
        AttemptRecord(number=attempt.number, seed=attempt.seed, verdict=attempt.verdict, file=file)
        for attempt, file in zip(attempts, files, strict=True)
    )
    return records, {file: attempt.image for file, attempt in zip(files, attempts, strict=True)}


class Clock:
    """Seconds of the stages of one turn, for all sessions that take it together."""

    def __init__(self) -> None:
        """Starts without any stage."""
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures what runs inside as the stage `name`."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - start

    def share(self, turns: int) -> dict[str, float]:
        """The seconds per turn, by stage, if `turns` turns were taken together."""
        return {name: seconds / turns for name, seconds in self.seconds.items()}
