"""Which column of a table holds which field of a screenplay: declared, never guessed."""

import difflib
from collections.abc import Mapping, Sequence

# Each field and the column that holds it where no other is declared.
DEFAULTS = {
    "idx": "idx",
    "personal_info": "personal_info",
    "personality": "personality",
    "distorted_thought": "distorted_thought",
    "reason": "reason_for_seeking_counseling",
    "plan": "cbt_plan",
    "technique": "cbt_technique",
    "dialogue": "dialogue",
    "person": "img_path",
    "gender": "dominant_gender",
    "age": "age",
    "name": "name",
}


class ColumnsError(ValueError):
    """Columns that are declared wrongly or missing. The message has one line per fault."""


def parse_columns(text: str, defaults: Mapping[str, str] = DEFAULTS, setting: str = "columns") -> dict[str, str]:
    """Parse which columns a table has.

    Args:
        text: `dialogue=screenplay, reason=why`: field = column, separated by commas; empty for the `DEFAULTS`. A field
            may also be named by its default column: `cbt_plan=plan`.
        defaults: every field with its default column.
        setting: the name of the text, for messages.

    Returns:
        The declared columns by field.

    Raises:
        ColumnsError: a part is no such pair, or names an unknown field, or one twice.
    """
    by_column = {column: field for field, column in defaults.items()}
    found: dict[str, str] = {}
    faults = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, separator, column = map(str.strip, part.partition("="))
        field = name if name in defaults else by_column.get(name, "")
        if not separator or not name or not column:
            faults.append(f"{setting}: {part!r} must have the form field=column, such as dialogue=screenplay")
        elif not field:
            near = difflib.get_close_matches(name, [*defaults, *by_column], n=1)
            hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(defaults)}"
            faults.append(f"{setting}: unknown field {name!r}; {hint}")
        elif field in found:
            faults.append(f"{setting}: {field} is given twice, as {found[field]!r} and {column!r}; keep one")
        else:
            found[field] = column
    if faults:
        raise ColumnsError("\n".join(faults))
    return found


def resolve_columns(
    declared: Mapping[str, str],
    required: Sequence[str],
    found: Sequence[str],
    table: str,
    defaults: Mapping[str, str] = DEFAULTS,
) -> dict[str, str]:
    """Return the column of each field that a table has.

    Args:
        declared: as returned by `parse_columns`; other fields have their default columns.
        required: the fields that the table must have, besides all that are declared.
        found: the columns of the table.
        table: what messages call it.
        defaults: every field with its default column.

    Raises:
        ColumnsError: columns are missing; names all of them, the nearest names, and what was found.
    """
    columns = {**defaults, **declared}
    missing = [field for field in columns if columns[field] not in found and (field in required or field in declared)]
    if not missing:
        return {field: column for field, column in columns.items() if column in found}
    lines = []
    for field in missing:
        near = difflib.get_close_matches(columns[field], found, n=1)
        hint = f"; is it {near[0]!r}?" if near else ""
        lines.append(f"{table}: column {columns[field]!r} ({field}) is missing{hint}")
    names = ", ".join(name if name.isprintable() else ascii(name) for name in found)
    advice = f"the columns found are {names:.1000}; declare them, as in columns: {missing[0]}=NAME"
    raise ColumnsError("\n".join([*lines, f"{table}: {advice}"]))
