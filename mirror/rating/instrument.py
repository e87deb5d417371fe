"""Rating instruments as data: items, scale, subscales, and what a judge sees of a session.

An instrument is a YAML file, `mirror/rating/instruments/<name>.yaml` or a user's own; `ctrs.yaml` explains every field.
The wording of licensed items is not shipped; the user supplies it in a second file (see `read_wording`).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mirror.files.yaml_file import AmbiguousYaml, strict_yaml
from mirror.paths import display_path, input_path
from mirror.settings.errors import explain_place
from mirror.transcripts.turn import Turn

FOLDER = Path(__file__).with_name("instruments")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Moment = Literal["start", "end"]
CHANGE = "change"  # takes the place of a moment in the name of a change score
EXCERPT = 3  # turns
Words = Annotated[str, Field(min_length=1)]


class InstrumentError(ValueError):
    """An instrument that cannot be used; the message has one line per fault: file, what, what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Item(_Part):
    """One item; `text` is None if its wording is licensed and was not supplied yet."""

    id: Name
    text: Words | None = None
    reversed: bool = False


class Scale(_Part):
    """Integers from `lowest` to `highest`; `anchors` describe some of them in words."""

    lowest: int
    highest: int
    anchors: dict[int, Words]

    @property
    def values(self) -> tuple[int, ...]:
        """All values of the scale."""
        return tuple(range(self.lowest, self.highest + 1))


class Subscale(_Part):
    """Items that are combined into one score; `better` is the desirable direction."""

    items: Annotated[list[Name], Field(min_length=1)]
    better: Literal["higher", "lower"]
    score: Literal["mean", "sum"] = "mean"


class Sees(_Part):
    """What a judge sees of a session.

    Attributes:
        part: The whole `transcript` in one question, or each utterance of the client (`turn`) with what came before.
        cues: Whether the client's visible cues are part of the transcript.
        faces: Whether the judge may see the painted faces.
        when: Which moments of a session are rated, each by itself, as the first and the last turns; empty: the whole.
        turns: How many turns a moment has at most; never more than half of the session.
    """

    part: Literal["transcript", "turn"]
    cues: bool
    faces: Literal["never", "optional"]
    when: list[Moment] = Field([], exclude_if=lambda when: not when)
    turns: Annotated[int, Field(ge=1, exclude_if=lambda turns: turns == EXCERPT)] = EXCERPT


