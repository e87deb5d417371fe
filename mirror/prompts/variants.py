"""The four variants of a counselor, and our own prompt templates for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mirror.prompts.template import CountedTemplate, PromptSet, PromptTemplate

KINDS = ("response", "emotion_recognition", "planning")


@dataclass(frozen=True)
class Variant:
    """The steps of a counselor before its reply.

    Attributes:
        name: the declared name, the parameter `cot`.
        ec: whether it captions the face first (emotion captioning).
        planning: whether it chooses a CBT technique and a plan, and keeps them.
    """

    name: str
    ec: bool
    planning: bool

    @classmethod
    def of(cls, cot: str) -> Variant:
        """Return the variant of a declared name.

        Raises:
            ValueError: an unknown name; the message lists the known ones.
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
    """Return our own template of a kind; only `response` differs between the variants.

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
    """Return the templates that a counselor of this variant needs and the set lacks, one sentence per kind.

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
    """Add our own templates for plans and captions that the variant needs and the data lack.

    The published planning sets contain no records of planning: plans occur only in the prompts of replies. The model
    then plans and captions without fine-tuning, as well as its base model can. Techniques are spelled as in the data. A
    missing template of replies is not added: such a model was not trained to counsel.

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
    """Return our own templates of the kinds that a variant needs, for a model that was not fine-tuned on other prompts.

    Args:
        cot: the name of a variant.
        face: whether the counselor sees the face; otherwise the lines about the image are omitted.

    Raises:
        ValueError: an unknown cot, or captions without a face.
    """
    variant = Variant.of(cot)
    asked = {"response": True, "emotion_recognition": variant.ec, "planning": variant.planning}
    kinds = [kind for kind in KINDS if asked[kind]]
    templates = {kind: own_template(kind, cot) for kind in kinds}
    if not face:
        if variant.ec:
            raise ValueError(f"cot {cot} captions the face, but this counselor sees no face; use base or planning")
        templates = {k: PromptTemplate(k, t.text.removeprefix(FACE_LINES)) for k, t in templates.items()}
    return PromptSet(
        templates={kind: (CountedTemplate(template, 0),) for kind, template in templates.items()},
        records=dict.fromkeys(kinds, 0),
    )
