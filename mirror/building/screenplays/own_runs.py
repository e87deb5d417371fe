"""Sessions of this software's own counseling runs as screenplays, with the faces that the counselor saw."""

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirror.building.dropped import Dropped, Sifted
from mirror.building.portrait import Portrait
from mirror.building.screenplays.acceptance import parse_rule, refusals
from mirror.building.screenplays.screenplay import ClientInfo, Line, Screenplay
from mirror.paths import display_path, input_path, output_path
from mirror.transcripts.arm import Arm, ArmError, arm_faults
from mirror.transcripts.integrity import run_faults
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

PERSONALITY = {
    "emotional": "Emotional Resistance",
    "cognitive": "Cognitive Resistance",
    "behavioral": "Behavioral Resistance",
    "none": "No Resistance",
}
GENDERS = {"woman": "woman", "female": "woman", "man": "man", "male": "man"}


def read_runs(patterns: str, accept: str) -> Sifted[Screenplay]:
    """Read the accepted sessions of counseling runs.

    A turn gives a client's line (its cue and words) and, if there is one, the counselor's reply. The client's picture
    is the face that the counselor saw; a turn without an accepted face has none, and is dropped as a turn.

    Args:
        patterns: folders of runs, with commas; `*` stands for any part of a name: `results/mirror-*`.
        accept: the rule of `mirror.building.screenplays.acceptance`; empty accepts every complete session.

    Returns:
        One screenplay per session, `<run>-<idx>`, sorted by idx.

    Raises:
        ValueError: the rule is invalid, a pattern fits no folder, a folder is no counseling run, or two have one name.
    """
    terms = parse_rule(accept)
    kept: list[Screenplay] = []
    dropped: list[Dropped] = []
    for folder in _folders(patterns):
        damaged = {name: faults for name, faults in run_faults(folder) if faults}
        arm = replace(Arm.read(folder), excluded=frozenset(damaged))
        dropped += [_dropped(folder, name, "damaged", "; ".join(faults[:3])) for name, faults in damaged.items()]
        refused = refusals(arm, terms)
        for session in arm.sessions:
            name = session.folder.name
            if reason := _incomplete(session):
                dropped.append(_dropped(folder, name, "not_complete", reason))
            elif name in refused:
                dropped.append(_dropped(folder, name, "not_accepted", refused[name]))
            else:
                screenplay, faults = _read(folder, session)
                dropped += faults
                kept += [screenplay] if screenplay else []
    return Sifted(
        tuple(sorted(kept, key=lambda one: one.idx)),
        tuple(sorted(dropped, key=lambda one: (one.idx, -1 if one.line is None else one.line))),
    )


def _folders(patterns: str) -> list[Path]:
    """The folders of the runs, each once, in the order of their names."""
    found: set[Path] = set()
    faults = []
    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        folders = [path.resolve() for path in _matches(pattern) if path.is_dir()]
        found.update(folders)
        faults += [] if folders else [f"runs: {pattern} fits no folder; name folders of counseling runs"]
    if not found and not faults:
        faults.append("runs: names no folder; name folders of counseling runs, such as results/mirror-*")
    faults += [f"runs: {fault}" for folder in sorted(found) for fault in arm_faults(folder)]
    names = Counter(folder.name for folder in found)
    faults += [f"runs: {count} folders have the name {name}; rename one" for name, count in names.items() if count > 1]
    if faults:
        raise ArmError("\n".join(faults))
    return sorted(found, key=lambda folder: folder.name)


def _matches(pattern: str) -> list[Path]:
    """The paths that a pattern fits; a name that exists is meant literally, whatever its brackets."""
    if output_path(pattern).is_dir():
        return [output_path(pattern)]
    names = glob.glob(str(Path(pattern).expanduser()), root_dir=output_path("."))
    return [output_path(name) for name in names]


def _incomplete(session: SessionFolder) -> str:
    ended = session.ended
    if ended is None:
        return "the session has not ended; continue the run"
    return f"the session failed ({ended['reason']}); continue the run" if ended["status"] != "complete" else ""


def _read(folder: Path, session: SessionFolder) -> tuple[Screenplay | None, list[Dropped]]:
    """The screenplay of a session and its turns without a face; None if the session cannot be used at all."""
    client, turns, name = session.client or {}, session.turns(), session.folder.name
    portrait, fault = _portrait(client)
    if portrait is None:
        return None, [_dropped(folder, name, "no_portrait", fault)]
    lines: list[Line] = []
    pictures: dict[int, Path] = {}
    dropped = []
    for turn in turns:
        if turn.cue or turn.words or turn.reply:
            lines.append(Line("client", turn.cue, turn.words))
        if not turn.reply:
            continue
        place = len(lines) - 1
        if reason := _without_face(turn):
            detail = f"turn {turn.number}: {reason}"
            dropped.append(_dropped(folder, name, "no_face", detail, place, "turn"))
        elif turn.face:
            pictures[place] = session.folder / turn.face.file
        lines.append(Line("therapist", "", turn.reply))
    if not pictures:
        detail = "no turn has both a face that was accepted and a reply"
        return None, [_dropped(folder, name, "no_exchange", detail)]
    planned = next((turn for turn in reversed(turns) if turn.technique or turn.plan), None)
    screenplay = Screenplay(
        idx=f"{folder.name}-{name}",
        info=_info(client),
        technique=planned.technique if planned else "",
        plan=planned.plan if planned else (),
        lines=tuple(lines),
        person=portrait.person,
        portrait=portrait,
        pictures=pictures,
        source=display_path(session.folder),
    )
    return screenplay, dropped


def _without_face(turn: Turn) -> str:
    """Why a turn has no face that may be trained on; empty if it has one."""
    if turn.face is None or not turn.face.is_painted:
        return "no face was painted"
    if turn.face.exhausted:
        outcomes = Counter(attempt.verdict.outcome for attempt in turn.face.attempts)
        listed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        return f"no face was accepted in {len(turn.face.attempts)} attempts ({listed})"
    return ""


def _portrait(client: dict[str, Any]) -> tuple[Portrait | None, str]:
    """The portrait that the faces were painted from, or why there is none."""
    files = tuple(_found(name) for name in _texts(client.get("portraits")))
    if not files:
        return None, "client.json names no portrait"
    if missing := [display_path(path) for path in files if not path.is_file()]:
        return None, f"the portrait {missing[0]} is missing; restore it"
    gender = GENDERS.get(str(client.get("gender", "")).strip().lower(), "")
    return Portrait(files[0].stem, files, person=files[0].stem, gender=gender), ""


def _found(name: str) -> Path:
    """The file that `display_path` named: below the outputs or the repository."""
    path = output_path(name)
    return path if path.is_file() else input_path(name)


def _texts(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _info(client: dict[str, Any]) -> ClientInfo:
    values = {name: value for name, value in client.items() if isinstance(value, str)}
    return ClientInfo(
        personal_info=values.get("personal_info", ""),
        personality=PERSONALITY.get(values.get("resistance", ""), ""),
        distorted_thought=values.get("distorted_thought", ""),
        reason=values.get("reason", ""),
        gender=GENDERS.get(values.get("gender", "").strip().lower(), ""),
        name=values.get("name", ""),
    )


def _dropped(
    folder: Path, session: str, reason: str, detail: str, line: int | None = None, what: str = "dialogue"
) -> Dropped:
    return Dropped("read", f"{folder.name}-{session}", line, reason, detail, what)
