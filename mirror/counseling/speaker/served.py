"""A merged checkpoint behind a server such as vLLM: sent the prompts that it was trained on, token by token.

The server reads a merged folder (`mirror.models.merge`), whose chat template adds nothing. The same folder says here
how many tokens a prompt has, what an image looks like to the model, and which tokens end an answer or cannot be in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import CLIPImageProcessorPil, LlavaConfig, PreTrainedTokenizerBase

from mirror.chat.chat_error import OK, ChatError
from mirror.chat.messages import ChatModel, Completion, Message
from mirror.counseling.reply import CounselorError
from mirror.counseling.speaker.served_family import NEVER, MergedVlm
from mirror.files.image_file import upright
from mirror.models.generation_config import ends_only
from mirror.models.llava import image_tokens, pad_to_square, unused_tokens
from mirror.models.llava_chat import IMAGE, chat_template, prompt_pieces, tokenize_prompt
from mirror.models.weights import load_tokenizer, read_config

PROBE, PROBE_TOKENS = f"{IMAGE}\nHow does your client look?", 8


@dataclass(frozen=True)
class MergedModel:
    """What a merged folder says of its model without its weights.

    Attributes:
        config: of the model.
        tokenizer: of the model.
        image_processor: of the model.
        ends: the ids of the tokens that end an answer.
    """

    config: LlavaConfig
    tokenizer: PreTrainedTokenizerBase
    image_processor: CLIPImageProcessorPil
    ends: list[int]

    @classmethod
    def read(cls, folder: Path) -> "MergedModel":
        """Reads the small files of a merged folder.

        Raises:
            ValueError: a file cannot be read, or the chat template is another one than the tokenizer needs.
        """
        tokenizer = load_tokenizer(folder)
        if tokenizer.chat_template != chat_template(tokenizer):
            raise ValueError(
                f"{folder / 'chat_template.jinja'} is not the one that passes prompts on as they are; merge the "
                "checkpoint again (python -m mirror.models.merge), and serve that folder"
            )
        config = LlavaConfig.from_dict(read_config(folder))
        ends = ends_only(folder, tokenizer).eos_token_id
        return cls(config, tokenizer, CLIPImageProcessorPil.from_pretrained(folder), ends)

    @property
    def window(self) -> int:
        """Positions that a prompt with its answer can have."""
        return int(self.config.text_config.max_position_embeddings)

    def length(self, prompt: str, size: tuple[int, int] = (0, 0)) -> int:
        """The number of tokens after which the model answers `prompt`, those of the image included, of any size."""
        config = self.config
        return len(tokenize_prompt(self.tokenizer, prompt, config.image_token_id, image_tokens(config)))

    def picture(self, image: Image.Image) -> Image.Image:
        """The image as the model sees it before its colors are normalized: a server has nothing left to resize."""
        square = pad_to_square(image, self.image_processor.image_mean)
        pixels = self.image_processor(square, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"]
        return Image.fromarray(pixels[0].transpose(1, 2, 0).astype(np.uint8))

    def message(self, prompt: str, image: Image.Image) -> Message | CounselorError:
        """The message of a prompt with its image where the prompt says; an error if it does not say one place."""
        pieces = prompt_pieces(prompt)
        if len(pieces) != 2:
            return CounselorError(f"a prompt must hold {IMAGE} once, found {len(pieces) - 1}: {prompt[-200:]!r}")
        return Message("user", "".join(pieces), (self.picture(image),), len(pieces[0]))

    def sampling(self) -> dict[str, Any]:
        """The parameters of a request that the model needs beyond those that a user sets."""
        unused = unused_tokens(self.config, self.tokenizer)
        return {"stop_token_ids": self.ends, "logit_bias": {str(token): NEVER for token in unused}}


class ServedSpeaker:
    """A merged checkpoint behind a server, as a `CounselorModel`."""

    def __init__(
        self,
        model: ChatModel,
        merged: MergedModel | MergedVlm,
        longest_answer: int,
        facts: dict[str, Any],
        face_size: int = 336,
    ) -> None:
        """Asks nobody; see `fault`.

        Args:
            model: the server's, with `merged.sampling()` among the parameters that it is sent.
            merged: the folder that is served.
            longest_answer: tokens that every prompt must leave in the context window.
            facts: where the weights come from.
            face_size: width and height of the images that `fits` counts on, in pixels.
        """
        self.model, self.merged, self.longest_answer, self._facts = model, merged, longest_answer, facts
        self.face_size = (face_size, face_size)

    def answer(
        self,
        prompts: Sequence[str],
        images: Sequence[Image.Image],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> list[Completion | Exception]:
        """See `CounselorModel.answer`. An answer to other tokens than the prompt's is a CounselorError."""
        messages = [self.message(prompt, image) for prompt, image in zip(prompts, images, strict=True)]
        usable = [place for place, message in enumerate(messages) if isinstance(message, Message)]
        asked = [[message] for message in messages if isinstance(message, Message)]
        given = iter(self.model.complete(asked, [seeds[place] for place in usable], max_tokens=max_tokens))
        return [
            self._checked(prompt, image, next(given)) if isinstance(message, Message) else message
            for prompt, image, message in zip(prompts, images, messages, strict=True)
        ]

    def message(self, prompt: str, image: Image.Image) -> Message | CounselorError:
        """The message of a prompt with its image."""
        return self.merged.message(prompt, image)

    def _checked(self, prompt: str, image: Image.Image, answer: Completion | Exception) -> Completion | Exception:
        length = 0 if isinstance(answer, Exception) else self.merged.length(prompt, upright(image).size)
        if isinstance(answer, Exception) or answer.prompt_tokens in (None, length):
            return answer
        return CounselorError(
            f"{self.model.name} read {answer.prompt_tokens} tokens of a prompt that has {length} in training: its "
            "server must serve the merged folder with the chat template in it, and add no special tokens to a chat"
        )

    def fault(self) -> Exception | None:
        """Asks a short prompt: why the server cannot be used; None if it can."""
        gray = Image.new("RGB", (8, 8), "gray")
        (found,) = self.answer([PROBE], [gray], [0], max_tokens=PROBE_TOKENS)
        is_empty = isinstance(found, ChatError) and found.status == OK and not found.garbled
        return found if isinstance(found, Exception) and not is_empty else None

    def fits(self, prompt: str) -> bool:
        """See `CounselorModel.fits`."""
        return self.merged.length(prompt, self.face_size) + self.longest_answer <= self.merged.window

    def warm_up(self, prompts: int) -> None:
        """See `CounselorModel.warm_up`."""
        self.model.warm_up(prompts)

    def facts(self) -> dict[str, Any]:
        """See `CounselorModel.facts`."""
        return {**self.model.facts(), **self._facts}
