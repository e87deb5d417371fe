"""Caveats of a comparison: damaged or missing sessions, several per client, other settings or prompts, unused ratings.

The prompts of different variants differ in fields (`technique`, `plan`, `client_emotional_state`) and kinds
(`planning`, `emotion_recognition`). Only the parts that two arms share are compared.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from mirror.counseling.settings import CounselSettings
from mirror.natural_order import natural_key
from mirror.prompts import KINDS, PromptSet, PromptTemplate
from mirror.rating.ratings import read_ratings
from mirror.transcripts.arm import Arm
from mirror.transcripts.integrity import run_faults
from mirror.transcripts.session_name import client_of, session_name

IMAGE = "<image>"
LONGEST = 90  # characters of a prompt that a caveat quotes

# Settings that may differ between arms, as they define the counselor. Of the prompts, the wording is compared.
COUNSELOR = frozenset(
    "counselor size cot checkpoint base_model revision counselor_model counselor_url untrained_model untrained_url "
    "sees_face face faces_from temperature top_p max_new_tokens planning_max_tokens context precision prompts "
    "configuration".split()
)


MACHINE = CounselSettings.MACHINE - {"sessions_per_client"}  # a client's value is the mean of another number of them
DEFAULTS = CounselSettings.defaults()  # of settings that runs begun before them lack


class StudyError(ValueError):
    """Arms that cannot be compared. The message says why, and what to do."""


def without_damage(arms: Sequence[Arm], damaged: Literal["refuse", "exclude"]) -> list[Arm]:
    """Returns the arms without their damaged sessions: those whose files are not as they were written.

    Raises:
        StudyError: there are damaged sessions, and they are to be refused.
    """
    sound, faults = [], []
    for arm in arms:
        checked = run_faults(arm.folder, thorough=False, without_faces=True)
        found = {name: of_session for name, of_session in checked if of_session}
        faults += [fault for of_session in found.values() for fault in of_session]
        sound.append(replace(arm, excluded=frozenset(found)))
    if faults and damaged == "refuse":
        listed = "\n".join(f"  {fault}" for fault in faults[:20])
        raise StudyError(
            f"{len(faults)} faults in the files of the sessions:\n{listed}\nrestore the files, or leave these sessions "
            "out: -p damaged exclude"
        )
    return sound


class Difference(NamedTuple):
    """The first part in which two templates differ: its name and its two texts."""

    part: str
    first: str
    second: str


def other_settings(arms: Sequence[Arm]) -> list[str]:
    """Lists a caveat for each arm whose settings differ from the first arm's in more than the counselor.

    Replays are compared with the first replay.
    """
    found = []
    counseled, replayed = ([arm for arm in arms if bool(arm.replays) is is_replay] for is_replay in (False, True))
    for first, arm in ((of_kind[0], arm) for of_kind in (counseled, replayed) for arm in of_kind[1:]):
        names = (first.settings.keys() | arm.settings.keys()) - COUNSELOR - MACHINE - {"run"}
        one, other = (DEFAULTS | run.settings for run in (first, arm))
        differing = [
            f"{name} is {one.get(name)!r} in {first.name} and {other.get(name)!r} in {arm.name}"
            for name in sorted(names)
            if one.get(name) != other.get(name)
        ]
        if differing:
            found.append(f"{first.name} and {arm.name} differ in more than the counselor: {'; '.join(differing)}.")
    return found


def missing_sessions(arm: Arm, ended: Mapping[str, str], everyone: Sequence[str]) -> list[str]:
    """Lists a caveat each for damaged sessions, clients without a session, and sessions that are not complete.

    Args:
        arm: the run.
        ended: the status of its sessions, by name.
        everyone: the clients of all arms.
    """
    found = []
    if arm.excluded:
        names = listed(sorted(arm.excluded, key=natural_key))
        found.append(f"Damaged sessions of {arm.name} are left out: {names}.")
    clients = dict.fromkeys(map(client_of, ended))
    if missing := [idx for idx in everyone if idx not in clients]:
        found.append(f"{arm.name} lacks {len(missing)} of {len(everyone)} clients ({listed(missing)}).")
    names_due = [session_name(idx, number) for idx in clients for number in range(1, arm.per_client + 1)]
    if broken := [name for name in names_due if ended.get(name) != "complete"]:
        are, count, them = ("is", "counts", "it") if len(broken) == 1 else ("are", "count", "them")
        found.append(
            f"{len(broken)} of {len(names_due)} sessions of {arm.name} {are} not complete ({listed(broken)}) "
            f"and {count} as missing; run counsel.ipynb again to complete {them}."
        )
    return found


def several_sessions(arms: Sequence[Arm], session: int) -> list[str]:
    """Lists what a client's value is, if clients of some arm had several sessions.

    Args:
        arms: the runs.
        session: the number of the sessions that count; 0: all.
    """
    if all(arm.per_client == 1 for arm in arms):
        return []
    if session:
        return [f"Only session {session} of each client counts (parameter session)."]
    had = ", ".join(f"{arm.per_client} in {arm.name}" for arm in arms)
    return [
        f"Clients had several sessions ({had}): a client's value is the mean of its own, and counts if all of them are "
        "complete; a rated change is from the start of the first to the end of the last one."
    ]


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def recorded_clients(arms: Sequence[Arm]) -> list[str]:
    """Lists a caveat for each arm that answers recorded clients."""
    found = []
    for arm in (arm for arm in arms if arm.replays):
        others = [other.name for other in arms if not other.replays and other.folder.name != arm.replays]
        strangers = f"; the clients of {', '.join(others)} said something else" if others else ""
        found.append(
            f"{arm.name} answers the recorded client turns of {arm.replays}: clients did not react to its replies, so "
            f"only replies are compared{strangers}."
        )
    return found


def unused_ratings(arms: Sequence[Arm], instruments: Collection[str]) -> list[str]:
    """Lists a caveat if runs were rated by instruments that this analysis does not know.

    Args:
        arms: the runs.
        instruments: names of the known instruments.

    Raises:
        JsonLinesError: the ratings of a run are damaged.
    """
    rated = {name for arm in arms for name in read_ratings(arm.folder)["instrument"]}
    unknown = sorted(rated - set(instruments))
    if not unknown:
        return []
    return [f"Ratings by {', '.join(unknown)} are left out: name the instrument's file in the parameter instruments."]


def different_prompts(arms: Sequence[Arm]) -> list[str]:
    """Lists a caveat for each arm whose prompts are worded differently from the first arm's, or were not recorded.

    Raises:
        ValueError: the recorded prompts of a run are damaged.
    """
    known = [arm for arm in arms if _facts(arm)]
    found = []
    for arm in known[1:]:
        if differing := _compared(known[0], arm):
            names = f"{known[0].name} and {arm.name}"
            found.append(f"{names} were asked with different prompts{_origins(known[0], arm)}: {differing}.")
    if known and len(known) < len(arms):
        unknown = ", ".join(arm.name for arm in arms if arm not in known)
        found.append(f"The prompts of {unknown} were not recorded, so they may differ from those of {known[0].name}.")
    return found


def _facts(arm: Arm) -> dict[str, Any]:
    """The recorded facts about the counselor's prompts; empty if the run recorded none."""
    facts = (arm.provenance.get("cast") or {}).get("counselor") or {}
    return facts if facts.get("prompts") or facts.get("prompts_sha256") else {}


