"""The data card of a training set: what is in it, how it was made and from what, as a README the Hub understands.

Every number is from the tables and facts that it is given; what was not given is not written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import yaml

from mirror.building.dropped import Dropped, count_reasons
from mirror.building.training_set.check import TEST_TABLE, records_file
from mirror.prompts import VARIANTS

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))  # of the Hub
LARGEST = "1M<n<10M"
TAGS = ("counseling", "cognitive-behavioral-therapy", "llava", "synthetic")
RESISTANCES = {
    "emotional": "emotional",
    "cognitive": "cognitive",
    "behavioral": "behavioral",
    "none": "no resistance",
    "": "not known",
}
CARE = (
    "**Research, not care.** The dialogues and faces are synthetic. A model trained on them is no therapist, has not "
    "been tested on patients, and must not be used to treat anyone or to decide about anyone's treatment."
)


@dataclass(frozen=True)
class CardFacts:
    """What a run knows about its set, beyond what stands in it. Texts hold no time and no path of this machine.

    Attributes:
        title: of the card.
        license: of the set, as the Hub names it: `gpl-2.0`, `other`.
        licences: what each source is used under: source → licence.
        sources: what the set was made from: input → file name with digest.
        models: what wrote, painted and rated: role → model with revision or digest.
        thresholds: the limits of the filters: parameter → value; None is a filter that was off.
        parameters: other parameters that the content depends on, in the order to show them.
        seeds: purpose → seed.
        language: of the texts, ISO 639-1.
    """

    title: str
    license: str = "other"
    licences: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, float | str | None] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    language: str = "en"


def write_card(
    facts: CardFacts, counts: pd.DataFrame, dialogues: pd.DataFrame, dropped: Sequence[Dropped], parquet: bool = False
) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        facts: of the run.
        counts: the number of records, in the columns cot, kind, records.
        dialogues: as `dialogue_table` returns it.
        dropped: what all steps left out.
        parquet: whether the records are Parquet files, rather than JSON with pictures beside it.
    """
    trained = dialogues[dialogues["split"] == "train"]
    tested = dialogues[dialogues["split"] == "test"]
    parts = [
        f"# {_plain(facts.title)}",
        CARE,
        "## Content",
        f"{len(trained):,} dialogues of {trained['client'].nunique():,} clients with the faces of "
        f"{trained['person'].nunique():,} persons; {trained['turns'].sum():,} replies of the therapist with "
        f"{trained['words'].sum():,} words.",
        _table(["resistance", "dialogues", "turns", "words"], _by_resistance(trained)),
        "The four variants hold the same turns. Each record has `question_id`, `image` and `conversations`.",
        _table(["variant", *_kinds(counts)], _by_variant(counts)),
        *_test_clients(tested),
        "## What was left out",
        _dropped_text(dropped),
        *_section("Thresholds of the filters", ("parameter", "value"), facts.thresholds),
        *_section("Parameters", ("parameter", "value"), facts.parameters),
        *_section("Models", ("role", "model"), facts.models),
        *_section("Seeds", ("purpose", "seed"), facts.seeds),
        *_section("Sources", ("input", "file"), facts.sources),
        *_section("Licences", ("source", "licence"), facts.licences),
    ]
    front = yaml.safe_dump(_front(facts, counts, parquet), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def data_files(cot: str, parquet: bool) -> str:
    """Return the files of a variant's records in the data set's folder, as the Hub's pattern."""
    return f"data/{cot}/train-*.parquet" if parquet else records_file(cot)


def size_category(records: int) -> str:
    """Return the Hub's category of a number of records."""
    return next((name for limit, name in SIZES if records < limit), LARGEST)


def _front(facts: CardFacts, counts: pd.DataFrame, parquet: bool) -> dict[str, Any]:
    """Return the front matter: what the Hub searches by, and which files a configuration has."""
    return {
        "pretty_name": _plain(facts.title),
        "license": facts.license,
        "language": [facts.language],
        "task_categories": ["image-text-to-text"],
        "size_categories": [size_category(int(counts["records"].sum()))],
        "tags": list(TAGS),
        "configs": [
            {"config_name": cot, "data_files": [{"split": "train", "path": data_files(cot, parquet)}]}
            for cot in VARIANTS
        ],
    }


def _by_resistance(trained: pd.DataFrame) -> list[list[Any]]:
    groups = {kind: trained[trained["resistance"] == kind] for kind in RESISTANCES}
    return [
        [RESISTANCES[kind], len(group), group["turns"].sum(), group["words"].sum()]
        for kind, group in groups.items()
        if len(group)
    ]


def _kinds(counts: pd.DataFrame) -> list[str]:
    return sorted(counts["kind"].unique(), reverse=True)


def _by_variant(counts: pd.DataFrame) -> list[list[Any]]:
    found = {(row.cot, row.kind): row.records for row in counts.itertuples()}
    return [[f"`{cot}`", *(found.get((cot, kind), 0) for kind in _kinds(counts))] for cot in VARIANTS]


def _test_clients(tested: pd.DataFrame) -> list[str]:
    if tested.empty:
        return []
    return [
        f"`{TEST_TABLE}` holds {len(tested):,} further clients with portraits, to counsel in a test. "
        "Neither they nor the persons in their portraits occur in the records."
    ]


def _dropped_text(dropped: Sequence[Dropped]) -> str:
    if not dropped:
        return "Nothing."
    rows = count_reasons(dropped)[["step", "reason", "what", "count"]]
    return _table(["step", "reason", "what", "count"], rows.to_numpy().tolist())


# Markdown -------------------------------------------------------------------------------------------------------------


def _section(title: str, columns: tuple[str, str], values: Mapping[str, Any]) -> list[str]:
    """Return a section with a table of names and values; nothing without values."""
    return [f"## {title}", _table(list(columns), [[name, value] for name, value in values.items()])] if values else []


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    """Format a value: whole numbers with separators, None as `off`, text on one line without the table's bars."""
    if value is None:
        return "off"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10_000 else f"{value:,}"
    if hasattr(value, "item"):  # a number of numpy
        return _cell(value.item())
    return _plain(str(value)).replace("|", "\\|") or "–"


def _plain(text: str) -> str:
    return " ".join(text.split())
