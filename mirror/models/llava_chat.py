"""The chat layout of LLaVA-1.5 ("vicuna v1"): one text and token sequence per conversation, with the answers marked.

The tokenizer is passed in; no model or image is loaded.
Source: the published format of LLaVA-1.5, checked token by token against `tests/data/llava-tiny`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # seconds to import, and only needed for annotations
    from transformers import PreTrainedTokenizerBase

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
IMAGE = "<image>"
BLANKS = (" ", "\u2581")  # with which a text begins if the tokenizer puts no blank before it
END = "</s>"
IGNORED = -100  # the label of a position that carries no loss


@dataclass(frozen=True)
class Tokens:
    """`input_ids` and `labels` of one conversation, of equal length; labels are `IGNORED` outside the answers."""

    input_ids: list[int]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.input_ids)


def prompt_text(human: str) -> str:
    """The text after which the model answers `human`; it ends with `ASSISTANT:`."""
    return f"{SYSTEM} USER: {human} ASSISTANT:"


def prompt_pieces(human: str) -> list[str]:
    """The text after which the model answers `human`, split at its images: one more piece than images."""
    return prompt_text(human).split(IMAGE)


def chat_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """A chat template (Jinja) that adds nothing to a prompt: servers then encode it as `tokenize_prompt` does.

    The content of a message is a list of parts: the pieces of `prompt_pieces` with an image between two of them. Roles
    do nothing. The text starts with the token that begins every text, since servers add none to a chat.

    A piece is encoded as a text of its own here, and many tokenizers put a blank before a text; but those that put it
    only before the first need it written out wherever a piece begins.

    Raises:
        ValueError: the tokenizer encodes pieces in a text in another way.
    """
    pieces = ("A.", "\nB", " c")
    apart = [token for piece in pieces for token in tokenizer(piece, add_special_tokens=False)["input_ids"]]
    for blank in ("", " "):
        written = [piece if piece.startswith(BLANKS) else f"{blank}{piece}" for piece in pieces]
        text = str(tokenizer.bos_token) + IMAGE.join(written)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        images = tokenizer.convert_tokens_to_ids(IMAGE)
        if ids[:1] == [tokenizer.bos_token_id] and [token for token in ids[1:] if token != images] == apart:
            return _template(blank)
    raise ValueError("the tokenizer encodes a text with images in another way than its pieces; use LLaVA-1.5's own")


def _template(blank: str) -> str:
    def written(text: str) -> str:
        before = f"{{% if {text}[:1] not in [' ', '\u2581'] %}}{{{{ ' ' }}}}{{% endif %}}" if blank else ""
        return f"{before}{{{{ {text} }}}}"

    whole, part = written("message['content']"), written("part['text']")
    return (
        "{{ bos_token }}{% for message in messages %}"
        f"{{% if message['content'] is string %}}{whole}{{% else %}}{{% for part in message['content'] %}}"
        f"{{% if part['type'] == 'text' %}}{part}"
        f"{{% elif part['type'] in ['image', 'image_url'] %}}{{{{ '{IMAGE}' }}}}{{% endif %}}"
        "{% endfor %}{% endif %}{% endfor %}"
    )


def conversation_text(turns: Sequence[tuple[str, str]]) -> tuple[str, list[tuple[int, int]]]:
    """The text of a conversation, and the character span of each answer.

    A span starts at the space before the answer, which belongs to its first token, and ends after the end token.

    Args:
        turns: (human, answer) pairs.

    Returns:
        The text, and one (start, end) pair per answer.
    """
    text, spans = SYSTEM + " ", []
    for human, answer in turns:
        text += f"USER: {human} ASSISTANT:"
        start = len(text)
        text += f" {answer}{END}"
        spans.append((start, len(text)))
    return text, spans


def tokenize(
    tokenizer: PreTrainedTokenizerBase, turns: Sequence[tuple[str, str]], image_token_id: int, image_tokens: int
) -> Tokens:
    """Token ids and labels of a conversation.

    Args:
        tokenizer: the model's.
        turns: (human, answer) pairs.
        image_token_id: the id that stands for an image.
        image_tokens: positions per image; `<image>` becomes this many `image_token_id`.
    """
    text, spans = conversation_text(turns)
    return _encode(tokenizer, text, spans, image_token_id, image_tokens)


def tokenize_prompt(
    tokenizer: PreTrainedTokenizerBase, human: str, image_token_id: int, image_tokens: int
) -> list[int]:
    """Token ids after which the model answers `human`: the same ids that precede an answer in training."""
    return _encode(tokenizer, prompt_text(human), [], image_token_id, image_tokens).input_ids


def _encode(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    spans: Sequence[tuple[int, int]],
    image_token_id: int,
    image_tokens: int,
) -> Tokens:
    ids, labels, offset = [tokenizer.bos_token_id], [IGNORED], 0
    for i, piece in enumerate(text.split(IMAGE)):
        if i:
            ids += [image_token_id] * image_tokens
            labels += [IGNORED] * image_tokens
            offset += len(IMAGE)
        # Each piece is encoded separately, as in the original: the model was trained on these ids.
        encoded = tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            answered = any(start + offset < last and end + offset > first for first, last in spans)
            ids.append(token)
            labels.append(token if answered else IGNORED)
        offset += len(piece)
    return Tokens(ids, labels)
