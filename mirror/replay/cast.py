"""Who takes part in a replay: a client who says what was recorded, and a counselor who reads what was recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast, Replier
from mirror.counseling.casting import build_cast, build_counselor, build_view, download, plan_memory, remote_roles
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.memory.plan import require
from mirror.prompts import Utterance, format_utterance
from mirror.replay.recording import Recording, recordings_digest
from mirror.replay.settings import ReplaySettings
from mirror.transcripts.turn import Conversation, Turn

Recordings = Mapping[str, Recording]  # by client


class RecordedClient:
    """Says what was recorded, whatever the counselor replies."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """The recorded utterance of the next turn in each conversation."""
        return [self._said(conversation) for conversation in conversations]

    def _said(self, conversation: Conversation) -> ClientUtterance:
        turn = self.recordings[conversation.profile.idx].turns[conversation.number - 1]
        utterance = Utterance(turn.cue, turn.words, turn.ended)
        return ClientUtterance(utterance, format_utterance(utterance))

    def facts(self) -> dict[str, Any]:
        """The digest of all that was recorded, for the record of a run."""
        return {"client": "recorded", "recordings_sha256": recordings_digest(self.recordings.values())}


class ReplayingCounselor:
    """A counselor that reads the recorded counselor's replies in place of its own earlier ones."""

    def __init__(self, counselor: Replier, recordings: Recordings, history: Literal["recorded", "own"]) -> None:
        """Makes one of a counselor.

        Args:
            counselor: replies.
            recordings: by client.
            history: whose earlier replies it reads. A plan is its own in both.
        """
        self.counselor, self.recordings, self.history = counselor, recordings, history

    def reply(self, requests: Sequence[CounselorRequest]) -> Sequence[Reply | Exception]:
        """See `Replier.reply`."""
        return self.counselor.reply([self._as_recorded(request) for request in requests])

    def _as_recorded(self, request: CounselorRequest) -> CounselorRequest:
        conversation = request.conversation
        recording = self.recordings[conversation.profile.idx]
        turns = conversation.turns
        if self.history == "recorded":
            replies = (recorded.reply for recorded in recording.turns)
            turns = tuple(turn.model_copy(update={"reply": reply}) for turn, reply in zip(turns, replies, strict=False))
        if recording.opening:
            turns = (Turn(number=1, cue="", words="", client_raw="", reply=recording.opening), *turns)
        return replace(request, conversation=replace(conversation, turns=turns))

    def warm_up(self, sessions: int) -> None:
        """See `Replier.warm_up`."""
        self.counselor.warm_up(sessions)

    def facts(self) -> dict[str, Any]:
        """See `Replier.facts`."""
        return {**self.counselor.facts(), "history": self.history}


class Unasked:
    """Stands where somebody would describe, paint or verify faces: faces are recorded, so nobody is asked."""

    batch_sizes = (1,)

    def warm_up(self, requests: int) -> None:
        """There is nothing to compile."""

    def facts(self) -> dict[str, Any]:
        """There is nothing to record."""
        return {"asked": False}

    def _refuse(self, *_: Any) -> NoReturn:
        raise RuntimeError("in a replay, faces are recorded: none is described, painted or verified")

    describe = check = paint = verify = _refuse


def build_replay_cast(settings: ReplaySettings, recordings: Recordings) -> Cast:
    """The cast of a replay, with its models loaded; a painter and filters only for calm faces (`face: neutral`).

    Raises:
        DoesNotFit: the device has too little memory; nothing was loaded.
        FileNotFoundError, ValueError: a model is not found, or is not what the settings say.
    """
    counsel = settings.counsel
    client = RecordedClient(recordings)
    if settings.face == "neutral":
        cast = build_cast(counsel)
        return replace(cast, client=client, counselor=ReplayingCounselor(cast.counselor, recordings, settings.history))
    if missing := plan_memory(counsel, faces=False).unknown:
        download(counsel, missing)
    require(plan_memory(counsel, faces=False), [])
    device = resolve_device(counsel.device)
    counselor = build_counselor(counsel, device, resolve_dtype(counsel.precision, device))
    nobody = Unasked()
    return Cast(
        client=client,
        describer=nobody,
        painter=nobody,
        verifier=nobody,
        counselor=ReplayingCounselor(counselor, recordings, settings.history),
        view=build_view(counsel, nobody, nobody),
        remote=remote_roles(counsel),
    )
