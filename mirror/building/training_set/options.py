"""How training records are written: the window, the prompts of each variant, plans, and the names of pictures."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mirror.models.checkpoint import read_prompts
from mirror.paths import input_path, output_path
from mirror.prompts import VARIANTS, PromptSet, completed, lacking, own_prompts

SHORTEST = 8  # characters of a line that is taken for one of the prompt
WINDOW = 16  # utterances, as the counselor reads
IMAGE_NAME = "turn:{turn}_{portrait}.png"  # as published; Windows cannot store the colon


def own_prompt_sets() -> dict[str, PromptSet]:
    """Return the project's own prompts of each variant."""
    return {cot: own_prompts(cot) for cot in VARIANTS}


def read_prompt_sets(source: str) -> dict[str, PromptSet]:
    """Return the prompts of each variant from a file or a checkpoint's folder.

    Args:
        source: the path, relative to the output folder or the repository; `{cot}` in it stands for the variant's name.
            One file may serve all variants if it holds the reply templates of each. Empty for the project's own.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the prompts lack what a variant needs; all faults at once.
    """
    if not source:
        return own_prompt_sets()
    found, faults = {}, []
    for cot in VARIANTS:
        name = source.replace("{cot}", cot)
        written = output_path(name)
        found[cot] = completed(read_prompts(written if written.exists() else input_path(name)), cot)
        faults += [f"{name}: does not fit {cot}: {fault}" for fault in lacking(found[cot], cot)]
    if faults:
        raise ValueError("\n".join([*faults, "name a set with the reply templates of all variants, or none"]))
    return found


@dataclass(frozen=True)
class RecordOptions:
    """How records are written.

    Attributes:
        window: number of utterances that a prompt shows, from the end of the dialogue, at least 1.
        prompts: the templates of each variant.
        plan_records: whether the planning variants ask for the plan once per dialogue. No published record does.
        plan_when_silent: whether technique and plan stand in prompts before the client has spoken. The counselor has no
            plan then, so the fields are empty otherwise.
        image_name: the file of a picture in the dialogue's folder; `{turn}` is the position of the client's line,
            `{portrait}` the portrait's name.

    Raises:
        ValueError: `window` is below 1, or `image_name` is no file name with `{turn}`.
    """

    window: int = WINDOW
    prompts: Mapping[str, PromptSet] = field(default_factory=own_prompt_sets)
    plan_records: bool = True
    plan_when_silent: bool = False
    image_name: str = IMAGE_NAME

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window: must be at least 1 utterance, found {self.window}")
        if problem := _name_problem(self.image_name):
            raise ValueError(f"image_name: {problem}, found {self.image_name!r}; for example {IMAGE_NAME}")

    @cached_property
    def prompt_lines(self) -> tuple[str, ...]:
        """The constant lines of all templates, at least `SHORTEST` characters long; a value must not repeat one."""
        templates = (c.template for found in self.prompts.values() for of in found.templates.values() for c in of)
        lines = (line.strip() for template in templates for part in template.parts[0] for line in part.split("\n"))
        return tuple(sorted({line for line in lines if len(line) >= SHORTEST}))


def _name_problem(name: str) -> str:
    """Say why a text is no pattern for the names of pictures; empty if it is one."""
    try:
        parts = list(string.Formatter().parse(name))
    except ValueError as error:
        return f"is no pattern ({error})"
    fields = [(field_name, form, conversion) for _, field_name, form, conversion in parts if field_name is not None]
    if unknown := [name for name, form, conversion in fields if name not in ("turn", "portrait") or form or conversion]:
        return f"knows {{turn}} and {{portrait}}, not {{{unknown[0]}}}"
    if "turn" not in (name for name, _, _ in fields):
        return "must contain {turn}, or all pictures of a dialogue had one name"
    if any(mark in name for mark in "/\\\0") or name.startswith("."):
        return "must be the name of a file, without folders"
    return ""
