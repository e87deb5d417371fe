"""A model of any family, with what makes its inputs: prompts and conversations as tokens, images as tensors."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import PreTrainedTokenizerBase

from mirror.files.image_file import upright
from mirror.models.decoding import Decoder
from mirror.models.families.chat import Chat, undated
from mirror.models.families.family import Family
from mirror.models.families.images import ImageReader, ImageTensors
from mirror.models.families.parts import family_of_model, token_types
from mirror.models.generation_config import end_of, end_tokens
from mirror.models.llava_chat import IMAGE, Tokens
from mirror.models.memory.rotation import Seat
from mirror.models.sampling import SeededSampling

# What transformers, peft and servers read besides weights: all that makes the inputs of a model.
INPUT_FILES = ("*token*", "vocab*", "merges.txt", "*processor_config.json", "chat_template*", "tekken.json")


@dataclass(frozen=True)
class Vlm:
    """A model ready for use.

    Attributes:
        model: in evaluation mode, on its device.
        processor: of texts and images; of a model without eyes, its tokenizer.
        source: the folder, as shown to users, or the Hub id that it was loaded from.
        revision: the Hub commit; empty for a folder.
        seat: where it generates if it takes turns on its device with other models.
    """

    model: Any
    processor: Any
    source: str
    revision: str
    seat: Seat | None = None

    @property
    def family(self) -> Family:
        """What is known of its family."""
        return family_of_model(self.model)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The processor's tokenizer."""
        found: PreTrainedTokenizerBase = self.processor.tokenizer if self.family.sees else self.processor
        return found

    @property
    def read_images(self) -> Callable[[Sequence[Image.Image]], list[ImageTensors]]:
        """Makes the tensors of upright images, none without eyes. It is copied to the processes that load batches."""
        return self._reader if self.family.sees else _nothing

    @cached_property
    def _reader(self) -> ImageReader:
        return ImageReader(self.processor)

    @cached_property
    def chat(self) -> Chat:
        """Its chat format.

        Raises:
            ValueError: it has none that can be used.
        """
        image = self.processor.image_token if self.family.sees else ""
        template = self.processor.chat_template
        if not isinstance(template, str):
            raise ValueError(f"{self.source}: no chat template, so this model knows no chat; use one tuned on chats")
        return Chat(self.tokenizer, undated(template), image, self.family.template_options, self.source)

    @cached_property
    def decoder(self) -> Decoder:
        """Generates answers; made once, because it keeps a cache."""
        return Decoder(self.model, self.pad, self.seat, lambda ids: token_types(self.model, ids))

    @property
    def pad(self) -> int:
        """The token that fills up shorter rows."""
        pad = self.tokenizer.pad_token_id
        return int(end_tokens(self.model)[0] if pad is None else pad)

    @property
    def window(self) -> int:
        """Positions that a prompt with its answer can have."""
        return int(self.model.config.get_text_config(decoder=True).max_position_embeddings)

    @property
    def unused_tokens(self) -> list[int]:
        """Ids that no answer may contain: special ones that do not end it, and those that only round the vocabulary."""
        added = self.tokenizer.added_tokens_decoder.items()
        special = {*self.tokenizer.all_special_ids, *(number for number, token in added if token.special)}
        rows = range(len(self.tokenizer), self.model.get_input_embeddings().num_embeddings)
        return sorted({*special, *rows} - {*end_tokens(self.model)})

    def tokenize(self, turns: Sequence[tuple[str, str]], size: Callable[[], tuple[int, int]]) -> Tokens:
        """Token ids and labels of a conversation.

        Args:
            turns: (human, answer) pairs.
            size: gives the width and height of its image.
        """
        return self.chat.encode(self.chat.conversation(turns), lambda: self._written(size()))

    def tokenize_prompt(self, human: str, size: tuple[int, int]) -> list[int]:
        """Token ids after which the model answers `human`: the same ids that precede an answer in training."""
        return self.chat.encode(self.chat.prompt(human), lambda: self._written(size)).input_ids

    def _written(self, size: tuple[int, int]) -> str:
        return self._reader.written(size)

    def save_processor(self, folder: Path) -> None:
        """Copy tokenizer, chat template and image processor as they are, for all software that reads the base model."""
        for pattern in INPUT_FILES:
            for path in Path(self.model.name_or_path).glob(pattern):
                shutil.copyfile(path, folder / path.name)


def _nothing(images: Sequence[Image.Image]) -> list[ImageTensors]:
    return [{} for _ in images]


def generate(
    vlm: Vlm,
    prompts: Sequence[str],
    images: Sequence[Image.Image],
    max_new_tokens: int,
    sampling: SeededSampling | None = None,
) -> list[str]:
    """Generate answers to a batch of prompts.

    Args:
        vlm: the model.
        prompts: human turns with `<image>`, without the chat layout.
        images: one per prompt; not shown where a prompt has no `<image>`.
        max_new_tokens: limit per answer.
        sampling: None for greedy decoding.

    Returns:
        One text per prompt.
    """
    return [decode(vlm, ids) for ids in generate_ids(vlm, prompts, images, max_new_tokens, sampling)]


def generate_ids(
    vlm: Vlm,
    prompts: Sequence[str],
    images: Sequence[Image.Image],
    max_new_tokens: int,
    sampling: SeededSampling | None = None,
) -> list[list[int]]:
    """The answers of `generate` as token ids, each up to and including its first end token."""
    ends, images = end_tokens(vlm.model), [upright(image) for image in images]
    rows = vlm.decoder.generate(
        [vlm.tokenize_prompt(prompt, image.size) for prompt, image in zip(prompts, images, strict=True)],
        max_new_tokens,
        sampling,
        [vlm.read_images([i])[0] if IMAGE in prompt else {} for prompt, i in zip(prompts, images, strict=True)],
        vlm.unused_tokens,
        pad_token_id=vlm.pad,
        eos_token_id=ends,
    )
    return [row if (end := end_of(row, ends)) is None else row[: end + 1] for row in rows]


def decode(vlm: Vlm, ids: Sequence[int]) -> str:
    """The text of an answer, without the end token, which is not a special token in every model."""
    words = ids[: end_of(ids, end_tokens(vlm.model))]
    return vlm.tokenizer.decode(words, skip_special_tokens=True).strip()
