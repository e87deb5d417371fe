"""What is said to a chat model and what it answers, without its reasoning. Knows nothing of where the model runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL import Image


@dataclass(frozen=True)
class Message:
    """One message of a conversation; its images stand before its words."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A model's answer.

    Attributes:
        text: without the model's reasoning; never blank from an endpoint; a local model may end at once.
        prompt_tokens, completion_tokens: None where an endpoint does not count.
        model: the model as it names itself.
        finish_reason: `stop` at its own end, `length` where it was cut off.
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    finish_reason: str


class NoAnswer(RuntimeError):
    """A model gave nothing that is an answer, only reasoning; asked again it may do better."""


class ChatModel(Protocol):
    """A model behind an endpoint or in this process."""

    name: str

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        """An answer to each conversation; one that failed is an exception in its place.

        `max_tokens` replaces the model's own limit on the tokens of an answer, for this call.
        """

    def facts(self) -> Mapping[str, Any]:
        """What answers, and how it samples: for the record of a run."""


def total(tokens: Sequence[int | None]) -> int | None:
    """The sum of the counts that are there; None where nothing was counted."""
    counted = [number for number in tokens if number is not None]
    return sum(counted) if counted else None


# Reasoning ------------------------------------------------------------------------------------------------------------

# <think>, <thinking>, <thought>, <reasoning>, <seed:think>; [THINK] (Magistral); ◁think▷ (Kimi); <|begin_of_thought|>;
# <|START_THINKING|> (Command); <|channel>thought … <channel|> (Gemma).
_TAG = re.compile(
    r"<\s{0,3}(?P<a>/?)\s{0,3}(?:\w{1,20}:)?(?:think(?:ing)?|thoughts?|reasoning)(?:\s[^<>]{0,200}?)?(?P<alone>/?)>"
    r"|\[(?P<b>/?)THINK\]|◁(?P<c>/?)think▷|<\|(?:begin|(?P<d>end))_of_thought\|>|<\|(?:start|(?P<e>end))_thinking\|>"
    r"|<\|channel>thoughts?|(?P<f><channel\|>)",
    re.IGNORECASE,
)
_CLOSINGS = ("a", "b", "c", "d", "e", "f")
# gpt-oss: <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(\w+)[^<]{0,200}(?:<\|constrain\|>[^<]{0,50})?(?:<\|message\|>)?", re.IGNORECASE
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>", re.IGNORECASE)
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z\"'(])")  # the same where the marks were dropped: analysisWe need …
_BARE_FINAL = "assistantfinal"


@dataclass(frozen=True)
class Spoken:
    """What of a model's text is its answer.

    Attributes:
        words: the answer, without blanks around it.
        reasoning: empty where there was none; `cut off` where it did not end; `unopened` where its beginning must
            stand in the prompt; else `closed`.
    """

    words: str
    reasoning: Literal["", "closed", "unopened", "cut off"] = ""


def without_reasoning(text: str, cut_off: bool = False) -> Spoken:
    """What of `text` is the answer: reasoning is none, in whatever tags it stands.

    A block from an opening to the next closing tag is reasoning. So is all before a closing tag that was never opened,
    since chat templates put the opening one into the prompt. An opening tag that is never closed begins reasoning
    where it begins a line, or where the text was `cut_off`; in the midst of a line of a text that ended by itself it is
    a word like any other ("I think <think> is a tag").
    """
    of_channel = _of_channels(text)
    if of_channel:
        inner = without_reasoning(of_channel.words, cut_off)
        return Spoken(inner.words, inner.reasoning or of_channel.reasoning)
    tags = list(_TAG.finditer(text))
    last_closing = max((place for place, tag in enumerate(tags) if _closes(tag)), default=-1)
    kept, start, is_inside = [], 0, False
    reasoning: Literal["", "closed", "unopened", "cut off"] = ""
    for place, tag in enumerate(tags):
        if _closes(tag):
            if not is_inside:
                kept, reasoning = [], "unopened"
            is_inside, start = False, tag.end()
        elif not is_inside and (tag["alone"] or place < last_closing or cut_off or _begins_line(text, tag)):
            kept.append(text[start : tag.start()])
            is_inside, start, reasoning = not tag["alone"], tag.end(), reasoning or "closed"
    if is_inside:
        return Spoken("".join(kept).strip(), "cut off")
    return Spoken("".join([*kept, text[start:]]).strip(), reasoning)


def opened_reasoning(prompt: str) -> str:
    """The opening tag that `prompt` ends in, so that the answer begins as reasoning; empty where it ends in none."""
    last = next(reversed(list(_TAG.finditer(prompt))), None)
    if last and not _closes(last) and not last["alone"] and not prompt[last.end() :].strip():
        return last[0]
    channel = next(reversed(list(_CHANNEL.finditer(prompt))), None)
    return channel[0] if channel and not prompt[channel.end() :].strip() else ""


def _closes(tag: re.Match[str]) -> bool:
    return any(tag[name] for name in _CLOSINGS)


def _begins_line(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag is the first of its line; `[think]` in small letters is a client's cue."""
    start = tag.start()
    while start and text[start - 1] != "\n" and text[start - 1].isspace():
        start -= 1
    return (not start or text[start - 1] == "\n") and tag[0] != "[think]"


def _of_channels(text: str) -> Spoken | None:
    """The `final` channel of a text in gpt-oss's form; None for any other text."""
    channels = list(_CHANNEL.finditer(text))
    if channels:
        ends = [_CHANNEL_END.search(text, channel.end()) for channel in channels]
        bodies = [text[c.end() : end.start() if end else None] for c, end in zip(channels, ends, strict=True)]
        finals = [body.strip() for c, body in zip(channels, bodies, strict=True) if c[1].lower() == "final"]
        return Spoken("\n".join(finals), "closed" if finals else "cut off")
    if _BARE_FINAL in text:
        return Spoken(text.rpartition(_BARE_FINAL)[2].strip(), "closed")
    return Spoken("", "cut off") if _BARE_ANALYSIS.match(text) else None
