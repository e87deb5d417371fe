"""The chat format of any model by its own template: the text and tokens of a conversation, with the answers marked.

Works on a tokenizer and a template alone; no model or image is loaded. LLaVA-1.5 has a module of its own
(`mirror.models.llava_chat`), because the published model was trained on texts that no template writes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from mirror.models.llava_chat import IGNORED, IMAGE, Tokens

DATES = {"%d %b %Y": "01 Jan 2025", "%B %d, %Y": "January 01, 2025"}  # others as 2025-01-01
DATED = "{%- macro strftime_now(form) -%}{{ " + repr(DATES) + ".get(form, '2025-01-01') }}{%- endmacro -%}"
SLOT = "\ue000"  # stands for an answer while a template is rendered; of the private use area, so in no text
PROBE = "How are you?"


def undated(template: str) -> str:
    """The chat template; one that writes the date writes always the same, so that prompts stay as trained."""
    return f"{DATED}{template}" if "strftime_now" in template and not template.startswith(DATED) else template


@dataclass(frozen=True)
class Marked:
    """The text of a conversation, and where its answers are.

    Attributes:
        text: as the template writes it, up to the last answer's end.
        spans: first character and end of each answer with its end token.
    """

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Chat:
    """The chat format of one model.

    Attributes:
        tokenizer: of the model.
        template: the chat template (Jinja).
        image: how the template writes an image; empty for a model without eyes.
        options: for the template.
        where: the model, for messages.
    """

    tokenizer: PreTrainedTokenizerBase
    template: str
    image: str
    options: Mapping[str, Any]
    where: str

    # What the template does with an answer ----------------------------------------------------------------------------

    @cached_property
    def _around(self) -> tuple[str, str, bool]:
        """Blanks before an answer, the end token after it, and whether the template writes that token itself."""
        prompt, whole = self._prompt([PROBE]), self._render([PROBE], answered=True)
        if whole.count(SLOT) != 1 or not whole.startswith(prompt):
            raise ValueError(
                f"{self.where}: its chat template writes a conversation in another way once it is answered, so a model "
                "would be trained on other prompts than it is asked; this template cannot be used"
            )
        before, after = whole[len(prompt) :].split(SLOT)
        if before.strip():
            raise ValueError(
                f"{self.where}: its chat template writes {before!r} between a prompt and the answer; if these are "
                "empty thoughts, a record's template_options turn them off (mirror/models/families/records)"
            )
        for token in sorted(self._special, key=len, reverse=True):
            if after.startswith(token):
                return before, token, True
        if not isinstance(end := self.tokenizer.eos_token, str):
            raise ValueError(f"{self.where}: neither its chat template nor its tokenizer ends an answer")
        return before, end, False

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self.tokenizer.convert_tokens_to_ids(self._around[1]))

    @cached_property
    def _special(self) -> list[str]:
        added = self.tokenizer.added_tokens_decoder.values()
        written = {self.image} if self.image else set()
        return sorted(
            {*written, *self.tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
        )

    # Texts ------------------------------------------------------------------------------------------------------------

    def prompt(self, human: str) -> Marked:
        """The text after which the model answers `human`, in which `<image>` stands for the image."""
        return Marked(self._prompt([human]))

    def conversation(self, turns: Sequence[tuple[str, str]]) -> Marked:
        """The text of a conversation.

        Every answer follows the prompt that asks for it word by word. Templates that leave the empty thoughts of
        earlier answers out write a conversation of several turns differently; a single turn is the same.

        Args:
            turns: (human, answer) pairs.
        """
        before, end, is_written = self._around
        text, spans = "", []
        for number in range(len(turns)):
            prompt = self._prompt([human for human, _ in turns[: number + 1]])
            if number:
                prompt = prompt.rpartition(SLOT)[2]
                prompt = prompt.removeprefix(end) if is_written else prompt
            text += prompt
            start = len(text)
            text += f"{before}{self.plain(turns[number][1].strip())}{end}"
            spans.append((start, len(text)))
        return Marked(text, tuple(spans))

    def _prompt(self, humans: Sequence[str]) -> str:
        return self._render(humans, answered=False)

    def _render(self, humans: Sequence[str], answered: bool) -> str:
        """The template's text of a conversation in which every human turn but perhaps the last is answered."""
        answer = {"role": "assistant", "content": self._content(SLOT)}
        messages: list[dict[str, Any]] = []
        for human in humans:
            messages += [{"role": "user", "content": self._content(human)}, answer]
        text: str = self.tokenizer.apply_chat_template(
            messages if answered else messages[:-1],
            chat_template=self.template,
            tokenize=False,
            add_generation_prompt=not answered,
            **self.options,
        )
        return text

    def _content(self, text: str) -> str | list[dict[str, str]]:
        """The content of a message: its text, and the image as a part of its own where `text` says `<image>`."""
        pieces = [self.plain(piece.removeprefix("\n") if i else piece) for i, piece in enumerate(text.split(IMAGE))]
        if not self.image:
            return "".join(pieces)
        parts = []
        for number, piece in enumerate(pieces):
            parts += [{"type": "image"}] if number else []
            parts += [{"type": "text", "text": piece}] if piece else []
        return parts

    def plain(self, text: str) -> str:
        """The text with a blank in every special token that somebody said."""
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text

    # Tokens -----------------------------------------------------------------------------------------------------------

    def encode(self, marked: Marked, written_image: Callable[[], str]) -> Tokens:
        """Token ids, and the answers' as labels.

        Args:
            marked: of `prompt` or `conversation`.
            written_image: gives what the processor writes for the image, one mark per position.

        Raises:
            ValueError: a token reaches from a prompt into its answer, so that answering begins with half of it.
        """
        text, spans = marked.text, marked.spans
        if self.image and (place := text.find(self.image)) >= 0:
            written = written_image()
            more = len(written) - len(self.image)
            text = f"{text[:place]}{written}{text[place + len(self.image) :]}"
            spans = tuple((start + more * (start > place), end + more * (start > place)) for start, end in spans)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = [] if text.startswith(self.tokenizer.bos_token or SLOT) else self._first
        labels = [IGNORED] * len(ids)
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            span = next((span for span in spans if start < span[1] and end > span[0]), None)
            if span and start < span[0]:
                raise ValueError(
                    f"{self.where}: the token of {text[start:end]!r} reaches from the prompt into the answer, so its "
                    "chat template and tokenizer do not fit"
                )
            labels.append(token if span else IGNORED)
        return Tokens([*ids, *encoded["input_ids"]], labels)

    @property
    def needs_first(self) -> bool:
        """Whether the tokenizer puts a token before every text that the template does not write."""
        return bool(self._first) and not self._prompt([PROBE]).startswith(self.tokenizer.bos_token or SLOT)

    @cached_property
    def _first(self) -> list[int]:
        """The token that the tokenizer puts before every text that does not begin with it, if it does that."""
        begun: list[int] = self.tokenizer("", add_special_tokens=True)["input_ids"]
        return begun[:1] if begun[:1] == [self.tokenizer.bos_token_id] else []
