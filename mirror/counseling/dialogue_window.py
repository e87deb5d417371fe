"""Fits a dialogue into a prompt: the newest utterances that the context and the model's limit allow.

In a later session of a client, those of the earlier ones stand before it, as far as there is room for them.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SHORTEST = 80  # characters of the newest utterance that are kept at least when it is cut
CUT = "… "  # replaces the start of an utterance that was cut

Dialogue = Sequence[tuple[str, str]]  # (role, words)
Memory = Sequence[tuple[int, str, str]]  # (number of the session, role, words)


@dataclass(frozen=True)
class FittedPrompt:
    """A prompt that leaves the model enough tokens to answer.

    Attributes:
        text: the prompt.
        dropped_utterances: number of the oldest utterances that it leaves out.
        cut_characters: number of characters cut from the start of the newest utterance; 0 if it is complete.
        remembered: number of utterances of earlier sessions that it holds.
    """

    text: str
    dropped_utterances: int
    cut_characters: int = 0
    remembered: int = 0


def fit_prompt(
    dialogue: Dialogue, context: int, write: Callable[[Dialogue], str], fits: Callable[[str], bool]
) -> FittedPrompt | None:
    """The prompt with the longest end of the dialogue that fits; None if not even a short end of it does.

    The oldest utterances are dropped first. The newest is never dropped: if it does not fit alone, its start is cut.

    Args:
        dialogue: the complete dialogue, oldest utterance first.
        context: the maximum number of utterances in the prompt.
        write: the prompt that holds a dialogue.
        fits: whether a prompt leaves the model enough tokens to answer.
    """
    first = max(0, len(dialogue) - context)
    for dropped in range(first, max(first + 1, len(dialogue))):
        prompt = write(dialogue[dropped:])
        if fits(prompt):
            return FittedPrompt(prompt, dropped)
    return _cut_newest(dialogue, write, fits) if dialogue else None


def fit_memory(
    earlier: Memory,
    dialogue: Dialogue,
    context: int,
    write: Callable[[Memory, Dialogue], str],
    fits: Callable[[str], bool],
) -> FittedPrompt | None:
    """The prompt with the longest end of what was said in earlier sessions that fits before this session's dialogue.

    What is oldest is dropped first: of this session's dialogue nothing but what exceeds the context, as long as there
    is anything else.

    Args:
        earlier: the utterances of earlier sessions, the oldest first.
        dialogue, context, fits: as for `fit_prompt`; the context counts the utterances of this session.
        write: the prompt that holds utterances of earlier sessions and a dialogue.
    """
    first = max(0, len(dialogue) - context)
    shown = dialogue[first:]
    dropped = bisect_left(range(len(earlier)), True, key=lambda n: fits(write(earlier[n:], shown)))
    if dropped == len(earlier):
        return fit_prompt(dialogue, context, lambda part: write((), part), fits)
    return FittedPrompt(write(earlier[dropped:], shown), first, remembered=len(earlier) - dropped)


def _cut_newest(
    dialogue: Dialogue, write: Callable[[Dialogue], str], fits: Callable[[str], bool]
) -> FittedPrompt | None:
    """The prompt with as much of the newest utterance as fits, found by bisection."""
    role, words = dialogue[-1]
    found = None
    low, high = SHORTEST, len(words) - 1  # characters to keep
    while low <= high:
        middle = (low + high) // 2
        end = end_of(words, middle)
        prompt = write([(role, end)])
        if fits(prompt):
            found = FittedPrompt(prompt, len(dialogue) - 1, len(words) - (len(end) - len(CUT)))
            low = middle + 1
        else:
            high = middle - 1
    return found


def end_of(words: str, characters: int) -> str:
    """The last characters of an utterance after the mark `…`; starts at a word if one begins nearby."""
    end = words[-characters:]
    blank = end[: SHORTEST // 2].find(" ")
    return CUT + end[blank + 1 :].lstrip()