class Instrument(_Part):
    """An instrument.

    Attributes:
        name: The name in settings and records.
        title: The title in prompts.
        source: The origin of the instrument and of its wording.
        rates: Who is rated.
        task: The judge's task, in one or two sentences.
        sees: What a judge sees of a session.
        scale: The scale of every item.
        items: The items in order.
        subscales: The scores by name.
        supplied: Whether the user must supply the items' wording.
    """

    name: Name
    title: Words
    source: Words
    rates: Literal["counselor", "client", "both"]
    task: Words
    sees: Sees
    scale: Scale
    items: Annotated[list[Item], Field(min_length=1)]
    subscales: Annotated[dict[Name, Subscale], Field(min_length=1)]
    supplied: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ids = [item.id for item in self.items]
        faults = [f"items: {id} is there twice" for id in sorted(set(ids)) if ids.count(id) > 1]
        if self.scale.lowest >= self.scale.highest:
            faults.append("scale: lowest must be below highest")
        faults += [
            f"scale: anchor {at} is not on the scale" for at in self.scale.anchors if at not in self.scale.values
        ]
        faults += [
            f"subscales: {name} names {id}, which is no item"
            for name, subscale in self.subscales.items()
            for id in subscale.items
            if id not in ids
        ]
        if self.sees.when and self.sees.part == "turn":
            faults.append("sees: when is for whole transcripts; with part turn, every turn is rated by itself")
        if len(set(self.sees.when)) < len(self.sees.when):
            faults.append("sees: when names a moment twice")
        faults += [f"items: {item.id} has no text" for item in self.items if not (item.text or self.supplied)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def is_worded(self) -> bool:
        """Whether every item has its wording."""
        return all(item.text for item in self.items)

    @property
    def can_compare(self) -> bool:
        """Whether a judge can compare two sessions by it."""
        return self.rates == "counselor" and self.sees.part == "transcript" and not self.sees.when

    @property
    def moment(self) -> Moment | None:
        """The moment that is rated; None for the session as a whole."""
        return self.sees.when[0] if len(self.sees.when) == 1 and self.name.endswith(f"-{self.sees.when[0]}") else None

    def moments(self) -> list["Instrument"]:
        """Returns one instrument per moment, `<name>-start` and `<name>-end`; itself if it rates whole sessions."""
        if not self.sees.when or self.moment:
            return [self]
        return [
            self.model_copy(
                update={"name": f"{self.name}-{moment}", "sees": self.sees.model_copy(update={"when": [moment]})}
            )
            for moment in self.sees.when
        ]

    def excerpt(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """Returns the turns that are rated: all of them, or those of the moment.

        These are numbered from 1, and do not say that the client ends the session, so that raters are not told which
        moment they see. Empty for a session of one turn.
        """
        if self.moment is None:
            return tuple(turns)
        most = min(self.sees.turns, len(turns) // 2)
        part = turns[:most] if self.moment == "start" else turns[len(turns) - most :]
        return tuple(turn.model_copy(update={"number": n, "ended": False}) for n, turn in enumerate(part, 1))

    def bounds(self, subscale: str) -> tuple[float, float]:
        """Returns the lowest and the highest possible score of a subscale."""
        own = self.subscales[subscale]
        items = len(own.items) if own.score == "sum" else 1
        return items * self.scale.lowest, items * self.scale.highest

    def worded(self, wording: Mapping[str, str]) -> "Instrument":
        """Returns the instrument with the wording of `wording`, by item id."""
        items = [item.model_copy(update={"text": wording.get(item.id, item.text)}) for item in self.items]
        return self.model_copy(update={"items": items})

    def facts(self) -> dict[str, Any]:
        """Returns the instrument for the record of a run, without licensed wording."""
        return self.model_dump(exclude={"items": {"__all__": {"text"}}} if self.supplied else None)


def shipped() -> list[str]:
    """Returns the names of the instruments in this package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_instruments(names: Sequence[str], wording: str = "") -> list[Instrument]:
    """Reads instruments.

    Args:
        names: Names of shipped instruments, or paths of YAML files; `affect:start` is that moment of `affect` alone.
        wording: The file with the wording of licensed items; empty if there is none.

    Returns:
        The instruments in order, one per moment where moments are rated.

    Raises:
        InstrumentError: A file is missing or invalid, or an item has no wording; the message lists all faults.
    """
    chosen = [name.rpartition(":") if name.endswith((":start", ":end")) else (name, "", "") for name in names]
    found = [read_instrument(name) for name, _, _ in chosen]
    words = read_wording(input_path(wording)) if wording else {}
    worded = [one.worded(words.get(one.name, {})) if one.supplied else one for one in found]
    faults = [_unworded(one, wording) for one in worded if not one.is_worded]
    if unknown := words.keys() - {one.name for one in found if one.supplied}:
        faults.append(f"{wording}: has words for {', '.join(sorted(unknown))}, which is not in use or needs none")
    for one in worded:
        if extra := words.get(one.name, {}).keys() - {item.id for item in one.items}:
            faults.append(f"{wording}: {one.name} has no item {', '.join(sorted(extra))}")
    parts = []
    for one, (name, _, moment) in zip(worded, chosen, strict=True):
        parts.append([part for part in one.moments() if part.moment == moment or not moment])
        faults += [] if parts[-1] else [f"{name}: rates no moment {moment} of a session; name it without a moment"]
    if faults:
        raise InstrumentError("\n".join(faults))
    return [part for of_one in parts for part in of_one]


def known_instruments(names: Sequence[str] = ()) -> list[Instrument]:
    """Reads the shipped instruments and `names`, without licensed wording, one per moment where moments are rated.

    Raises:
        InstrumentError: An instrument is unknown, or its file is invalid.
    """
    return [part for name in (*shipped(), *names) for part in read_instrument(name).moments()]


def read_instrument(name: str) -> Instrument:
    """Reads one instrument, without licensed wording.

    Args:
        name: The name of a shipped instrument, or the path of a YAML file.

    Raises:
        InstrumentError: The instrument is unknown, or its file is invalid.
    """
    if name in shipped():
        return _read_shipped(name)
    path = input_path(name)
    if not path.is_file():
        raise InstrumentError(f"no instrument {name}; name one of {', '.join(shipped())}, or give a YAML file's path")
    return _read(path)


@cache
def _read_shipped(name: str) -> Instrument:
    return _read(FOLDER / f"{name}.yaml")


def _read(path: Path) -> Instrument:
    try:
        return Instrument.model_validate(_yaml(path))
    except ValidationError as error:
        names = [name for part in (Instrument, Item, Scale, Sees, Subscale) for name in part.model_fields]
        lines = [explain_place(fault, names) for fault in error.errors()]
        raise InstrumentError("\n".join(f"{display_path(path)}: {line}" for line in lines)) from None


def read_wording(path: Path) -> dict[str, dict[str, str]]:
    """Reads the wording of licensed items, by instrument and item: `wai-short: {item_1: …}`.

    Raises:
        InstrumentError: The file is missing or invalid.
    """
    if not path.is_file():
        raise InstrumentError(f"wording: no such file {path}; it holds the items' words by instrument and item")
    values = _yaml(path)
    is_right = isinstance(values, dict) and all(
        isinstance(items, dict) and all(isinstance(text, str) and text.strip() for text in items.values())
        for items in values.values()
    )
    if not is_right:
        raise InstrumentError(f"{display_path(path)}: must hold `instrument:`, and below it `item: words` for each")
    return values


def _unworded(instrument: Instrument, wording: str) -> str:
    missing = [item.id for item in instrument.items if not item.text]
    where = (
        f"the file {wording} has no words for {', '.join(missing)}" if wording else "no file with its words was given"
    )
    return (
        f"{instrument.name}: its wording is licensed and not shipped, and {where}; write a YAML file with "
        f"`{instrument.name}:` and below it `{missing[0]}: …` up to `{missing[-1]}: …` from your licensed copy, and "
        "name it with -p wording FILE"
    )


def _yaml(path: Path) -> Any:
    try:
        return strict_yaml(path.read_text(encoding="utf-8"))
    except AmbiguousYaml as error:
        raise InstrumentError(f"{display_path(path)}: {error}") from None
    except ValueError as error:
        raise InstrumentError(f"{display_path(path)}: is no YAML: {error}") from None
