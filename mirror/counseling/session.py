"""Whole sessions: a turn as a straight line through five collaborators, and many sessions that advance together.

Knows no model: the collaborators are passed in. What a turn gives is on disk before the next begins.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from PIL import Image

from mirror.clients.client import ChatClient, Said, ScriptedClient
from mirror.counseling.counselor import Counselor, CounselorRequest, Reply
from mirror.faces.description import Description, DescriptionRequest
from mirror.faces.photomaker import PhotoMaker
from mirror.faces.rejection_sampling import Attempt, Exhaustion, FaceError, FaceRequest, ShownFace, show_faces
from mirror.faces.verification import Verifier
from mirror.files.image_file import PictureError, open_picture
from mirror.prompts import Utterance, format_dialogue
from mirror.seeds import seed_for
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, Conversation, FaceRecord, Turn

Input = TypeVar("Input")
Output = TypeVar("Output")

ROLES = ("client", "describer", "painter", "verifier", "counselor")


@dataclass(frozen=True)
class Cast:
    """Who takes part in every session, and the rules of showing a face."""

    client: ChatClient | ScriptedClient
    describer: Any
    painter: PhotoMaker
    verifier: Verifier
    counselor: Counselor
    attempts: int = 10
    on_exhaustion: Exhaustion = "keep_best"
    ahead: int = 1

    def facts(self) -> dict[str, Any]:
        """What every collaborator says of itself, by role."""
        return {role: getattr(self, role).facts() for role in ROLES}


@dataclass(frozen=True)
class Taken:
    """A turn with the pictures that its record names, by file."""

    turn: Turn
    images: dict[str, Image.Image]


def take_turn(cast: Cast, conversations: Sequence[Conversation], clock: "Clock") -> list[Taken | Exception]:
    """One turn of each session; a session's fault is an exception in its turn's place, and stays its own."""
    with clock.stage("client"):
        said = through(cast.client.speak, conversations)
    spoken = each(lambda one: None if one.utterance.ended else one.utterance, said)  # a client who ends is not shown
    with clock.stage("description"):
        descriptions = through(cast.describer.describe, each(_description_request, conversations, spoken))
    with clock.stage("face"):
        wanted = each(face_request, conversations, spoken, descriptions)
        faces = through(lambda requests: show(cast, conversations[0].seed, requests), wanted)
    with clock.stage("counselor"):
        heard = each(_counselor_request, conversations, spoken, faces)
        replies = through(cast.counselor.reply, heard)
    rows = zip(conversations, said, descriptions, faces, replies, strict=True)
    return [first_fault(row) or _taken(*row) for row in rows]


def through(stage: Callable[[list[Input]], Sequence[Output | Exception]], inputs: Sequence[Any]) -> list[Any]:
    """`stage` over the inputs that are there; None and exceptions stay in their places."""
    places = [place for place, one in enumerate(inputs) if one is not None and not isinstance(one, Exception)]
    results = list(inputs)
    answers = stage([inputs[place] for place in places]) if places else []
    for place, answer in zip(places, answers, strict=True):
        results[place] = answer
    return results


def each(function: Callable[..., Output], *columns: Sequence[Any]) -> list[Output | Exception | None]:
    """`function` of every row; a row with an exception in it is that exception, one with None is None."""
    return [
        first_fault(row) or (None if any(one is None for one in row) else function(*row))
        for row in zip(*columns, strict=True)
    ]


def first_fault(row: Sequence[Any]) -> Exception | None:
    return next((one for one in row if isinstance(one, Exception)), None)


def show(cast: Cast, seed: int, requests: Sequence[FaceRequest]) -> list[ShownFace | Exception]:
    return show_faces(cast.painter, cast.verifier, requests, seed, cast.attempts, cast.on_exhaustion, cast.ahead)


def _description_request(conversation: Conversation, utterance: Utterance) -> DescriptionRequest:
    return DescriptionRequest(
        history=format_dialogue(conversation.dialogue),
        utterance=utterance,
        seed=seed_for(conversation.seed, "description", conversation.profile.idx, conversation.number),
    )


def face_request(conversation: Conversation, utterance: Utterance, description: Description) -> FaceRequest | FaceError:
    """What to paint; an error in its place where a portrait has changed since the table was checked."""
    profile = conversation.profile
    try:
        portraits = tuple(map(open_picture, profile.portraits))
    except PictureError as error:
        return FaceError(f"the face cannot be painted: {error}", [])
    return FaceRequest(
        client=profile.idx,
        turn=conversation.number,
        gender=profile.gender,
        relevance_text=description.relevance_text or utterance.cue or description.expression,
        expression=description.expression,
        contrast=description.contrast,
        portraits=portraits,
    )


def _counselor_request(conversation: Conversation, utterance: Utterance, face: ShownFace) -> CounselorRequest:
    return CounselorRequest(conversation, utterance, face.image)


def _taken(
    conversation: Conversation, said: Said, description: Description | None, face: ShownFace | None, reply: Reply | None
) -> Taken:
    """The record of a turn, and the pictures it names."""
    number, utterance, tokens = conversation.number, said.utterance, used("client", said)
    turn = {"number": number, "cue": utterance.cue, "words": utterance.words, "ended": utterance.ended}
    turn |= {"client_raw": said.raw, "tokens": tokens}
    if reply is None:  # the client has ended the session
        return Taken(Turn(**turn), {})
    attempts, images = attempt_records(number, face.attempts)
    shown = f"faces/{number:02}.png"
    tokens |= used("describer", description) | used("counselor", reply)
    return Taken(
        Turn(
            **turn,
            description=description.model_dump(exclude={"prompt_tokens", "completion_tokens"}),
            face=FaceRecord(
                file=shown,
                statement=face.statement,
                attempts=attempts,
                chosen=face.chosen.number,
                exhausted=face.exhausted,
            ),
            caption=reply.caption,
            technique=reply.technique,
            plan=reply.plan,
            plan_text=reply.plan_text,
            reply=reply.words,
            counselor_raw=reply.raw,
            cut_off=reply.cut_off,
            dropped_utterances=reply.dropped_utterances,
            cut_characters=reply.cut_characters,
        ),
        images | {shown: face.image},
    )


def used(role: str, answer: Said | Description | Reply) -> dict[str, int]:
    """The tokens that a role read and wrote, as far as they were counted."""
    counts = {f"{role}_prompt": answer.prompt_tokens, f"{role}_completion": answer.completion_tokens}
    return {name: count for name, count in counts.items() if count is not None}


def attempt_records(
    number: int, attempts: Sequence[Attempt]
) -> tuple[tuple[AttemptRecord, ...], dict[str, Image.Image]]:
    """The records of a turn's attempts, and their pictures by the file that each names."""
    files = [f"faces/{number:02}-{attempt.number}.png" for attempt in attempts]
    records = tuple(
        AttemptRecord(number=attempt.number, seed=attempt.seed, verdict=attempt.verdict, file=file)
        for attempt, file in zip(attempts, files, strict=True)
    )
    return records, {file: attempt.image for file, attempt in zip(files, attempts, strict=True)}


