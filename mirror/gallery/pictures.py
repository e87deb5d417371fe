"""The pictures of a session as data URLs, and the verdicts on its faces; one that cannot be shown is a sentence."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirror.files.image_file import PictureError
from mirror.html_page import picture_url
from mirror.paths import input_path, output_path
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, SeenRecord, Turn
from mirror.transcripts.verdict import Check, Verdict

FACE, SMALL_FACE = 240, 128  # pixels, the side of a shown face; the second in pages with more than MANY faces
MANY = 1200
ATTEMPT = 88  # pixels, the side of a face among the attempts
MOST_ATTEMPTS = 2500  # with more attempts in a page, it has no images of them, only their verdicts
QUESTIONS = {
    "safe": "unsafe",
    "relevant": "shows the cue",
    "same_person": "same person",
    "same_gender": "same gender",
    "age": "years apart",
}
INSTEAD = {  # what the counselor saw in place of the face, by condition
    "neutral": "it saw the client calm",
    "swapped": "it saw another client",
    "blank": "it saw a gray square",
    "cue": "it read the cue",
}


@dataclass(frozen=True)
class Sizes:
    """The size of the images in a page, chosen by their number.

    Attributes:
        side: pixels, of a shown face.
        with_attempts: whether the page has images of all attempts.
    """

    side: int
    with_attempts: bool

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> "Sizes":
        """Chooses the size for the faces of these turns."""
        faces = [turn.face for turn in turns if turn.face]
        attempts = sum(len(face.attempts) for face in faces)
        return cls(FACE if len(faces) <= MANY else SMALL_FACE, attempts <= MOST_ATTEMPTS)


@dataclass(frozen=True)
class Sheet:
    """The pictures of one session, in the order in which they were asked for.

    Attributes:
        session: whose folder holds them.
        sizes: in which they are shown.
        urls: data URLs.
        faults: what could not be shown, a sentence each.
    """

    session: SessionFolder
    sizes: Sizes
    urls: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, path: Path, name: str, side: int) -> int | str:
        """Returns the number of a picture in `urls`, or why it cannot be shown.

        Args:
            path: of the file.
            name: of the file in sentences.
            side: pixels.
        """
        try:
            url = picture_url(path, side)
            fault = "" if url else f"{name} is missing"
        except PictureError as error:
            url, fault = "", f"{name}: {error.fault}"
        if fault:
            self.faults.append(fault)
            return fault
        self.urls.append(url)
        return len(self.urls) - 1

    def portrait(self, names: object) -> int | str | None:
        """Returns the client's first portrait, None if the transcript names none.

        A transcript may come from anybody, so no file is read that lies outside the repository and the output folder.
        """
        if not isinstance(names, list) or not names or not isinstance(names[0], str):
            return None
        name = os.path.normpath(names[0])
        for base in (output_path("."), input_path(".")):
            path = Path(os.path.normpath(base / name))
            if path.is_relative_to(os.path.normpath(base)) and path.is_file():
                return self.add(path, f"the portrait {path.name}", FACE)
        return "the portrait is not in this checkout or its output; keep portraits in data/ to see them here"

    def face(self, face: FaceRecord, described: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what the page shows of a face, with its attempts and its description."""
        total = len(face.attempts)
        accepted = f"accepted, {face.chosen} of {total}"
        return {
            "picture": self.add(self.session.folder / face.file, face.file, self.sizes.side),
            "painted": face.is_painted,
            "exhausted": face.exhausted,
            "summary": f"none of {total} accepted, best shown" if face.exhausted else accepted,
            "expression": described.get("expression", ""),
            "contrast": described.get("contrast", ""),
            "attempts": [self.attempt(one, one.number == face.chosen) for one in face.attempts],
        }

    def instead(self, seen: SeenRecord) -> dict[str, Any]:
        """Returns what the page shows of what the counselor saw in place of the face."""
        picture = self.add(self.session.folder / seen.file, seen.file, ATTEMPT)
        return {"picture": picture, "words": INSTEAD[seen.condition]}

    def attempt(self, attempt: AttemptRecord, is_chosen: bool) -> dict[str, Any]:
        """Returns what the page shows of one attempt."""
        verdict: Verdict = attempt.verdict
        view = {
            "number": attempt.number,
            "chosen": is_chosen,
            "accepted": verdict.accepted,
            "outcome": verdict.outcome.replace("_", " "),
            "checks": [check_view(check) for check in verdict.checks],
        }
        if self.sizes.with_attempts:
            view["picture"] = self.add(self.session.folder / attempt.file, attempt.file, ATTEMPT)
        return view


def check_view(check: Check) -> list[Any]:
    """Returns a check's name, score and threshold in words, and whether it passed."""
    return [QUESTIONS[check.name], f"{check.score:.2f}", f"{check.sign} {check.threshold:.2f}", check.passed]
