"""One turn, from the client's words to the counselor's reply, taken by several sessions together.

Each step runs as one batch over the sessions that are still open. A session that fails keeps its error; the others go
on. Models are passed in, and nothing is written.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast, Client, Replier
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.faces.description import Describer, Description, DescriptionRequest
from mirror.faces.rejection_sampling import Attempt, FaceError, FaceRequest, PortraitUnusable, ShownFace, show_faces
from mirror.faces.view import Seen, View, ViewRequest
from mirror.files.image_file import PictureError, open_picture
from mirror.prompts import Utterance, format_dialogue
from mirror.seeds import seed_for
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
    """

    turn: Turn
    images: dict[str, Image.Image]
    face: ShownFace | None = None
    seen: Seen | None = None
    reply: Reply | None = None


@dataclass
class _Draft:
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


def take_turn(cast: Cast, conversations: Sequence[Conversation], clock: "Clock") -> list[Taken | Exception]:
    """One turn of each session, in order; an exception in place of a turn that failed."""
    drafts = [_Draft(conversation) for conversation in conversations]
    with clock.stage("client"):
        _speak(cast.client, drafts)
    with clock.stage("description"):
        _describe(cast.describer, drafts)
    with clock.stage("face"):
        _show_face(cast, drafts)
        _see_face(cast.view, drafts)
    with clock.stage("counselor"):
        _reply(cast.counselor, drafts)
    return [draft.failure or record(draft) for draft in drafts]


def _speak(client: Client, drafts: Sequence[_Draft]) -> None:
    answers = client.speak([draft.conversation for draft in drafts])
    for draft, answer in zip(drafts, answers, strict=True):
        if isinstance(answer, Exception):
            draft.failure = answer
        else:
            draft.said = answer


def _describe(describer: Describer, drafts: Sequence[_Draft]) -> None:
    if not (drafts := [draft for draft in drafts if draft.is_open]):
        return
    answers = describer.describe([_description_request(draft.conversation, draft.said.utterance) for draft in drafts])
    for draft, answer in zip(drafts, answers, strict=True):
        if isinstance(answer, Exception):
            draft.failure = answer
        else:
            draft.description = answer


def _show_face(cast: Cast, drafts: Sequence[_Draft]) -> None:
    """Paints each face until the filter accepts it, at most `cast.attempts` times."""
    wanted: list[tuple[_Draft, FaceRequest]] = []
    for draft in drafts:
        if draft.is_open:
            try:
                wanted.append((draft, face_request(draft.conversation, draft.said.utterance, draft.description)))
            except FaceError as error:
                draft.failure = error
    if not wanted:
        return
    faces = show_faces(
        cast.painter,
        cast.verifier,
        [request for _, request in wanted],
        cast.attempts,
        cast.on_exhaustion,
        cast.ahead,
    )
    for (draft, _), face in zip(wanted, faces, strict=True):
        if isinstance(face, Exception):
            draft.failure = face
        else:
            draft.face = face


def _see_face(view: View, drafts: Sequence[_Draft]) -> None:
    if not (drafts := [draft for draft in drafts if draft.is_open]):
        return
    views = view.see([ViewRequest(draft.conversation, draft.said.utterance, draft.face) for draft in drafts])
    for draft, seen in zip(drafts, views, strict=True):
        if isinstance(seen, Exception):
            draft.failure = seen
        else:
            draft.seen = seen


def _reply(counselor: Replier, drafts: Sequence[_Draft]) -> None:
    if not (drafts := [draft for draft in drafts if draft.is_open]):
        return
    answers = counselor.reply(
        [CounselorRequest(d.conversation, d.said.utterance, d.seen.image, d.seen.words) for d in drafts]
    )
    for draft, answer in zip(drafts, answers, strict=True):
        if isinstance(answer, Exception):
            draft.failure = answer
        else:
            draft.reply = answer


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


def record(draft: _Draft) -> Taken:
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
            tokens=used_tokens("client", said),
        )
        return Taken(turn, {})
    description, face, reply = draft.description, draft.face, draft.reply
    attempts, images = attempt_records(number, face.attempts)
    shown = f"faces/{number:02}.png"
    seen = seen_record(number, draft.seen)
    images |= {shown: face.image} | ({seen.file: draft.seen.image} if seen else {})
    turn = Turn(
        number=number,
        cue=utterance.cue,
        words=utterance.words,
        client_raw=said.raw,
        description=description.model_dump(exclude={"prompt_tokens", "completion_tokens"}),
        face=FaceRecord(
            file=shown,
            statement=face.request.statement,
            attempts=attempts,
            chosen=face.chosen.number,
            exhausted=face.exhausted,
        ),
        seen=seen,
        caption=reply.caption,
        technique=reply.technique,
        plan=reply.plan,
        plan_text=reply.plan_text,
        reply=reply.words,
        counselor_raw=reply.raw,
        cut_off=reply.cut_off,
        dropped_utterances=reply.dropped_utterances,
        cut_characters=reply.cut_characters,
        tokens=used_tokens("client", said) | used_tokens("describer", description) | used_tokens("counselor", reply),
    )
    return Taken(turn, images, face, draft.seen, reply)


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
        self.seconds[name] = time.perf_counter() - start

    def share(self, turns: int) -> dict[str, float]:
        """The seconds per turn, by stage, if `turns` turns were taken together."""
        return {name: seconds / turns for name, seconds in self.seconds.items()}
