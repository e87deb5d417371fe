"""The chat layout of LLaVA-1.5 ("vicuna v1"): one text and token sequence for a conversation, with the answers marked.

Knows nothing of models, images' pixels or files; a tokenizer is passed in.
Source: the published format of LLaVA-1.5, checked token by token against `tests/data/llava-tiny`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
IMAGE = "<image>"
END = "</s>"
IGNORED = -100  # the label of a position that carries no loss


@dataclass(frozen=True)
class Tokens:
    """`input_ids` and `labels` of one conversation, equally long; labels are `IGNORED` but on the answers."""

    input_ids: list[int]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.input_ids)


def prompt_text(human: str) -> str:
    """The text after which the model answers `human`; it ends in the colon after ASSISTANT."""
    return f"{SYSTEM} USER: {human} ASSISTANT:"


def conversation_text(turns: Sequence[tuple[str, str]]) -> tuple[str, list[tuple[int, int]]]:
    """The text of a conversation of (human, answer) pairs, and the character span of each answer.

    A span opens at the space before the answer's first word, which its first token carries, and closes behind
    the end token.
    """
    text, spans = SYSTEM + " ", []
    for human, answer in turns:
        text += f"USER: {human} ASSISTANT:"
        start = len(text)
        text += f" {answer}{END}"
        spans.append((start, len(text)))
    return text, spans


def tokenize(tokenizer, turns: Sequence[tuple[str, str]], image_token_id: int, image_tokens: int) -> Tokens:
    """Token ids and labels of (human, answer) pairs; `<image>` becomes `image_tokens` times `image_token_id`."""
    text, spans = conversation_text(turns)
    return _encode(tokenizer, text, spans, image_token_id, image_tokens)


def tokenize_prompt(tokenizer, human: str, image_token_id: int, image_tokens: int) -> list[int]:
    """Token ids after which the model answers `human`: exactly the ids that precede an answer in training."""
    return _encode(tokenizer, prompt_text(human), [], image_token_id, image_tokens).input_ids


def _encode(tokenizer, text, spans, image_token_id, image_tokens) -> Tokens:
    ids, labels, offset = [tokenizer.bos_token_id], [IGNORED], 0
    for i, piece in enumerate(text.split(IMAGE)):
        if i:
            ids += [image_token_id] * image_tokens
            labels += [IGNORED] * image_tokens
            offset += len(IMAGE)
        # Each piece is encoded by itself, as the original does: the model was trained on these very ids.
        encoded = tokenizer(piece, add_special_tokens=False, return_offsets_mapping=True)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            answered = any(start + offset < last and end + offset > first for first, last in spans)
            ids.append(token)
            labels.append(token if answered else IGNORED)
        offset += len(piece)
    return Tokens(ids, labels)
