"""Reads screenplays and clients from a table; what it cannot use is dropped with a reason.

The result does not depend on the order of the rows.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays.client_text import read_age, read_gender, split_intake_form
from mirror.building.screenplays.columns import DEFAULTS, parse_columns, resolve_columns
from mirror.building.screenplays.parsing import OnSameSpeaker, ScreenplayError, parse_screenplay
from mirror.building.screenplays.screenplay import ClientInfo, Screenplay
from mirror.building.screenplays.table_file import Row, read_table
from mirror.files.digests import content_digest
from mirror.files.text_file import control_character, lone_surrogate
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.prompts import is_known, parse_plan
from mirror.transcripts.profile import folder_key, has_no_value, is_folder_name, resistance_of

__all__ = ["OnNotFound", "parse_columns", "read_clients", "read_screenplays"]

OnNotFound = Literal["drop", "blank"]
TEXTS = ("personal_info", "personality", "distorted_thought", "reason")  # that prompts are made of


def read_screenplays(
    path: Path,
    columns: Mapping[str, str],
    on_not_found: OnNotFound,
    on_same_speaker: OnSameSpeaker,
    needs_plan: bool = False,
) -> Sifted[Screenplay]:
    """Read a table of dialogues, sorted by idx.

    Args:
        path: a table as for `read_table`.
        columns: the columns that are not named by default, as returned by `parse_columns`.
        on_not_found: whether a row without one of `TEXTS` (empty, `Not found`, `NaN`, …) is dropped, or that
            text is left blank.
        on_same_speaker: as for `parse_screenplay`.
        needs_plan: whether a row without technique and steps is dropped.

    Raises:
        TableError: the file cannot be read.
        ColumnsError: columns are missing.
    """
    required = ["idx", *TEXTS, "dialogue", *["plan"] * needs_plan]
    sifted = _read(path, columns, required, on_not_found, needs_plan)
    kept, dropped = [], list(sifted.dropped)
    for screenplay, dialogue in sifted.kept:
        try:
            lines = parse_screenplay(dialogue, on_same_speaker)
        except ScreenplayError as error:
            dropped += _faults_by_reason(screenplay.idx, error)
            continue
        if lines:
            kept.append(replace(screenplay, lines=lines))
        else:
            dropped.append(Dropped("read", screenplay.idx, None, "no_dialogue", "the dialogue is empty"))
    return Sifted(tuple(kept), _sorted(dropped))


def read_clients(
    path: Path, columns: Mapping[str, str], on_not_found: OnNotFound, needs_plan: bool = False
) -> Sifted[Screenplay]:
    """Read a table of clients, sorted by idx: screenplays without lines.

    The table needs no column of the personality (dialogues of several kinds of resistance are written for one client)
    and none of the idx, which is then made of the row's content. Otherwise as `read_screenplays`.
    """
    required = [*(field for field in TEXTS if field != "personality"), *["plan"] * needs_plan]
    sifted = _read(path, columns, required, on_not_found, needs_plan)
    return Sifted(tuple(screenplay for screenplay, _ in sifted.kept), sifted.dropped)


def _read(
    path: Path, declared: Mapping[str, str], required: Sequence[str], on_not_found: OnNotFound, needs_plan: bool
) -> Sifted[tuple[Screenplay, str]]:
    """Read clients and the text of their dialogues."""
    table = read_table(path, {**DEFAULTS, **declared}.values())
    columns = resolve_columns(declared, required, table.columns, display_path(path))
    dropped: list[Dropped] = []
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in table.rows:
        fields = _fields(row, columns)
        if fault := _row_fault(row, fields):
            dropped.append(fault)
        else:
            rows[folder_key(fields["idx"])].append(fields)
    kept = []
    for same in rows.values():
        dropped += _repeated(same)
        if any(fields != same[0] for fields in same):
            continue
        screenplay, faults = _screenplay(same[0], columns, on_not_found, needs_plan, path.name)
        dropped += faults
        if not faults:
            kept.append((screenplay, same[0].get("dialogue", "")))
    kept.sort(key=lambda pair: natural_key(pair[0].idx))
    return Sifted(tuple(kept), _sorted(dropped))


def _fields(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """The texts of a row by field; markers of missing values are empty."""
    fields = {
        field: "" if has_no_value(cell, field == "name") or not is_known(cell) else cell
        for field, column in columns.items()
        for cell in [row.cells.get(column, "")]
    }
    if "reason" in columns and columns["reason"] == columns.get("personal_info"):
        fields["personal_info"], fields["reason"] = split_intake_form(fields["personal_info"])
    if "idx" not in columns and not row.fault:
        fields["idx"] = f"client-{content_digest(fields)[:12]}"
    return fields


def _row_fault(row: Row, fields: Mapping[str, str]) -> Dropped | None:
    """The fault that keeps a row from being used at all."""
    idx = fields.get("idx", "")
    if row.fault:
        return Dropped("read", row.where, None, "odd_row", f"{row.where} {row.fault}")
    if not idx:
        return Dropped("read", row.where, None, "no_idx", f"{row.where}: idx is empty")
    if not is_folder_name(idx):
        rule = "must be usable as a folder name (at most 60 letters, digits, . _ - and inner spaces)"
        shown = idx if idx.isprintable() and not lone_surrogate(idx) else ascii(idx)
        return Dropped("read", f"{shown:.80}", None, "bad_idx", f"idx {rule}, found {idx!r:.80}")
    for field, text in fields.items():
        if odd := lone_surrogate(text) or control_character(text):
            return Dropped("read", idx, None, "bad_character", f"{field} holds {odd}")
    return None


def _repeated(same: Sequence[Mapping[str, str]]) -> Iterator[Dropped]:
    """Yield what is dropped of the rows with one idx: all of them if they differ, else all but one."""
    if len(same) == 1:
        return
    count = len(same)
    if any(fields != same[0] for fields in same):
        for idx in sorted({fields["idx"] for fields in same}):
            detail = f"{count} different rows have this idx (or one of the same folder); which is meant is unknown"
            yield Dropped("read", idx, None, "duplicate_idx", detail)
    else:
        yield Dropped("read", same[0]["idx"], None, "repeated_row", f"the row occurs {count} times; one is used", "row")


def _screenplay(
    fields: Mapping[str, str], columns: Mapping[str, str], on_not_found: OnNotFound, needs_plan: bool, source: str
) -> tuple[Screenplay, list[Dropped]]:
    """The screenplay of a row without its lines, and the faults of its texts."""
    idx, faults = fields["idx"], []

    def fault(reason: str, detail: str) -> None:
        faults.append(Dropped("read", idx, None, reason, detail))

    empty = [field for field in TEXTS if field in columns and not fields[field]]
    if empty and on_not_found == "drop":
        fault("not_found", f"{' and '.join(empty)}: empty or marked as missing")
    personality = fields.get("personality", "")
    if personality and resistance_of(personality) is None:
        fault("unknown_resistance", f"personality names no kind of resistance, or several: {personality!r:.80}")
    technique, steps, why = _plan(fields.get("technique", ""), fields.get("plan", ""))
    if why and needs_plan:
        fault("no_plan", why)
    info = fields["personal_info"]
    client = ClientInfo(
        personal_info=info,
        personality=personality,
        distorted_thought=fields["distorted_thought"],
        reason=fields["reason"],
        gender=read_gender(fields.get("gender", ""), info),
        age=read_age(fields.get("age", ""), info),
        name=fields.get("name", ""),
    )
    return Screenplay(idx, client, technique, steps, person=fields.get("person", ""), source=source), faults


def _plan(technique: str, plan: str) -> tuple[str, tuple[str, ...], str]:
    """The technique as the table spells it, the steps, and why there are none; all three may be empty."""
    if not plan:
        return technique, (), "there is no plan"
    try:
        found = parse_plan(f"CBT technique: {technique}\n{plan}" if technique else plan)
    except ValueError as error:
        return technique, (), f"{error!s:.300}"
    return found.technique, found.steps, ""


def _faults_by_reason(idx: str, error: ScreenplayError) -> Iterator[Dropped]:
    """Yield one entry per reason, with the first line at fault and the number of lines."""
    for reason in dict.fromkeys(fault.reason for fault in error.faults):
        found = [fault for fault in error.faults if fault.reason == reason]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        yield Dropped("read", idx, found[0].position, reason, f"{found[0].detail}{more}")


def _sorted(dropped: Sequence[Dropped]) -> tuple[Dropped, ...]:
    return tuple(sorted(dropped, key=lambda one: (natural_key(one.idx), one.reason, one.detail)))
