"""Caveats of a comparison: damaged or missing sessions, several per client, other settings, unused ratings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal

from mirror.counseling.settings import CounselSettings
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.rating.instrument import Instrument
from mirror.rating.ratings import read_ratings
from mirror.rating.revision.versions import changes
from mirror.transcripts.arm import Arm
from mirror.transcripts.integrity import run_faults
from mirror.transcripts.session_name import client_of, session_name

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


def refuse_strangers(arms: Sequence[Arm], clients: Sequence[str]) -> None:
    """Refuses arms in which one idx names two persons.

    Args:
        arms: the runs.
        clients: those whom every arm has.

    Raises:
        StudyError: naming them.
    """
    for one, other in combinations(arms, 2):
        known = [idx for idx in clients if idx in one.persons and idx in other.persons]
        if differing := [idx for idx in known if one.person(idx) != other.person(idx)]:
            raise StudyError(
                f"{listed(differing)}: another person in {display_path(one.folder)} than in "
                f"{display_path(other.folder)}; compare runs of the same clients"
            )


def refuse_other_scales(arms: Sequence[Arm], instruments: Sequence[Instrument]) -> None:
    """Refuses ratings that were given on another scale, or of other items, than the instruments have now.

    Raises:
        StudyError: naming the runs, and what to do.
        JsonLinesError: the ratings of a run are damaged.
    """
    faults = [change.refusal for arm in arms for change in changes(arm.folder, instruments) if change.refusal]
    if faults:
        raise StudyError("\n".join(faults))


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


def caveats_of_ratings(arms: Sequence[Arm], instruments: Sequence[Instrument]) -> list[str]:
    """Lists a caveat if runs were rated by instruments that this analysis does not know, or by others in words.

    Args:
        arms: the runs.
        instruments: the known instruments.

    Raises:
        JsonLinesError: the ratings of a run are damaged.
    """
    rated = {name for arm in arms for name in read_ratings(arm.folder)["instrument"]}
    unknown = sorted(rated - {instrument.name for instrument in instruments})
    found = [change.caveat for arm in arms for change in changes(arm.folder, instruments) if change.caveat]
    if unknown:
        names = ", ".join(unknown)
        found.append(f"Ratings by {names} are left out: name the instrument's file in the parameter instruments.")
    return found
