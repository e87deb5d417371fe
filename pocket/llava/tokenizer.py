"""Trains the pocket LLaVA's tokenizer: byte-pair encoding with byte fallback, as in Llama."""

import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import sentencepiece
from transformers import LlamaTokenizer

PIECES = 2304
REPEATS = 30  # of every word, so that rare words become single pieces too
_WORD = re.compile(r"[A-Za-z]+")


def train_llama_tokenizer(sentences: Sequence[str], pieces: int = PIECES) -> LlamaTokenizer:
    """Trains a tokenizer of `pieces` pieces (<unk> 0, <s> 1, </s> 2, 256 bytes), followed by <image> and <pad>."""
    model = io.BytesIO()
    words = sorted({word for sentence in sentences for word in _WORD.findall(sentence)})
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*sentences, *(word for word in words for _ in range(REPEATS))]),
        model_writer=model,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        num_threads=1,
        minloglevel=2,
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokenizer.model").write_bytes(model.getvalue())
        tokenizer = LlamaTokenizer.from_pretrained(
            folder, add_bos_token=True, padding_side="left", model_max_length=2048
        )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    return tokenizer
