"""Prompts: the four variants, our own templates, dialogue and plan as text. Knows nothing of models or data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mirror.prompts.dialogue import format_dialogue, parse_dialogue
from mirror.prompts.expression import (
    FacialExpression,
    MissingDescription,
    expression_prompt,
    format_expression,
    parse_expression,
)
from mirror.prompts.induction import induce
from mirror.prompts.plan import TECHNIQUES, Plan, format_plan, format_steps, parse_plan
from mirror.prompts.portrait import negative_prompt, portrait_prompt, relevance_statement
from mirror.prompts.template import CountedTemplate, PromptSet, PromptTemplate
from mirror.prompts.utterance import Utterance, format_utterance, parse_utterance

__all__ = [
    "KINDS",
    "TECHNIQUES",
    "VARIANTS",
    "CountedTemplate",
    "FacialExpression",
    "MissingDescription",
    "Plan",
    "PromptSet",
    "PromptTemplate",
    "Utterance",
    "Variant",
    "expression_prompt",
    "format_dialogue",
    "format_expression",
    "format_plan",
    "format_steps",
    "format_utterance",
    "induce",
    "negative_prompt",
    "own_prompts",
    "own_template",
    "parse_dialogue",
    "parse_expression",
    "parse_plan",
    "parse_utterance",
    "portrait_prompt",
    "relevance_statement",
]

KINDS = ("response", "emotion_recognition", "planning")


@dataclass(frozen=True)
class Variant:
    """What a counselor does before it replies: caption the face first (`ec`), choose and keep a plan (`planning`)."""

    name: str
    ec: bool
    planning: bool

    @classmethod
    def of(cls, cot: str) -> Variant:
        """The variant of a declared name; a path or a model's name is none.

        Raises:
            ValueError: an unknown name; lists the known ones.
        """
        if cot not in VARIANTS:
            raise ValueError(f"unknown cot {cot!r}; the variants are: {', '.join(VARIANTS)}")
        return VARIANTS[cot]


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "base": Variant("base", ec=False, planning=False),
        "planning": Variant("planning", ec=False, planning=True),
        "ec": Variant("ec", ec=True, planning=False),
        "ec_planning": Variant("ec_planning", ec=True, planning=True),
    }
)


def own_template(kind: str, cot: str) -> PromptTemplate:
    """Our own template of a kind; only `response` differs between the variants.

    Raises:
        ValueError: an unknown kind or cot.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of prompt {kind!r}; the kinds are: {', '.join(KINDS)}")
    variant = Variant.of(cot)
    name = f"response.{variant.name}.txt" if kind == "response" else f"{kind}.txt"
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return PromptTemplate(kind, text.removesuffix("\n"))


FACE_LINES = "<image>\nThe image shows your client's face right now.\n"


def own_prompts(cot: str, face: bool = True) -> PromptSet:
    """Our own templates of the kinds that a variant asks for, for a model that was not trained on someone else's data.

    Without `face`, for a counselor that reads words only, the lines about the image are left out.

    Raises:
        ValueError: an unknown cot.
    """
    variant = Variant.of(cot)
    asked = {"response": True, "emotion_recognition": variant.ec, "planning": variant.planning}
    kinds = [kind for kind in KINDS if asked[kind]]
    templates = {kind: own_template(kind, cot) for kind in kinds}
    if not face:
        if variant.ec:
            raise ValueError(f"cot {cot} captions the face, and this counselor sees none; use base or planning")
        templates = {k: PromptTemplate(k, t.text.removeprefix(FACE_LINES)) for k, t in templates.items()}
    return PromptSet(
        templates={kind: (CountedTemplate(template, 0),) for kind, template in templates.items()},
        records=dict.fromkeys(kinds, 0),
    )
