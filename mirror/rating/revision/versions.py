"""The version of an instrument that ratings were given by, held against the one of today.

A rating keeps the ends of the scale, the reversed items and a digest of the instrument, words included. On another
scale, of other items or of items that are reversed now or no longer, ratings mean something else: they are refused.
Other words, anchors, titles or subscales are told. Ratings of before these were recorded are taken as they are.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from mirror.files.digests import content_digest
from mirror.files.json_lines import read_lines
from mirror.paths import display_path
from mirror.rating.instrument import Instrument
from mirror.rating.ratings import FILE, RatingRecord
from mirror.run_folder import RunConflict

log = logging.getLogger(__name__)
ADVICE = (
    "put back the instrument as it was, or give the edited one another name; or take these ratings out: "
    "python -m mirror.rating.forms withdraw"
)


class Version(NamedTuple):
    """What ratings by an instrument depend on.

    Attributes:
        name: of the instrument.
        sha256: its digest with its wording; empty if it is not known, because its wording is licensed.
        scale: its lowest and highest value.
        items: their ids.
        turned: the ids of the reversed ones.
    """

    name: str
    sha256: str
    scale: tuple[int, int]
    items: frozenset[str]
    turned: frozenset[str]

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """The version of an instrument; one without its wording has no digest."""
        digest = instrument_digest(instrument) if instrument.is_worded else ""
        ends = instrument.scale.lowest, instrument.scale.highest
        items = frozenset(item.id for item in instrument.items)
        return cls(instrument.name, digest, ends, items, frozenset(reversed_items(instrument)))


class Change(NamedTuple):
    """How ratings of a run differ from an instrument, in one sentence; the other one is empty.

    Attributes:
        refusal: the scale, the items or which of them are reversed are others.
        caveat: only words, titles or subscales are others.
    """

    refusal: str = ""
    caveat: str = ""


def instrument_digest(instrument: Instrument) -> str:
    """SHA-256 of an instrument with its wording."""
    return content_digest(instrument.model_dump(mode="json"))


def reversed_items(instrument: Instrument) -> list[str]:
    """The ids of the reversed items, in order."""
    return [item.id for item in instrument.items if item.reversed]


def stamp(instrument: Instrument) -> dict[str, Any]:
    """The fields of a rating that say which version it was given by."""
    ends = instrument.scale.lowest, instrument.scale.highest
    turned = reversed_items(instrument)
    return {"instrument_sha256": instrument_digest(instrument), "scale": ends, "reversed": turned}


def changes(folder: Path, instruments: Iterable[Instrument]) -> list[Change]:
    """Holds the ratings of the run in `folder` against the instruments; one entry per instrument that is another.

    Raises:
        JsonLinesError: the file of ratings has an invalid line.
    """
    return changed(folder, [Version.of(instrument) for instrument in instruments])


def changed(folder: Path, versions: Sequence[Version]) -> list[Change]:
    """As `changes`, for versions."""
    given = _given(folder)
    found = [_change(folder, version, given.get(version.name, set())) for version in versions]
    return [change for change in found if change != Change()]


def refuse_other_scales(folders: Iterable[Path], instruments: Sequence[Instrument]) -> None:
    """Refuses to add ratings to runs that have others on another scale, or of other items; logs other words.

    Raises:
        RunConflict: naming the runs, and what to do.
        JsonLinesError: a file of ratings has an invalid line.
    """
    found = [change for folder in folders for change in changes(folder, instruments)]
    if refusals := [change.refusal for change in found if change.refusal]:
        raise RunConflict("\n".join(refusals))
    for change in found:
        log.warning("%s", change.caveat)


def _given(folder: Path) -> dict[str, set[Version]]:
    """The versions by which the ratings that count were given, by name."""
    last: dict[tuple[object, ...], RatingRecord] = {}
    for line in read_lines(folder / FILE, RatingRecord):
        last[line.idx, line.instrument, line.turn, line.repeat, line.judge, line.kind] = line
    found: dict[str, set[Version]] = {}
    for line in last.values():
        if line.scale is not None and line.status == "rated":
            items, turned = frozenset(line.scores), frozenset(line.reversed)
            version = Version(line.instrument, line.instrument_sha256, line.scale, items, turned)
            found.setdefault(line.instrument, set()).add(version)
    return found


def _change(folder: Path, now: Version, given: set[Version]) -> Change:
    where = f"{display_path(folder)}: ratings by {now.name}"
    if scales := sorted({one.scale for one in given if one.scale != now.scale}):
        before = " and ".join(f"{low} to {high}" for low, high in scales)
        return Change(
            f"{where} were given on a scale from {before}, and it now goes from {now.scale[0]} to {now.scale[1]}; "
            f"{ADVICE}"
        )
    if others := [one.items for one in given if one.items != now.items]:
        items = sorted(others[0] ^ now.items)
        return Change(f"{where} have other items than it has now ({', '.join(items)}); {ADVICE}")
    if turned := {id for one in given for id in one.turned ^ now.turned}:
        return Change(
            f"{where} were given when {', '.join(sorted(turned))} had another direction (`reversed`) than now; {ADVICE}"
        )
    digests = {one.sha256 for one in given} | ({now.sha256} if now.sha256 and given else set())
    if len(digests) > 1:
        return Change(
            caveat=f"{where} were given by another version of it (other words, anchors or subscales) than that of "
            "today or of each other."
        )
    return Change()
