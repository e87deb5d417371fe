"""A chat model in this process, through transformers. Knows nothing of prompts, or of what its answers are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from mirror.chat.messages import Completion, Message, NoAnswer, opened_reasoning, without_reasoning
from mirror.models.device import resolve_device, resolve_dtype
from mirror.models.generation_config import end_of, end_tokens, ends_only
from mirror.models.sampling import SeededSampling
from mirror.models.weight_files import chosen_files
from mirror.models.weights import HALF, find, load_pretrained, load_tokenizer


class PromptTooLong(ValueError):
    """A conversation that leaves the model no room to answer. The message says by how much."""


@dataclass(frozen=True)
class LanguageModel:
    """A chat model with its sampling: a `ChatModel`.

    Attributes:
        name: folder or Hub id.
        revision: the Hub commit, empty for a folder.
        temperature: 0 is greedy.
        top_p: 0…1, without 0.
        max_tokens: of an answer.
        room: what the user calls `max_tokens`: the parameter that messages name.
    """

    model: PreTrainedModel
    tokenizer: Any
    name: str
    revision: str
    temperature: float = 0.7
    top_p: float = 0.9
    max_tokens: int = 128
    room: str = "max_tokens"

    @classmethod
    def load(
        cls, name: str, revision: str = "", device: str = "auto", dtype: torch.dtype | None = None, **sampling: Any
    ) -> "LanguageModel":
        """The model of a folder or Hub id.

        Args:
            device: auto is the first GPU if there is one.
            dtype: None is bfloat16 on a GPU and float32 on the CPU.
            sampling: temperature, top_p, max_tokens, room.

        Raises:
            FileNotFoundError: nothing can be had under that name.
            ValueError: it is no causal language model, or its tokenizer has no chat template.
        """
        device = resolve_device(device)
        dtype = dtype or resolve_dtype("auto", device)
        folder, commit = find(name, revision, dtype in HALF)
        tokenizer = load_tokenizer(folder, padding_side="left")
        if not tokenizer.chat_template:
            raise ValueError(
                f"{name} has no chat template, so it is no chat model; use one that was tuned to chat "
                "(such as meta-llama/Meta-Llama-3-8B-Instruct), or add chat_template.jinja to its folder"
            )
        generation = ends_only(folder, tokenizer)
        chosen_files(folder, dtype in HALF)  # broken files have their own errors
        try:
            model = load_pretrained(AutoModelForCausalLM, folder, dtype, generation_config=generation)
        except ValueError as error:
            raise ValueError(f"{name} is no language model: {str(error).splitlines()[0][:200]}") from error
        return cls(model.to(device).eval(), tokenizer, name, commit, **sampling)

    def facts(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "revision": self.revision,
            "device": self.model.device.type,
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
        """An answer to each conversation, as one left-padded batch; one that has no room is an error in its place.

        So is one that was reasoning only.

        `max_tokens` replaces the model's own limit on the tokens of an answer, for this call.

        An answer depends on its conversation and its seed, not on the others of the batch (but for the last bits of
        the logits, which on a GPU may differ with the shape of a batch).
        """
        limit = self.max_tokens if max_tokens is None else max_tokens
        texts = [self._text(conversation) for conversation in conversations]
        prompts = [self._ids(conversation) for conversation in conversations]
        faults = [self._fault(ids, limit) for ids in prompts]
        rows = [row for *row, fault in zip(texts, prompts, seeds, faults, strict=True) if not fault]
        written = iter(self._generate([ids for _, ids, _ in rows], [seed for *_, seed in rows], limit) if rows else ())
        answers = iter([self._completion(text, len(ids), next(written)) for text, ids, _ in rows])
        return [fault or next(answers) for fault in faults]

    def _text(self, conversation: Sequence[Message]) -> str:
        """The conversation as the model reads it, by its template."""
        if any(message.images for message in conversation):
            raise ValueError(f"{self.name} reads text only; a conversation with images needs a vision model")
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def _ids(self, conversation: Sequence[Message]) -> list[int]:
        text = self._text(conversation)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # the template writes them itself

    def _fault(self, ids: list[int], limit: int) -> PromptTooLong | None:
        room = self.model.config.get_text_config().max_position_embeddings
        if len(ids) + limit <= room:
            return None
        return PromptTooLong(
            f"the conversation has {len(ids)} tokens, which with {limit} for the answer is more than the "
            f"{room} that {self.name} reads; shorten the dialogue, lower {self.room}, or use a model that reads more"
        )

    @torch.inference_mode()
    def _generate(self, prompts: list[list[int]], seeds: list[int], limit: int) -> list[list[int]]:
        longest, device, pad = max(map(len, prompts)), self.model.device, self.model.generation_config.pad_token_id
        output = self.model.generate(
            input_ids=torch.tensor([[pad] * (longest - len(ids)) + ids for ids in prompts], device=device),
            attention_mask=torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in prompts], device=device),
            do_sample=False,
            max_new_tokens=limit,
            logits_processor=[SeededSampling(seeds, self.temperature, self.top_p)],
        )
        return output[:, longest:].tolist()

    def _completion(self, prompt: str, prompt_tokens: int, ids: list[int]) -> Completion | NoAnswer:
        length = end_of(ids, end_tokens(self.model))
        answer = ids[:length]
        text = self.tokenizer.decode(answer, skip_special_tokens=True).strip()
        # The marks of reasoning may be special tokens themselves, and the first of them may stand in the prompt.
        marked = opened_reasoning(prompt) + self.tokenizer.decode(answer, skip_special_tokens=False)
        spoken = without_reasoning(marked, cut_off=length is None)
        if spoken.reasoning:
            text = self._without_special_tokens(spoken.words)
            if not text:
                return NoAnswer(
                    f"{self.name} answered with reasoning and no words ({len(answer)} tokens); raise {self.room}, or "
                    "use a model that does not reason"
                )
        return Completion(text, prompt_tokens, len(answer), self.name, "length" if length is None else "stop")

    def _without_special_tokens(self, text: str) -> str:
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, "")
        return text.strip()
