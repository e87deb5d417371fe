"""Prompts as CLIP's token ids: the person marked by a trigger word, and what does not fit cut off aloud.

Knows nothing of encoders or images.
"""

import logging
from typing import Any

TRIGGER = "img"  # stands right behind the word for the person and marks it

logger = logging.getLogger(__name__)


def tokens(tokenizer: Any, text: str) -> list[int]:
    """The text's token ids without begin and end mark."""
    return tokenizer(text, add_special_tokens=False, verbose=False).input_ids


def split_at_trigger(prompt: str) -> tuple[str, str]:
    """The text before and after the one trigger word.

    Raises:
        ValueError: no trigger word, several, or none of a person before it.
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
    return " ".join(split_at_trigger(prompt))


def repeat_person(tokenizer: Any, prompt: str, count: int) -> tuple[list[int], int]:
    """The prompt's ids without the trigger, with the person's token `count` times; and the position (with begin mark)
    of the first of these.

    Raises:
        ValueError: the person stands so late that CLIP would not read it.
    """
    before, after = (tokens(tokenizer, text) for text in split_at_trigger(prompt))
    if len(before) + count > tokenizer.model_max_length - 1:
        raise ValueError(
            f"the person stands at token {len(before)} of {prompt!r}, and CLIP reads {tokenizer.model_max_length - 2}; "
            "put the person first"
        )
    return before[:-1] + before[-1:] * count + after, len(before)


def fit(tokenizer: Any, ids: list[int]) -> list[int]:
    """`ids` between begin and end mark, padded or cut to the encoder's length (77); the first cut is logged."""
    room = tokenizer.model_max_length - 2
    if len(ids) > room:
        text, cut = (tokenizer.decode(part, clean_up_tokenization_spaces=False) for part in (ids, ids[room:]))
        report_cut(text, cut, room)
    ids = [tokenizer.bos_token_id, *ids[:room], tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(ids))


_told: set[int] = set()


def report_cut(text: str, cut: str, room: int) -> None:
    """Aloud the first time, which stands for all: what varies stands first in a prompt, so mostly the same is cut."""
    level = logging.DEBUG if room in _told else logging.WARNING
    _told.add(room)
    logger.log(level, "CLIP reads %d tokens; the end of longer texts is cut off, here %r of %r", room, cut, text)
