"""A screenplay: who the client is, the counselor's plan, and the lines of both speakers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mirror.building.portrait import Portrait

Speaker = Literal["client", "therapist"]
_KIND = re.compile(r"-(?:emotional|cognitive|behaviou?ral|no)-resistance$", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """One utterance of a screenplay.

    Attributes:
        speaker: who speaks.
        direction: the stage direction without its brackets: for the client the visible cue; may be empty.
        words: the spoken words, on one line; empty if the speaker is silent.
    """

    speaker: Speaker
    direction: str
    words: str


@dataclass(frozen=True)
class ClientInfo:
    """The client's columns of the table; a field that the table lacks or does not know is empty.

    Attributes:
        personal_info: who the client is.
        personality: names the kind of resistance.
        distorted_thought: in the client's words.
        reason: the reason for seeking counseling.
        gender: `woman`, `man`, or empty.
        age: in years; None if unknown.
        name: of the client.
    """

    personal_info: str
    personality: str = ""
    distorted_thought: str = ""
    reason: str = ""
    gender: str = ""
    age: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Screenplay:
    """The text of one session, which each step of the building completes; without lines it is a client alone.

    Attributes:
        idx: identifier of the dialogue, unique in the set; it names folders.
        info: who the client is.
        technique: the CBT technique as the table spells it; empty if unknown.
        plan: the steps of the counseling plan.
        lines: the utterances in order. Their positions, from 0, are the turns in ids of records and names of images.
        person: the person, or the portrait's file or files (separated by `;`), that the table assigns; empty if none.
        portrait: the one that was assigned or matched; None before that step.
        pictures: files of the client's face by position of the client's line; empty before that step.
        source: where the text is from: a table's row, a written answer, or a session's folder.
    """

    idx: str
    info: ClientInfo
    technique: str
    plan: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    person: str = ""
    portrait: Portrait | None = None
    pictures: Mapping[int, Path] = field(default_factory=dict)
    source: str = ""

    @property
    def client(self) -> str:
        """Identifies the client: `cactus-12` of `cactus-12-emotional-resistance`, which is one of four dialogues."""
        return _KIND.sub("", self.idx)

    @property
    def client_lines(self) -> tuple[int, ...]:
        """The positions of the client's lines that the therapist answers: those directly before a therapist's line."""
        return tuple(place - 1 for place in self.therapist_lines)

    @property
    def therapist_lines(self) -> tuple[int, ...]:
        """The positions of the therapist's lines that answer a client's line."""
        speakers = [line.speaker for line in self.lines]
        return tuple(
            place
            for place in range(1, len(speakers))
            if speakers[place] == "therapist" and speakers[place - 1] == "client"
        )
