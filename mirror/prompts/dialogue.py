"""A dialogue as text: one `Therapist: …` or `Client: …` line an utterance. Knows nothing of cues or faces."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# The speakers, by role, with the words by which data sets name them.
SPEAKERS = {"therapist": "Therapist|Psychotherapist|Counsell?or", "client": "Client"}
SPEAKER_LABEL = rf"(?:\*\*|__)?(?:{'|'.join(SPEAKERS.values())})(?:\*\*|__)? ?:(?:\*\*|__)?"
_UTTERANCE = re.compile(rf"{SPEAKER_LABEL} ?")
_INDENTED = re.compile(rf" +{SPEAKER_LABEL}")


@dataclass(frozen=True)
class DialogueForm:
    r"""How a data set writes a dialogue.

    Attributes:
        therapist, client: what stands before the words of each.
        between: what stands between two utterances: a line break, or one with blank lines.
    """

    therapist: str = "Therapist: "
    client: str = "Client: "
    between: str = "\n"

    @classmethod
    def most_common(cls, marks: Counter[tuple[str, str]]) -> "DialogueForm":
        """The form by counts of `dialogue_marks`; what they do not show is as in our own."""
        found: dict[str, str] = {}
        for (part, text), _ in marks.most_common():
            found.setdefault(part, text)
        return cls(**found)

    @classmethod
    def of(cls, text: str) -> "DialogueForm":
        """The form of one dialogue."""
        return cls.most_common(Counter(dialogue_marks(text)))

    def write(self, utterances: Sequence[tuple[str, str]]) -> str:
        r"""The dialogue so far, a line an utterance; words with line breaks run over several lines.

        No utterance gives the empty text: a client who is silent at first leaves the line of the dialogue blank. A
        further line of words that itself begins with a speaker's label is indented by one space, so that
        `parse_dialogue(write(utterances)) == tuple(utterances)` for any words in our own form.

        Args:
            utterances: (role, words) with role `therapist` or `client`.

        Raises:
            ValueError: an unknown role.
        """
        spoken = []
        for role, words in utterances:
            if role not in SPEAKERS:
                raise ValueError(f"utterance of an unknown role {role!r}; the roles are: {', '.join(SPEAKERS)}")
            first, *others = words.split("\n")
            lines = [f"{getattr(self, role)}{first}"]
            lines += [f" {line}" if _UTTERANCE.match(line.lstrip(" ")) else line for line in others]
            spoken.append("\n".join(lines))
        return self.between.join(spoken)

    def __str__(self) -> str:
        """A dialogue of two utterances in this form; `DialogueForm.of` reads it back."""
        return self.write((("client", "…"), ("therapist", "…")))


def dialogue_marks(text: str) -> Iterator[tuple[str, str]]:
    """What a dialogue shows of its form: (attribute of `DialogueForm`, text) of every label and of what is between."""
    lines = text.split("\n")
    last = None
    for place, line in enumerate(lines):
        label = _UTTERANCE.match(line)
        if not label:
            last = place if line.strip() else last
            continue
        if label.end() < len(line):  # one without words does not show the blank behind it
            yield _role(label), label[0]
        if last is not None:
            yield "between", "\n".join(["", *lines[last + 1 : place], ""])
        last = place


def format_dialogue(utterances: Sequence[tuple[str, str]]) -> str:
    """The dialogue so far in our own form: `DialogueForm().write`.

    Raises:
        ValueError: an unknown role.
    """
    return DialogueForm().write(utterances)


def parse_dialogue(text: str) -> tuple[tuple[str, str], ...]:
    """The (role, words) pairs of a written dialogue; the empty text has none. Labels may be any that data sets have.

    Raises:
        ValueError: the text does not begin with a speaker's label, such as `Therapist:` or `Client:`.
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