def _origins(one: Arm, other: Arm) -> str:
    """Where the prompts of two arms come from, if that was recorded and differs."""
    origins = [_facts(arm).get("prompts_from") for arm in (one, other)]
    if not all(origins) or origins[0] == origins[1]:
        return ""
    return f" ({one.name}: {origins[0]}; {other.name}: {origins[1]})"


def _compared(one: Arm, other: Arm) -> str:
    """What differs between the prompts of two arms, in words; empty if nothing does."""
    first, second = _facts(one), _facts(other)
    if first.get("prompts_sha256") and first.get("prompts_sha256") == second.get("prompts_sha256"):
        return ""
    if not (first.get("prompts") and second.get("prompts")):
        is_same_variant = one.settings["cot"] == other.settings["cot"]
        return "only their digests were recorded, and those differ" if is_same_variant else ""
    sets = [PromptSet.from_json(facts["prompts"]) for facts in (first, second)]
    phrases = []
    for kind in KINDS:
        a, b = ([counted.template for counted in prompts.templates.get(kind, ())] for prompts in sets)
        pairs = [differing_part(first_template, second_template) for first_template in a for second_template in b]
        differences = [difference for difference in pairs if difference]
        if pairs and len(differences) == len(pairs):  # no template of one arm has the wording of one of the other
            phrases.append(_quoted(kind, differences[0], one.name, other.name))
    return "; ".join(phrases)


def _quoted(kind: str, found: Difference, one: str, other: str) -> str:
    return f"{found.part} of the {kind} prompt is {_short(found.first)} in {one} and {_short(found.second)} in {other}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= LONGEST else words[:LONGEST] + " …")


def differing_part(one: PromptTemplate, other: PromptTemplate) -> Difference | None:
    """Finds the first part in which two templates of a kind differ; None if they agree.

    Compared are the order of the shared fields, the text before the first field, the text after the last one, and the
    text before each shared field. Of that text only the last line is compared if a field that only one template has
    stands before it, or if only one template has an image.
    """
    shared = set(one.fields) & set(other.fields)
    first_order, second_order = ([name for name in template.fields if name in shared] for template in (one, other))
    if first_order != second_order:
        return Difference("the order of the fields", ", ".join(first_order), ", ".join(second_order))
    first, second = _parts(one), _parts(other)
    if (IMAGE in one.text) != (IMAGE in other.text):
        first, second = _last_lines(first), _last_lines(second)
    for (before, name), text in first.items():
        if name not in shared and name:
            continue
        if (before, name) in second:
            texts = text, second[before, name]
        else:
            texts = _text_before(name, first), _text_before(name, second)
        if texts[0].split() != texts[1].split():
            return Difference(_part_name(before, name), *texts)
    return None


def _parts(template: PromptTemplate) -> dict[tuple[str, str], str]:
    """The text between neighboring fields, by their names; the empty name is the beginning or the end."""
    constants, names = template.parts
    return dict(zip(pairwise(["", *names, ""]), constants, strict=True))


def _last_lines(parts: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    return {fields: _last_line(text) for fields, text in parts.items()}


def _text_before(name: str, parts: dict[tuple[str, str], str]) -> str:
    """The line that introduces a field."""
    return _last_line(next(text for (_, field), text in parts.items() if field == name))


def _last_line(text: str) -> str:
    lines = [line for line in text.replace(IMAGE, "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _part_name(before: str, name: str) -> str:
    if not (before or name):
        return "the text"
    if not name:
        return "the end"
    return f"the text before {name}" if before else "the beginning"