# Many sessions --------------------------------------------------------------------------------------------------------


class Clock:
    """Seconds of the stages of one turn, of all sessions that take it together."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start

    def share(self, turns: int) -> dict[str, float]:
        """The seconds of one of so many turns that were taken together."""
        return {name: seconds / turns for name, seconds in self.seconds.items()}


@dataclass(frozen=True)
class Outcome:
    """How one session ended: by the client, at the turn limit, or by an error of its own."""

    idx: str
    turns: int
    status: Literal["complete", "failed"]
    reason: str


class Session:
    """One session of a run: its conversation in memory, its folder on disk."""

    def __init__(self, profile: Profile, folder: SessionFolder, seed: int) -> None:
        """Reads what is on disk. A damaged session counts as failed, and its files stay as they are."""
        folder.check_client(profile)
        self.folder = folder
        self.conversation = Conversation(profile, (), seed)
        self.outcome: Outcome | None = None
        if faults := session_faults(folder):
            self.outcome = self._outcome("failed", "; ".join(faults))
            return
        self.conversation = Conversation(profile, folder.turns(), seed)
        ended = folder.ended
        if ended and ended["status"] == "complete":
            self.outcome = self._outcome(**ended)

    def settle(self, max_turns: int) -> bool:
        """Whether the session is over; ends it where the client did or the turns are used up."""
        if self.outcome is None and (self.conversation.ended or len(self.conversation.turns) >= max_turns):
            self._end("complete", "the client ended it" if self.conversation.ended else f"{max_turns} turns")
        return self.outcome is not None

    def add(self, taken: Taken, seconds: dict[str, float]) -> ValueError | None:
        """Puts a turn on disk; where its text cannot be kept (half a surrogate pair, …) says why."""
        try:
            self.folder.append(taken.turn, taken.images, seconds)
        except ValueError as error:
            return error
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, taken.turn))
        return None

    def fail(self, error: Exception) -> None:
        """Ends the session by its own error; what was painted for it is kept."""
        attempts = error.attempts if isinstance(error, FaceError) else ()
        self._end("failed", f"{type(error).__name__}: {error}", *attempt_records(self.conversation.number, attempts))

    def _end(self, status: str, reason: str, *faces: Any) -> None:
        self.folder.end(status, reason, *faces)
        self.outcome = self._outcome(status, reason)

    def _outcome(self, status: str, reason: str, **_: Any) -> Outcome:
        return Outcome(self.conversation.profile.idx, len(self.conversation.turns), status, reason)


def run_sessions(
    cast: Cast,
    profiles: Sequence[Profile],
    folder: Path,
    seed: int,
    concurrency: int,
    max_turns: int,
    report: Callable[[Taken], None] = lambda taken: None,
) -> list[Outcome]:
    """All sessions, up to `concurrency` at a time, in `folder` (`sessions/` of a run); how each ended, in order.

    A session that is complete there already is left as it is; one that was broken off, or that failed, goes on where
    it was. `report` hears of every turn once it is on disk.

    Raises:
        RunConflict: the table says otherwise of a client than when its session began. Nothing was changed.
    """
    waiting = deque(Session(profile, SessionFolder(folder / profile.idx), seed) for profile in profiles)
    sessions = list(waiting)
    active: list[Session] = []
    while waiting or active:
        while waiting and len(active) < concurrency:
            session = waiting.popleft()
            if not session.settle(max_turns):
                session.folder.begin(session.conversation.profile)
                active.append(session)
        if not active:
            break
        clock = Clock()
        taken = take_turn(cast, [session.conversation for session in active], clock)
        for session, result in zip(active, taken, strict=True):
            fault = result if isinstance(result, Exception) else session.add(result, clock.share(len(active)))
            if fault:
                session.fail(fault)
            else:
                report(result)
        active = [session for session in active if not session.settle(max_turns)]
    return [session.outcome for session in sessions]
