"""A chat model in this process, through transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from mirror.chat.messages import Completion, Message, NoAnswer
from mirror.chat.reasoning import opened_reasoning, without_reasoning
from mirror.models.decoding import POSITIONS, Decoder
from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.generation_config import end_of, end_tokens, ends_only
from mirror.models.memory.rotation import Rotation, Seat
from mirror.models.sampling import SeededSampling
from mirror.models.weight_files import chosen_files
from mirror.models.weights import HALF, find, load_pretrained, load_tokenizer


class PromptTooLong(ValueError):
    """A conversation that leaves no tokens for an answer; the message says how many it has."""


@dataclass(frozen=True)
class LanguageModel:
    """A chat model with its sampling: a `ChatModel`.

    Attributes:
        model: The causal language model, in evaluation mode.
        tokenizer: Its tokenizer, which has a chat template.
        name: Folder or Hub id.
        revision: The Hub commit; empty for a folder.
        temperature: Sampling temperature; 0 is greedy.
        top_p: Probability mass of nucleus sampling, in (0, 1].
        max_tokens: Limit on the tokens of an answer.
        max_tokens_setting: The user's name for `max_tokens`, for error messages.
        seat: Where it answers if it takes turns on its device with other models.
    """

    model: PreTrainedModel
    tokenizer: Any  # transformers has no type that covers slow and fast tokenizers and their templates
    name: str
    revision: str
    temperature: float = 0.7
    top_p: float = 0.9
    max_tokens: int = 128
    max_tokens_setting: str = "max_tokens"
    seat: Seat | None = None

    @classmethod
    def load(
        cls,
        name: str,
        revision: str = "",
        device: str = "auto",
        dtype: torch.dtype | None = None,
        rotation: Rotation | None = None,
        **sampling: Any,
    ) -> "LanguageModel":
        """Loads a model.

        Args:
            name: Folder or Hub id.
            revision: Branch, tag or commit on the Hub; empty for the default branch.
            device: `auto` uses the first GPU if there is one.
            dtype: None uses bfloat16 on a GPU and float32 on the CPU.
            rotation: That it joins as `describer`; its device is then used.
            **sampling: temperature, top_p, max_tokens, max_tokens_setting.

        Raises:
            FileNotFoundError: The model was not found locally or on the Hub.
            ValueError: It is not a causal language model, or its tokenizer has no chat template.
        """
        device = str(rotation.device) if rotation else resolve_device(device)
        dtype = dtype or resolve_dtype("auto", device)
        folder, commit = find(name, revision, dtype in HALF)
        tokenizer = load_tokenizer(folder, padding_side="left")
        if not tokenizer.chat_template:
            raise ValueError(
                f"{name} has no chat template, so it is no chat model; use a chat-tuned model "
                "(such as meta-llama/Meta-Llama-3-8B-Instruct), or add chat_template.jinja to its folder"
            )
        generation = ends_only(folder, tokenizer)
        chosen_files(folder, dtype in HALF)  # raises specific errors for broken files
        try:
            model = load_pretrained(AutoModelForCausalLM, folder, dtype, generation_config=generation)
        except ValueError as error:
            raise ValueError(f"{name} is no causal language model: {str(error).splitlines()[0][:200]}") from error
        rotation = rotation or Rotation(device)
        return cls(model.eval(), tokenizer, name, commit, seat=rotation.join("describer", [model]), **sampling)

    def facts(self) -> dict[str, Any]:
        """Returns the model, its device and dtype, and its sampling."""
        return {
            "model": self.name,
            "revision": self.revision,
            "device": (self.seat or self.model).device.type,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
        }

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> list[Completion | PromptTooLong | NoAnswer]:
        """Answers the conversations in one left-padded batch.

        An answer depends only on its conversation and its seed, except for the last bits of the logits, which on a GPU
        may vary with the shape of the batch.

        Args:
            conversations: The messages of each conversation; text only.
            seeds: One sampling seed per conversation.
            max_tokens: Overrides the model's own limit on the tokens of an answer, for this call.

        Returns:
            One completion per conversation; in its place PromptTooLong if no tokens are left for an answer, NoAnswer if
            the model produced only reasoning.

        Raises:
            ValueError: A message has images.
        """
        limit = self.max_tokens if max_tokens is None else max_tokens
        texts = [self._text(conversation) for conversation in conversations]
        prompts = [self._ids(text) for text in texts]
        faults = [self._fault(ids, limit) for ids in prompts]
        rows = [
            (text, ids, seed) for text, ids, seed, fault in zip(texts, prompts, seeds, faults, strict=True) if not fault
        ]
        outputs = self._generate([ids for _, ids, _ in rows], [seed for *_, seed in rows], limit) if rows else []
        answers = (
            self._completion(text, len(ids), output) for (text, ids, _), output in zip(rows, outputs, strict=True)
        )
        return [fault or next(answers) for fault in faults]

    def _text(self, conversation: Sequence[Message]) -> str:
        """Returns the prompt that the chat template makes of the conversation."""
        if any(message.images for message in conversation):
            raise ValueError(f"{self.name} reads text only; a conversation with images needs a vision model")
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # the template adds them itself

    def _fault(self, ids: list[int], limit: int) -> PromptTooLong | None:
        context = self.model.config.get_text_config().max_position_embeddings
        if len(ids) + limit <= context:
            return None
        return PromptTooLong(
            f"the conversation has {len(ids)} tokens, which with {limit} for the answer exceed the context of "
            f"{self.name}, {context} tokens; shorten the dialogue, lower {self.max_tokens_setting}, or use a model "
            "with a longer context"
        )

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self.model, self.model.generation_config.pad_token_id, self.seat)

    def warm_up(self, conversations: int, positions: int = POSITIONS) -> None:
        """Compiles the decoding step on a GPU, so that no answer waits for it.

        Args:
            conversations: That are answered at a time, at most.
            positions: Of the longest prompt with its answer, at most the context; a longer one compiles anew.
        """
        positions = min(positions, self.model.config.get_text_config().max_position_embeddings)
        self._decoder.warm_up(range(1, conversations + 1), positions)

    def _generate(self, prompts: list[list[int]], seeds: list[int], limit: int) -> list[list[int]]:
        return self._decoder.generate(prompts, limit, SeededSampling(seeds, self.temperature, self.top_p))

    def _completion(self, prompt: str, prompt_tokens: int, ids: list[int]) -> Completion | NoAnswer:
        length = end_of(ids, end_tokens(self.model))
        answer = ids[:length]
        text = self.tokenizer.decode(answer, skip_special_tokens=True).strip()
        # The tags of reasoning may be special tokens, and the first of them may be in the prompt.
        marked = opened_reasoning(prompt) + self.tokenizer.decode(answer, skip_special_tokens=False)
        found = without_reasoning(marked, cut_off=length is None)
        if found.reasoning:
            text = self._without_special_tokens(found.text)
            if not text:
                return NoAnswer(
                    f"{self.name} answered with reasoning and no text ({len(answer)} tokens); raise "
                    f"{self.max_tokens_setting}, or use a model that does not reason"
                )
        return Completion(text, prompt_tokens, len(answer), self.name, "length" if length is None else "stop")

    def _without_special_tokens(self, text: str) -> str:
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, "")
        return text.strip()
