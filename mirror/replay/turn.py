"""A recorded turn that a counselor answers: nobody describes, paints or verifies a face."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from mirror.counseling.cast import Cast
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Draft, SharedTurn, Taken, record, reply_fields, seen_record, shown_file, used_tokens
from mirror.faces.rejection_sampling import FaceRequest
from mirror.faces.rejection_sampling.shown_face import GivenFace
from mirror.faces.view import GRAY, Seen, ViewRequest
from mirror.files.image_file import PictureError, open_picture
from mirror.replay.recording import RecordedTurn, Recording
from mirror.transcripts.turn import Conversation, FaceRecord, Turn


class ReplayedTurn(SharedTurn):
    """One turn of several recorded conversations. Its steps are those of `SharedTurn`, of which two do nothing."""

    def __init__(
        self,
        cast: Cast,
        conversations: Sequence[Conversation],
        recordings: Mapping[str, Recording],
        settings: CounselSettings,
    ) -> None:
        """Asks nobody yet.

        Args:
            cast: its client speaks the recorded words.
            conversations: the sessions so far.
            recordings: by client.
            settings: what the counselor sees, and the side of a gray square in place of a face that was not recorded.
        """
        super().__init__(cast, conversations)
        self.recordings, self.settings = recordings, settings
        self._faces: dict[str, Image.Image] = {}  # that were recorded, by client

    def describe(self) -> None:
        """Does nothing: the face is recorded."""

    def face_requests(self) -> dict[int, FaceRequest]:
        """Nothing is painted."""
        return {}

    def see(self) -> None:
        """Decides what the counselor sees: of a recorded face, as the cast's view says; else a gray square."""
        with self.clock.stage("face"):
            requests: list[tuple[Draft, ViewRequest]] = []
            for draft in (draft for draft in self._drafts if draft.is_open):
                picture = self._recorded(draft).picture
                if picture is None and self.settings.face == "shown":
                    draft.seen = Seen(self._square(), "blank" if self.settings.sees_face else None)
                    continue
                try:
                    requests.append((draft, self._request(draft, picture)))
                except PictureError as error:
                    draft.failure = error
            answers = self.cast.view.see([request for _, request in requests])
            for (draft, _), seen in zip(requests, answers, strict=True):
                if isinstance(seen, Exception):
                    draft.failure = seen
                else:
                    draft.seen = seen

    def taken(self) -> list[Taken | Exception]:
        """See `SharedTurn.taken`."""
        return [draft.failure or self._record(draft) for draft in self._drafts]

    def _recorded(self, draft: Draft) -> RecordedTurn:
        conversation = draft.conversation
        return self.recordings[conversation.profile.idx].turns[conversation.number - 1]

    def _square(self) -> Image.Image:
        return Image.new("RGB", (self.settings.face_size,) * 2, GRAY)

    def _request(self, draft: Draft, picture: Path | None) -> ViewRequest:
        conversation = draft.conversation
        profile, image = conversation.profile, self._square()
        if picture:
            image = self._faces[profile.idx] = open_picture(picture)
        portraits = tuple(map(open_picture, profile.portraits)) if self.settings.face == "neutral" else ()
        cue = draft.said.utterance.cue
        whose = FaceRequest(
            profile.idx, conversation.number, profile.gender, cue, cue, "", portraits, seed=conversation.seed
        )
        return ViewRequest(conversation, draft.said.utterance, GivenFace(image, whose))

    def _record(self, draft: Draft) -> Taken:
        """The record of a turn: the recorded face has no attempts, and there is no description."""
        if draft.said.utterance.ended:
            return record(draft)
        number, face, reply = draft.conversation.number, self._faces.get(draft.conversation.profile.idx), draft.reply
        seen = seen_record(number, draft.seen)
        images = {shown_file(number): face} if face else {}
        turn = Turn(
            number=number,
            cue=draft.said.utterance.cue,
            words=draft.said.utterance.words,
            client_raw=draft.said.raw,
            face=FaceRecord(file=shown_file(number), attempts=(), chosen=0, exhausted=False) if face else None,
            seen=seen,
            **reply_fields(reply),
            recorded_reply=self._recorded(draft).reply,
            tokens=used_tokens("counselor", reply),
        )
        images |= {seen.file: draft.seen.image} if seen else {}
        is_last = number == len(self.recordings[draft.conversation.profile.idx].turns)
        return Taken(turn, images, seen=draft.seen, reply=reply, is_last=is_last)
