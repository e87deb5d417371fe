"""End tokens of a model folder's generation settings; all other generation settings of the folder are ignored.

A `generation_config.json` may turn on sampling, penalties, beam search, or suppressed and forced tokens. Generation
here depends only on the settings that a run records, so only the end tokens are taken. Independent of the architecture.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from mirror.files.json_file import read_json


def ends_only(folder: Path, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """The default generation settings of transformers with the end tokens of `folder` and of its tokenizer.

    The folder's end tokens are those of `generation_config.json`, or of `config.json` if the former has none. Pass the
    result to `from_pretrained`.

    Raises:
        ValueError: a file cannot be read, an end token is not a token id, or there is no end token at all.
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
    """The ids under `eos_token_id` in a config file; empty if the file or the entry is missing."""
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
    """The index of the first end token in `ids`; None if the answer was cut off at its length limit."""
    return next((place for place, token in enumerate(ids) if token in ends), None)
