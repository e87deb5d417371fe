"""The four variants of a counselor and our own prompt templates for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mirror.prompts.template import CountedTemplate, PromptSet, PromptTemplate

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


def lacking(prompts: PromptSet, cot: str) -> list[str]:
    """What a counselor of this variant would need and the set does not have, a sentence per kind of prompt.

    Raises:
        ValueError: an unknown cot.
    """
    faults = []
    for kind, own in own_prompts(cot).templates.items():
        try:
            prompts.template(kind, own[0].template.fields)
        except ValueError as error:
            faults.append(str(error))
    return faults


def completed(prompts: PromptSet, cot: str) -> PromptSet:
    """The set, with our own template for a plan or a caption that the variant asks for and no record of the data does.

    The published planning sets have no record that asks for a plan: the plan stands in the prompts of the replies. The
    model then plans, and captions, as far as its base model can without fine-tuning. Techniques are named in the data's
    spelling. A reply that no record asks for is not filled in: such a model has not learned to counsel.

    Raises:
        ValueError: an unknown cot.
    """
    added = {
        kind: (CountedTemplate(PromptTemplate(kind, prompts.forms.respelled(own[0].template.text)), 0),)
        for kind, own in own_prompts(cot).templates.items()
        if kind not in prompts.templates and kind != "response"
    }
    records = dict(prompts.records) | dict.fromkeys(added, 0)
    return replace(prompts, templates=dict(prompts.templates) | added, records=records)


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
