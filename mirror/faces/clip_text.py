"""Prompts as CLIP token ids: a trigger word marks the person, and text that does not fit is truncated with a warning.

A tokenizer is enough: no encoder is needed.
"""

import logging
from typing import Any

TRIGGER = "img"  # stands right behind the word for the person and marks it

logger = logging.getLogger(__name__)


def tokens(tokenizer: Any, text: str) -> list[int]:
    """The token ids of a text, without begin and end token."""
    return tokenizer(text, add_special_tokens=False, verbose=False).input_ids


def split_at_trigger(prompt: str) -> tuple[str, str]:
    """The text before and after the trigger word.

    Raises:
        ValueError: the trigger word is missing, stands first, or occurs several times.
    """
    words = prompt.replace(",", " ,").split(" ")
    if words.count(TRIGGER) != 1 or words.index(TRIGGER) == 0:
        raise ValueError(
            f"a prompt needs the trigger word {TRIGGER!r} once, behind the word for the person, as in 'a man "
            f"{TRIGGER}, sad'; found {prompt!r}"
        )
    before, after = f"{prompt} ".replace(f" {TRIGGER},", f" {TRIGGER} ,").split(f" {TRIGGER} ", 1)
    return before, after.strip()


def without_trigger(prompt: str) -> str:
    """The prompt without its trigger word. Raises like `split_at_trigger`."""
    return " ".join(split_at_trigger(prompt))


def repeat_person(tokenizer: Any, prompt: str, count: int) -> tuple[list[int], int]:
    """Repeats the token of the word for the person, so that each can carry one identity embedding.

    Returns:
        The token ids of the prompt without the trigger word, with the person's token `count` times; and the position
        of the first of these, counting the begin token.

    Raises:
        ValueError: the person stands beyond the tokens that CLIP reads, or a fault of the trigger word.
    """
    before, after = (tokens(tokenizer, text) for text in split_at_trigger(prompt))
    if len(before) + count > tokenizer.model_max_length - 1:
        raise ValueError(
            f"the person stands at token {len(before)} of {prompt!r}, and CLIP reads {tokenizer.model_max_length - 2}; "
            "put the person first"
        )
    return before[:-1] + before[-1:] * count + after, len(before)


def fit(tokenizer: Any, ids: list[int]) -> list[int]:
    """`ids` between begin and end token, padded or truncated to the encoder's length (77 for CLIP).

    A truncation is logged, see `report_cut`.
    """
    room = tokenizer.model_max_length - 2
    if len(ids) > room:
        text, cut = (tokenizer.decode(part, clean_up_tokenization_spaces=False) for part in (ids, ids[room:]))
        report_cut(text, cut, room)
    ids = [tokenizer.bos_token_id, *ids[:room], tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(ids))


_warned: set[int] = set()  # the lengths for which the warning was given


def report_cut(text: str, cut: str, room: int) -> None:
    """Warns once, then logs at DEBUG: prompts vary at their beginning, so mostly the same end is truncated."""
    level = logging.DEBUG if room in _warned else logging.WARNING
    _warned.add(room)
    logger.log(level, "CLIP reads %d tokens; longer texts are truncated, here by %r of %r", room, cut, text)
