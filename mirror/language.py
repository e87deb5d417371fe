"""A chat model in this process, through transformers. Knows nothing of prompts, or of what its answers are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from mirror.device import resolve_device
from mirror.generation import end_of, end_tokens, ends_only
from mirror.messages import Completion, Message
from mirror.sampling import SeededSampling
from mirror.weight_files import chosen_files
from mirror.weights import HALF, find, load_pretrained

logging.disable_progress_bar()  # a bar a shard is noise in an executed notebook


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
    """

    model: PreTrainedModel
    tokenizer: Any
    name: str
    revision: str
    temperature: float = 0.7
    top_p: float = 0.9
    max_tokens: int = 128

    @classmethod
    def load(
        cls, name: str, revision: str = "", device: str = "auto", dtype: torch.dtype | None = None, **sampling: Any
    ) -> "LanguageModel":
        """The model of a folder or Hub id.

        Args:
            device: auto is the first GPU if there is one.
            dtype: None is bfloat16 on a GPU and float32 on the CPU.
            sampling: temperature, top_p, max_tokens.

        Raises:
            FileNotFoundError: nothing can be had under that name.
            ValueError: it is no causal language model, or its tokenizer has no chat template.
        """
        device = resolve_device(device)
        dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
        folder, commit = find(name, revision, dtype in HALF)
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
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
        self, conversations: Sequence[Sequence[Message]], seeds: Sequence[int]
    ) -> list[Completion | PromptTooLong]:
        """An answer to each conversation, as one left-padded batch; one that has no room is an error in its place.

        An answer depends on its conversation and its seed, not on the others of the batch (but for the last bits of
        the logits, which on a GPU may differ with the shape of a batch).
        """
        prompts = [self._ids(conversation) for conversation in conversations]
        faults = [self._fault(ids) for ids in prompts]
        rows = [(ids, seed) for ids, seed, fault in zip(prompts, seeds, faults, strict=True) if not fault]
        answers = iter(self._generate([ids for ids, _ in rows], [seed for _, seed in rows]) if rows else ())
        return [fault or next(answers) for fault in faults]

    def _ids(self, conversation: Sequence[Message]) -> list[int]:
        if any(message.images for message in conversation):
            raise ValueError(f"{self.name} reads text only; a conversation with images needs a vision model")
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # the template writes them itself

    def _fault(self, ids: list[int]) -> PromptTooLong | None:
        room = self.model.config.get_text_config().max_position_embeddings
        if len(ids) + self.max_tokens <= room:
            return None
        return PromptTooLong(
            f"the conversation has {len(ids)} tokens, which with {self.max_tokens} for the answer is more than the "
            f"{room} that {self.name} reads; shorten the dialogue, lower max_tokens, or use a model that reads more"
        )

    @torch.inference_mode()
    def _generate(self, prompts: list[list[int]], seeds: list[int]) -> list[Completion]:
        longest, device, pad = max(map(len, prompts)), self.model.device, self.model.generation_config.pad_token_id
        output = self.model.generate(
            input_ids=torch.tensor([[pad] * (longest - len(ids)) + ids for ids in prompts], device=device),
            attention_mask=torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in prompts], device=device),
            do_sample=False,
            max_new_tokens=self.max_tokens,
            logits_processor=[SeededSampling(seeds, self.temperature, self.top_p)],
        )
        answers = output[:, longest:].tolist()
        return [self._completion(len(ids), answer) for ids, answer in zip(prompts, answers, strict=True)]

    def _completion(self, prompt_tokens: int, ids: list[int]) -> Completion:
        length = end_of(ids, end_tokens(self.model))
        answer = ids[:length]
        text = self.tokenizer.decode(answer, skip_special_tokens=True).strip()
        return Completion(text, prompt_tokens, len(answer), self.name, "length" if length is None else "stop")
