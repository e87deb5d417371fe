"""The model that answers as the counselor: in this process, fine-tuned or not, or any chat model behind an endpoint."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from PIL import Image

from mirror.chat.messages import ChatModel, Completion, Message
from mirror.models.decoding import POSITIONS
from mirror.models.families.vlm import Vlm, decode, generate_ids
from mirror.models.generation_config import end_tokens
from mirror.models.llava_chat import IMAGE
from mirror.models.lora import without_adapter
from mirror.models.sampling import SeededSampling


class CounselorModel(Protocol):
    """A model that answers prompts about images."""

    def answer(
        self,
        prompts: Sequence[str],
        images: Sequence[Image.Image],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        """One answer per prompt, in order; an exception in place of one that failed.

        Args:
            prompts: texts, each with an image.
            images: one per prompt.
            seeds: of the sampling, one per prompt.
            max_tokens: of an answer at most; None is the speaker's own limit.
        """
        ...

    def fits(self, prompt: str) -> bool:
        """Whether the prompt leaves enough tokens of the context window for the longest answer."""
        ...

    def warm_up(self, prompts: int) -> None:
        """Compile what answering up to so many prompts at a time will need; without it, that is done then."""
        ...

    def facts(self) -> dict[str, Any]:
        """Model and sampling, for the record of a run."""
        ...


class LlavaSpeaker:
    """A model in this process, LLaVA-1.5 or of another family; an answer depends on its seed, not on its batch."""

    def __init__(
        self,
        llava: Vlm,
        temperature: float = 0.7,
        top_p: float = 0.9,
        max_tokens: int = 128,
        batch_size: int = 16,
        facts: dict[str, Any] | None = None,
        longest_answer: int = 0,
        adapter: bool = True,
        face_size: int = 336,
        sees_face: bool = True,
    ) -> None:
        """Makes a speaker of a loaded model.

        Args:
            llava: the model.
            temperature: of the sampling; 0 is greedy.
            top_p: of the sampling, 0…1, without 0.
            max_tokens: of an answer at most.
            batch_size: prompts that are answered at a time.
            facts: where the weights come from, in addition to the base model: the checkpoint and its manifest.
            longest_answer: tokens that every prompt must leave, if calls ask for more than `max_tokens`. All prompts of
                a turn then hold the same part of the dialogue.
            adapter: whether the LoRA adapter is used; if not, the base language model answers.
            face_size: width and height of the images that `fits` counts on, in pixels.
            sees_face: whether it is shown the image; if not, nothing is in the image's place.

        Raises:
            ValueError: it is to see, and has no eyes.
        """
        if sees_face and not llava.family.sees:
            raise ValueError(
                f"{llava.source} is a language model without eyes, and sees_face is true; set sees_face false (and "
                "face cue, to tell it the face in words)"
            )
        self.llava, self.temperature, self.top_p = llava, temperature, top_p
        self.max_tokens, self.batch_size, self._facts = max_tokens, batch_size, facts or {}
        self.longest_answer = max(max_tokens, longest_answer)
        self.adapter, self.face_size, self.sees_face = adapter, (face_size, face_size), sees_face

    def answer(
        self,
        prompts: Sequence[str],
        images: Sequence[Image.Image],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> list[Completion]:
        """See `CounselorModel.answer`."""
        limit = self.max_tokens if max_tokens is None else max_tokens
        answers, prompts = [], [self._shown(prompt) for prompt in prompts]
        for start in range(0, len(prompts), self.batch_size):
            batch = slice(start, start + self.batch_size)
            sampling = SeededSampling(seeds[batch], self.temperature, self.top_p)
            with self._adapter():
                written = generate_ids(self.llava, prompts[batch], images[batch], limit, sampling)
            answers += [
                self._completion(prompt, image.size, ids)
                for prompt, image, ids in zip(prompts[batch], images[batch], written, strict=True)
            ]
        return answers

    def warm_up(self, prompts: int, positions: int = POSITIONS) -> None:
        """Compile the decoding step on a GPU, for all batches that up to `prompts` prompts can make.

        Args:
            prompts: answered by one call, at most.
            positions: of the longest prompt with its answer, at most the context window; a longer one compiles anew.
        """
        batches = range(1, min(prompts, self.batch_size) + 1)
        with self._adapter():
            self.llava.decoder.warm_up(batches, min(positions, self.llava.window), f"adapter: {self.adapter}")

    def _adapter(self) -> AbstractContextManager[None]:
        return nullcontext() if self.adapter else without_adapter(self.llava.model)

    def _completion(self, prompt: str, size: tuple[int, int], ids: Sequence[int]) -> Completion:
        reason = "stop" if ids[-1] in end_tokens(self.llava.model) else "length"
        read = len(self.llava.tokenize_prompt(prompt, size))
        return Completion(decode(self.llava, ids), read, len(ids), self.llava.source, reason)

    def fits(self, prompt: str) -> bool:
        """See `CounselorModel.fits`."""
        read = len(self.llava.tokenize_prompt(self._shown(prompt), self.face_size))
        return read + self.longest_answer <= self.llava.window

    def _shown(self, prompt: str) -> str:
        return prompt if self.sees_face else prompt.replace(f"{IMAGE}\n", "")

    def facts(self) -> dict[str, Any]:
        """See `CounselorModel.facts`."""
        return {
            "model": self.llava.source,
            "revision": self.llava.revision,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            **({} if self.sees_face else {"sees_face": False}),
            **self._facts,
        }


class ChatSpeaker:
    """A chat model behind an endpoint."""

    def __init__(self, model: ChatModel, sees_face: bool, max_characters: int = 60_000) -> None:
        """Makes a speaker of a chat model.

        Args:
            model: answers.
            sees_face: whether a message contains the face as an image.
            max_characters: of a prompt that fits.
        """
        self.model, self.sees_face, self.max_characters = model, sees_face, max_characters

    def answer(
        self,
        prompts: Sequence[str],
        images: Sequence[Image.Image],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        """See `CounselorModel.answer`."""
        return self.model.complete(
            [
                [Message("user", prompt.replace(f"{IMAGE}\n", ""), (image,) if self.sees_face else ())]
                for prompt, image in zip(prompts, images, strict=True)
            ],
            seeds,
            max_tokens=max_tokens,
        )

    def fits(self, prompt: str) -> bool:
        """See `CounselorModel.fits`."""
        return len(prompt) <= self.max_characters

    def warm_up(self, prompts: int) -> None:
        """See `Speaker.warm_up`."""
        self.model.warm_up(prompts)

    def facts(self) -> dict[str, Any]:
        """See `CounselorModel.facts`."""
        return {**self.model.facts(), "sees_face": self.sees_face}
