"""Separates a chat model's answer from its reasoning, whatever tags mark the reasoning."""

import re
from dataclasses import dataclass
from typing import Literal

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
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z\"'(])")  # the same with its special tokens removed: analysisWe need …
_BARE_FINAL = "assistantfinal"

ReasoningState = Literal["", "closed", "unopened", "cut off"]


@dataclass(frozen=True)
class AnswerText:
    """A model's text without its reasoning.

    Attributes:
        text: The answer, stripped of surrounding whitespace.
        reasoning: Empty if the text had no reasoning; `cut off` if the reasoning never ended; `unopened` if its opening
            tag is missing and so must be in the prompt; `closed` otherwise.
    """

    text: str
    reasoning: ReasoningState = ""


def without_reasoning(text: str, cut_off: bool = False) -> AnswerText:
    """Removes the reasoning from a model's text.

    A block from an opening to the next closing tag is reasoning. So is everything before a closing tag without an
    opening one, because chat templates put the opening tag into the prompt. An opening tag that is never closed starts
    reasoning at the start of a line, or if the text was cut off; in the middle of a line of a complete text it is an
    ordinary word ("I think <think> is a tag").

    Args:
        text: The model's text.
        cut_off: Whether the text ended at the token limit.

    Returns:
        The answer, and the state of the reasoning that was removed.
    """
    of_channel = _final_channel(text)
    if of_channel:
        inner = without_reasoning(of_channel.text, cut_off)
        return AnswerText(inner.text, inner.reasoning or of_channel.reasoning)
    tags = list(_TAG.finditer(text))
    last_closing = max((place for place, tag in enumerate(tags) if _closes(tag)), default=-1)
    kept: list[str] = []
    start, is_inside = 0, False
    reasoning: ReasoningState = ""
    for place, tag in enumerate(tags):
        if _closes(tag):
            if not is_inside:
                kept, reasoning = [], "unopened"
            is_inside, start = False, tag.end()
        elif not is_inside and (tag["alone"] or place < last_closing or cut_off or _begins_line(text, tag)):
            kept.append(text[start : tag.start()])
            is_inside, start, reasoning = not tag["alone"], tag.end(), reasoning or "closed"
    if is_inside:
        return AnswerText("".join(kept).strip(), "cut off")
    return AnswerText("".join([*kept, text[start:]]).strip(), reasoning)


def opened_reasoning(prompt: str) -> str:
    """Returns the opening tag at the end of `prompt`, after which an answer starts as reasoning; empty if none."""
    last = next(reversed(list(_TAG.finditer(prompt))), None)
    if last and not _closes(last) and not last["alone"] and not prompt[last.end() :].strip():
        return last[0]
    channel = next(reversed(list(_CHANNEL.finditer(prompt))), None)
    return channel[0] if channel and not prompt[channel.end() :].strip() else ""


def _closes(tag: re.Match[str]) -> bool:
    return any(tag[name] for name in _CLOSINGS)


def _begins_line(text: str, tag: re.Match[str]) -> bool:
    """Returns whether the tag is the first on its line; lower-case `[think]` is a client's cue and no tag."""
    start = tag.start()
    while start and text[start - 1] != "\n" and text[start - 1].isspace():
        start -= 1
    return (not start or text[start - 1] == "\n") and tag[0] != "[think]"


def _final_channel(text: str) -> AnswerText | None:
    """Returns the `final` channel of a text in gpt-oss's format; None for any other text."""
    channels = list(_CHANNEL.finditer(text))
    if channels:
        ends = [_CHANNEL_END.search(text, channel.end()) for channel in channels]
        bodies = [text[c.end() : end.start() if end else None] for c, end in zip(channels, ends, strict=True)]
        finals = [body.strip() for c, body in zip(channels, bodies, strict=True) if c[1].lower() == "final"]
        return AnswerText("\n".join(finals), "closed" if finals else "cut off")
    if _BARE_FINAL in text:
        return AnswerText(text.rpartition(_BARE_FINAL)[2].strip(), "closed")
    return AnswerText("", "cut off") if _BARE_ANALYSIS.match(text) else None
