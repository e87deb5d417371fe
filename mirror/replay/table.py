"""Reads recorded conversations from a table: one row per utterance, or one row per conversation with a screenplay.

All faults of a table are reported at once. Columns are declared, never guessed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mirror.building.screenplays.columns import parse_columns, resolve_columns
from mirror.building.screenplays.parsing import ScreenplayError, parse_screenplay
from mirror.building.screenplays.table_file import Row, TableFile, read_table
from mirror.files.image_file import picture_faults
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import control_character, lone_surrogate
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.prompts import is_known
from mirror.replay.recording import Line, Recording, RecordingError, Speaker, turns_of
from mirror.transcripts.profile import Profile, folder_key, has_no_value, is_folder_name, resistance_of

# Each field and the column that holds it where no other is declared: as in AnnoMI, and as in MIRROR's data set.
CLIENT = {
    "personal_info": "personal_info",
    "reason": "reason_for_seeking_counseling",
    "personality": "personality",
    "distorted_thought": "distorted_thought",
    "name": "name",
}
UTTERANCES = {
    "conversation": "transcript_id",
    "position": "utterance_id",
    "speaker": "interlocutor",
    "words": "utterance_text",
    "cue": "cue",
    "picture": "image",
    **CLIENT,
    "reason": "topic",
}
SCREENPLAYS = {"conversation": "idx", "dialogue": "dialogue", "picture": "images", **CLIENT}
REQUIRED = {
    "utterances": ("conversation", "position", "speaker", "words"),
    "screenplays": ("conversation", "dialogue"),
}
FIELDS = {"utterances": UTTERANCES, "screenplays": SCREENPLAYS}
SPEAKERS = {"client": "client", "counselor": "therapist"}

Fields = Mapping[str, str]  # field → text of one row
Placed = tuple[str, Line]  # where a line stands, for messages


def read_recordings(path: Path, form: str, columns: str, speakers: str, pictures: Path | None) -> list[Recording]:
    """Read the conversations of a table, in natural order of their names.

    Args:
        path: a table as for `mirror.building.screenplays.table_file.read_table`.
        form: a key of `FIELDS`.
        columns: which column holds which field, `words=text, speaker=who`; others have the names of `FIELDS`.
        speakers: what the column of speakers holds, `client=patient, counselor=doctor`; case does not matter.
        pictures: the folder of the pictures; None: the table names none.

    Raises:
        TableError, ColumnsError: the file cannot be read, or lacks columns.
        RecordingError: rows are invalid; lists the faults of all rows.
    """
    fields = FIELDS[form]
    declared = parse_columns(columns, fields)
    table = read_table(path, {**fields, **declared}.values())
    found = resolve_columns(declared, REQUIRED[form], table.columns, display_path(path), fields)
    reader = _Reader(parse_columns(speakers, SPEAKERS, "speakers"), pictures)
    recordings = reader.read(form, _rows(table, found, reader.faults))
    if reader.faults or not recordings:
        faults = reader.faults or ["has no conversations; each row below the header is an utterance or a conversation"]
        raise RecordingError([f"{display_path(path)}: {fault}" for fault in faults])
    return recordings


def _rows(table: TableFile, columns: Mapping[str, str], faults: list[str]) -> list[tuple[Row, Fields]]:
    """The rows that can be read, with their fields; markers of missing values are empty, but for words."""
    found: list[tuple[Row, Fields]] = []
    for row in table.rows:
        if row.fault:
            faults.append(f"{row.where}: {row.fault}")
            continue
        fields = {field: row.cells.get(column, "") for field, column in columns.items()}
        fields = {name: "" if name in CLIENT and _is_empty(name, text) else text for name, text in fields.items()}
        odd = {name: lone_surrogate(text) or control_character(text) for name, text in fields.items()}
        faults += [f"{row.where}: {columns[name]} holds {what}; delete it" for name, what in odd.items() if what]
        if not any(odd.values()):
            found.append((row, fields))
    return found


def _is_empty(name: str, text: str) -> bool:
    return has_no_value(text, name == "name") or not is_known(text)


class _Reader:
    """Reads rows into recordings, and collects faults."""

    def __init__(self, speakers: Mapping[str, str], pictures: Path | None) -> None:
        names = {**SPEAKERS, **speakers}
        self.speakers: dict[str, Speaker] = {
            names["client"].casefold(): "client",
            names["counselor"].casefold(): "counselor",
        }
        self.faults: list[str] = []
        self.pictures = PictureFolder(pictures) if pictures else None

    def read(self, form: str, rows: Sequence[tuple[Row, Fields]]) -> list[Recording]:
        by_name: dict[str, list[tuple[Row, Fields]]] = defaultdict(list)
        for row, fields in rows:
            name = fields["conversation"]
            if is_folder_name(name):
                by_name[folder_key(name)].append((row, fields))
            else:
                rule = "at most 60 letters, digits, . _ - and inner spaces"
                self.faults.append(f"{row.where}: the conversation must be usable as a folder name ({rule}): {name!r}")
        lines_of = self._utterances if form == "utterances" else self._screenplay
        found = [self._recording(of, list(lines_of(of))) for of in by_name.values()]
        self._check_pictures(found)
        return sorted((one for one in found if one), key=lambda one: natural_key(one.profile.idx))

    def _recording(self, rows: Sequence[tuple[Row, Fields]], lines: Sequence[Placed]) -> Recording | None:
        first, fields = rows[0]
        opening, turns = turns_of(line for _, line in lines)
        if not turns:
            self.faults.append(f"{first.where}: conversation {fields['conversation']} has no utterance of a client")
            return None
        kind = fields.get("personality", "")
        if kind and resistance_of(kind) is None:
            self.faults.append(f"{first.where}: personality names no kind of resistance, or several: {kind!r:.80}")
        texts = {name: fields.get(name, "") for name in ("personal_info", "reason", "distorted_thought", "name")}
        profile = Profile(fields["conversation"], resistance=resistance_of(kind), gender="", portraits=(), **texts)
        return Recording(profile, turns, opening)

    # One row per utterance --------------------------------------------------------------------------------------------

    def _utterances(self, rows: Sequence[tuple[Row, Fields]]) -> Iterator[Placed]:
        """The lines in the order of their positions; rows that several annotators share count once."""
        known: dict[str, tuple[Row, Fields]] = {}
        for row, fields in rows:
            before = known.setdefault(fields["position"], (row, fields))
            if any(before[1][name] != fields[name] for name in ("speaker", "words")):
                self.faults.append(
                    f"{row.where}: utterance {fields['position']} of {fields['conversation']} differs from the one in "
                    f"{before[0].where}; keep one of them"
                )
        for row, fields in sorted(known.values(), key=lambda pair: natural_key(pair[1]["position"])):
            if line := self._line(row, fields):
                yield row.where, line

    def _line(self, row: Row, fields: Fields) -> Line | None:
        speaker = self.speakers.get(fields["speaker"].casefold())
        if speaker is None:
            known = " and ".join(self.speakers)
            found = repr(fields["speaker"])
            self.faults.append(f"{row.where}: speaks {found:.80}, and speakers names {known}; correct one of them")
            return None
        words, cue = " ".join(fields["words"].split()), " ".join(fields.get("cue", "").split())
        picture = self._picture(row, fields.get("picture", "")) if speaker == "client" else None
        if not (words or cue or picture):
            self.faults.append(f"{row.where}: the {speaker} says and shows nothing; delete the row")
            return None
        return Line(speaker, words, cue, picture)

    # One row per conversation -----------------------------------------------------------------------------------------

    def _screenplay(self, rows: Sequence[tuple[Row, Fields]]) -> Iterator[Placed]:
        (row, fields), *others = rows
        if others:
            places = ", ".join(other.where for other, _ in others)
            self.faults.append(f"{places}: {fields['conversation']} is the conversation of {row.where}; keep one")
        try:
            lines = parse_screenplay(fields["dialogue"], "merge")
        except ScreenplayError as error:
            self.faults += [f"{row.where}: {fault.detail}" for fault in error.faults]
            return
        names = [name.strip() for name in fields.get("picture", "").replace("\n", ";").split(";")]
        clients = sum(line.speaker == "client" for line in lines)
        if any(names) and len(names) != clients:
            self.faults.append(f"{row.where}: has {len(names)} pictures for {clients} utterances of the client")
            return
        left = iter(names if any(names) else [""] * clients)
        for line in lines:
            if line.speaker == "client":
                yield row.where, Line("client", line.words, line.direction, self._picture(row, next(left)))
            elif line.words:
                yield row.where, Line("counselor", line.words)

    # Pictures ---------------------------------------------------------------------------------------------------------

    def _picture(self, row: Row, name: str) -> Path | None:
        if not name or has_no_value(name):
            return None
        if self.pictures is None:
            self.faults.append(f"{row.where}: names the picture {name!r:.80}, and pictures names no folder; set it")
            return None
        try:
            return self.pictures.find(name)
        except PicturePathError as error:
            self.faults.append(f"{row.where}: {error}")
            return None

    def _check_pictures(self, recordings: Sequence[Recording | None]) -> None:
        paths = (turn.picture for one in recordings if one for turn in one.turns if turn.picture)
        self.faults += picture_faults(paths).values()
