"""A dialogue as text: one line `Therapist: …` or `Client: …` per utterance."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# The labels of the speakers in data sets, by role.
SPEAKERS = {"therapist": "Therapist|Psychotherapist|Counsell?or", "client": "Client"}
SPEAKER_LABEL = rf"(?:\*\*|__)?(?:{'|'.join(SPEAKERS.values())})(?:\*\*|__)? ?:(?:\*\*|__)?"
_UTTERANCE = re.compile(rf"{SPEAKER_LABEL} ?")
_INDENTED = re.compile(rf" +{SPEAKER_LABEL}")


@dataclass(frozen=True)
class DialogueForm:
    r"""The format of dialogues in a data set.

    Attributes:
        therapist: the label before the therapist's words.
        client: the label before the client's words.
        between: the separator of two utterances: a line break, possibly with blank lines.
    """

    therapist: str = "Therapist: "
    client: str = "Client: "
    between: str = "\n"

    @classmethod
    def most_common(cls, marks: Counter[tuple[str, str]]) -> "DialogueForm":
        """Return the most common form, given counts of `dialogue_marks`; parts without a count keep their defaults."""
        found: dict[str, str] = {}
        for (part, text), _ in marks.most_common():
            found.setdefault(part, text)
        return cls(**found)

    @classmethod
    def of(cls, text: str) -> "DialogueForm":
        """Return the form of one dialogue."""
        return cls.most_common(Counter(dialogue_marks(text)))

    def write(self, utterances: Sequence[tuple[str, str]]) -> str:
        r"""Format a dialogue, one line per utterance; line breaks in the words are kept.

        Without utterances the result is empty. A line within an utterance that begins with a speaker's label is
        indented by one space, so that `parse_dialogue(write(utterances)) == tuple(utterances)` in the default form.

        Args:
            utterances: (role, words) pairs; the role is `therapist` or `client`.

        Raises:
            ValueError: an unknown role.
        """
        spoken = []
        for role, words in utterances:
            if role not in SPEAKERS:
                raise ValueError(f"unknown role {role!r} of an utterance; the roles are: {', '.join(SPEAKERS)}")
            first, *others = words.split("\n")
            lines = [f"{getattr(self, role)}{first}"]
            lines += [f" {line}" if _UTTERANCE.match(line.lstrip(" ")) else line for line in others]
            spoken.append("\n".join(lines))
        return self.between.join(spoken)

    def __str__(self) -> str:
        """A dialogue of two utterances in this form; `DialogueForm.of` reads it back."""
        return self.write((("client", "…"), ("therapist", "…")))


def dialogue_marks(text: str) -> Iterator[tuple[str, str]]:
    """Yield (attribute of `DialogueForm`, text) for every label and every separator in a dialogue."""
    lines = text.split("\n")
    last = None
    for place, line in enumerate(lines):
        label = _UTTERANCE.match(line)
        if not label:
            last = place if line.strip() else last
            continue
        if label.end() < len(line):  # a label without words lacks its trailing space
            yield _role(label), label[0]
        if last is not None:
            yield "between", "\n".join(["", *lines[last + 1 : place], ""])
        last = place


def format_dialogue(utterances: Sequence[tuple[str, str]]) -> str:
    """Format a dialogue in the default form, as `DialogueForm.write`.

    Raises:
        ValueError: an unknown role.
    """
    return DialogueForm().write(utterances)


def parse_dialogue(text: str) -> tuple[tuple[str, str], ...]:
    """Parse a dialogue into (role, words) pairs; an empty text has none.

    Args:
        text: a dialogue with any of the labels in `SPEAKERS`.

    Raises:
        ValueError: the text does not begin with a speaker's label.
    """
    if not text:
        return ()
    utterances: list[tuple[str, str]] = []
    for line in text.split("\n"):
        label = _UTTERANCE.match(line)
        if label:
            utterances.append((_role(label), line[label.end() :]))
        elif not utterances:
            raise ValueError(f"a dialogue begins with 'Therapist:' or 'Client:', found {line!r}")
        else:
            role, words = utterances[-1]
            utterances[-1] = (role, f"{words}\n{line[1:] if _INDENTED.match(line) else line}")
    return tuple(utterances)


def _role(label: re.Match[str]) -> str:
    return "client" if "Client" in label[0] else "therapist"
