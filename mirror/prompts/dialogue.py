"""A dialogue as text: one `Therapist: …` or `Client: …` line an utterance. Knows nothing of cues or faces."""

import re
from collections.abc import Sequence

ROLES = {"therapist": "Therapist", "client": "Client"}
_UTTERANCE = re.compile(r"(Therapist|Client): ?")
_INDENTED = re.compile(r" +(?:Therapist|Client):")


def format_dialogue(utterances: Sequence[tuple[str, str]]) -> str:
    r"""The dialogue so far, a line an utterance; words with line breaks run over several lines.

    No utterance gives the empty text: a client who is silent at first leaves the line of the dialogue blank. A further
    line of words that itself begins with `Client:` or `Therapist:` is indented by one space, so that
    `parse_dialogue(format_dialogue(utterances)) == tuple(utterances)` for any words.

    Args:
        utterances: (role, words) with role `therapist` or `client`.

    Raises:
        ValueError: an unknown role.
    """
    lines = []
    for role, words in utterances:
        if role not in ROLES:
            raise ValueError(f"utterance of an unknown role {role!r}; the roles are: {', '.join(ROLES)}")
        first, *others = words.split("\n")
        lines.append(f"{ROLES[role]}: {first}")
        lines += [f" {line}" if _UTTERANCE.match(line.lstrip(" ")) else line for line in others]
    return "\n".join(lines)


def parse_dialogue(text: str) -> tuple[tuple[str, str], ...]:
    """The (role, words) pairs of a formatted dialogue; the empty text has none.

    Raises:
        ValueError: the text does not begin with `Therapist:` or `Client:`.
    """
    if not text:
        return ()
    utterances: list[tuple[str, str]] = []
    for line in text.split("\n"):
        label = _UTTERANCE.match(line)
        if label:
            utterances.append((label[1].lower(), line[label.end() :]))
        elif not utterances:
            raise ValueError(f"a dialogue begins with 'Therapist:' or 'Client:', found {line!r}")
        else:
            role, words = utterances[-1]
            utterances[-1] = (role, f"{words}\n{line[1:] if _INDENTED.match(line) else line}")
    return tuple(utterances)
