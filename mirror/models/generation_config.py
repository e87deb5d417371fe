"""What is taken of a model folder's own settings for generation: its end tokens, and nothing else.

A `generation_config.json` may sample, penalise, search with beams, suppress or force tokens; answers come from what the
settings of a run record, so all of that is left out. Knows no architecture.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedModel

from mirror.files.json_file import read_json


def ends_only(folder: Path, tokenizer: Any) -> GenerationConfig:
    """transformers' defaults with the end tokens of `folder` and of its tokenizer; for `from_pretrained`.

    The folder's are those of `generation_config.json`, or of `config.json` where that names none.

    Raises:
        ValueError: a file cannot be read, an end is no token id, or nothing ends an answer.
    """
    ends = _named_ends(folder / "generation_config.json") or _named_ends(folder / "config.json")
    ends = sorted({*ends, *([] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id])})
    if not ends:
        raise ValueError(
            f"{folder}: neither generation_config.json nor the tokenizer names an end token, so no answer would end; "
            "add eos_token_id to generation_config.json"
        )
    pad = tokenizer.pad_token_id
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=ends[0] if pad is None else pad
    )


def _named_ends(path: Path) -> list[int]:
    if not path.is_file():
        return []
    try:
        config = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; get the file again, or remove it") from None
    inner = config.get("text_config")
    named = config.get("eos_token_id", inner.get("eos_token_id") if isinstance(inner, dict) else None)
    ends = named if isinstance(named, list) else [] if named is None else [named]
    if not all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
        raise ValueError(f"{path}: eos_token_id must be a token id or a list of them, found {named!r}")
    return ends


def end_tokens(model: PreTrainedModel) -> list[int]:
    """The ids that end an answer of `model`, in ascending order."""
    ends = model.generation_config.eos_token_id
    return sorted(ends) if isinstance(ends, list) else [ends]


def end_of(ids: Sequence[int], ends: Collection[int]) -> int | None:
    """The place of the first end token in an answer; None where it was cut off by its limit."""
    return next((place for place, token in enumerate(ids) if token in ends), None)
