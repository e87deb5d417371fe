"""Whether the counselors of two arms were asked in the same words, by the prompts that their runs recorded.

Counselors of different variants are asked for different things, so their prompts differ in fields (`technique`, `plan`,
`client_emotional_state`) and kinds (`planning`, `emotion_recognition`). Only what two arms share is compared.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mirror.prompts import KINDS, PromptSet, PromptTemplate
from mirror.transcripts.arm import Arm

IMAGE = "<image>"
LONGEST = 90  # characters of a prompt that a caveat quotes


def different_prompts(arms: Sequence[Arm]) -> list[str]:
    """A caveat for each arm whose prompts are worded otherwise than the first arm's, and for prompts not recorded.

    Raises:
        ValueError: a run recorded prompts that are none.
    """
    known = [arm for arm in arms if _facts(arm)]
    found = []
    for arm in known[1:]:
        if told := _compared(known[0], arm):
            found.append(
                f"{known[0].name} and {arm.name} were asked with different prompts{_origins(known[0], arm)}: {told}."
            )
    if known and len(known) < len(arms):
        unknown = ", ".join(arm.name for arm in arms if arm not in known)
        found.append(f"The prompts of {unknown} were not recorded, so they may differ from those of {known[0].name}.")
    return found


def _facts(arm: Arm) -> dict[str, Any]:
    """What the counselor's prompts were; empty where the run recorded none."""
    facts = (arm.provenance.get("cast") or {}).get("counselor") or {}
    return facts if facts.get("prompts") or facts.get("prompts_sha256") else {}


def _origins(one: Arm, other: Arm) -> str:
    """Where the prompts of two arms come from, if they say so and differ in it."""
    origins = [_facts(arm).get("prompts_from") for arm in (one, other)]
    if not all(origins) or origins[0] == origins[1]:
        return ""
    return f" ({one.name}: {origins[0]}; {other.name}: {origins[1]})"


def _compared(one: Arm, other: Arm) -> str:
    """What differs between the prompts of two arms, in words; empty where nothing does."""
    first, second = _facts(one), _facts(other)
    if first.get("prompts_sha256") and first.get("prompts_sha256") == second.get("prompts_sha256"):
        return ""
    if not (first.get("prompts") and second.get("prompts")):
        is_same_variant = one.settings["cot"] == other.settings["cot"]
        return "only their digests were recorded, and those differ" if is_same_variant else ""
    sets = [PromptSet.from_json(facts["prompts"]) for facts in (first, second)]
    told = []
    for kind in KINDS:
        templates = [[counted.template for counted in prompts.templates.get(kind, ())] for prompts in sets]
        if all(templates):
            pairs = [differing_part(a, b) for a in templates[0] for b in templates[1]]
            if all(pairs):
                told.append(_quoted(kind, pairs[0], one.name, other.name))
    return "; ".join(told)


def _quoted(kind: str, parts: tuple[str, str, str], one: str, other: str) -> str:
    what, first, second = parts
    return f"{what} of the {kind} prompt is {_short(first)} in {one} and {_short(second)} in {other}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= LONGEST else words[:LONGEST] + " …")


def differing_part(one: PromptTemplate, other: PromptTemplate) -> tuple[str, str, str] | None:
    """The first part in which two templates of a kind differ: its name and its two texts; None where they agree.

    Compared are the order of the fields that both have, the text before the first field, the text after the last one,
    and what introduces each shared field. Where a field that only one template has stands before a shared one, only the
    line that introduces the shared field is compared. What is said of the face is not, where one template has none.
    """
    shared = set(one.fields) & set(other.fields)
    orders = [[name for name in template.fields if name in shared] for template in (one, other)]
    if orders[0] != orders[1]:
        return "the order of the fields", *(", ".join(names) for names in orders)
    first, second = _parts(one), _parts(other)
    if (IMAGE in one.text) != (IMAGE in other.text):
        first, second = ({name: _last_line(name[1], text) for name, text in its.items()} for its in (first, second))
    for (before, name), text in first.items():
        if name not in shared and name:
            continue
        if (before, name) in second:
            texts = text, second[before, name]
        else:
            texts = tuple(
                _last_line(name, next(t for (_, n), t in its.items() if n == name)) for its in (first, second)
            )
        if texts[0].split() != texts[1].split():
            return _part_name(before, name), *texts
    return None


def _parts(template: PromptTemplate) -> dict[tuple[str, str], str]:
    """The text between each two neighbouring fields; the empty name stands for the beginning and for the end."""
    constants, names = template.parts
    return dict(zip(pairwise(["", *names, ""]), constants, strict=True))


def _last_line(name: str, text: str) -> str:
    """The line that introduces a field; of the end, the last line."""
    lines = [line for line in text.replace(IMAGE, "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _part_name(before: str, name: str) -> str:
    if not (before or name):
        return "the text"
    if not name:
        return "the end"
    return f"the text before {name}" if before else "the beginning"
