"""Gives each client a portrait: the one that the table names, or one of the client's gender and age.

Every person is used once over both splits, so that test and training are disjoint in persons; they are disjoint in
clients too. The test split goes first. Sessions of own runs have their portraits already and keep them, any number of
sessions each; they are only kept apart from the test split. The result depends on names, content and the seed, not on
the order of dialogues or portraits.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mirror.building.dropped import Dropped, Sifted
from mirror.building.portrait import Portrait
from mirror.building.portraits.assignment import Seeker, assign
from mirror.building.portraits.table import Portraits
from mirror.building.screenplays import Screenplay
from mirror.files.digests import sha256
from mirror.natural_order import natural_key

Persons = Literal["once", "once_per_client"]


@dataclass(frozen=True)
class Matched:
    """Screenplays with their portraits.

    Attributes:
        training: of the training split.
        test: of the test split.
    """

    training: Sifted[Screenplay]
    test: Sifted[Screenplay]


@dataclass
class _Unit:
    """The dialogues that share a person.

    Attributes:
        key: the client, or with `once` the dialogue.
        is_test: whether they are of the test split.
        dialogues: in the natural order of their names.
        given: the portraits that the table names, by dialogue.
        person: whom they share; empty until it is known.
    """

    key: str
    is_test: bool
    dialogues: list[Screenplay]
    given: dict[str, Portrait] = field(default_factory=dict)
    person: str = ""

    @property
    def gender(self) -> str:
        """Of the client; empty if no dialogue knows it, or if they disagree."""
        known = {one.info.gender for one in self.dialogues} - {""}
        return known.pop() if len(known) == 1 else ""

    @property
    def age(self) -> int | None:
        """Of the client, as the first dialogue that knows it says."""
        return next((one.info.age for one in self.dialogues if one.info.age is not None), None)


def match_portraits(
    training: Sequence[Screenplay],
    test: Sequence[Screenplay],
    portraits: Portraits,
    seed: int,
    age_gap: int = 10,
    persons: Persons = "once_per_client",
) -> Matched:
    """Match portraits to screenplays.

    First each person that a table names is given to the dialogues that name it, whatever the ages; then the others are
    matched by `assignment.assign`.

    Args:
        training: screenplays or clients.
        test: screenplays or clients.
        portraits: read with the `person` of all of them as names.
        seed: of the choice among portraits that fit equally.
        age_gap: most years between a client and the portrait matched to them.
        persons: `once`: each dialogue has a person of its own; `once_per_client`: the dialogues of a client share one.

    Returns:
        Both splits in the order of the input. Reasons of what is dropped: `test_client` (a training dialogue of a
        client of the test split, by name or by the same profile), `no_such_portrait`, `another_gender` (the named
        portrait shows it), `person_used_twice`, `test_person`, `another_person_of_the_client`, `gender_unknown`,
        `no_portrait_left`.
    """
    matching = _Matching(portraits, persons)
    own = [one for one in training if one.portrait is not None]
    clients = {one.client for one in test}
    profiles = {_profile(one): one.client for one in test}
    for one in training:
        if one.client in clients:
            matching.drop(one, False, "test_client", f"{one.client} is a client of the test split")
        elif one.portrait and (client := profiles.get(_profile(one))):
            matching.drop(one, False, "test_client", f"its profile is that of {client}, a client of the test split")
    free = [one for one in training if one.client not in clients and one.portrait is None]
    units = [*matching.units(test, True), *matching.units(free, False)]
    for unit in units:
        matching.give(unit)
    persons_of = _Persons(portraits, own)
    matching.keep([(one, persons_of.of(one.portrait)) for one in own if one.portrait])
    matching.match([unit for unit in units if unit.dialogues and not unit.person], seed, age_gap)
    return Matched(matching.sifted(training, False), matching.sifted(test, True))


class _Persons:
    """Whom the portraits of own sessions show: somebody of the folder of portraits if a picture there is the same.

    Their files' names say nothing: in a set's test table, the portrait of every client is called `1`.
    """

    def __init__(self, portraits: Portraits, own: Sequence[Screenplay]) -> None:
        self.people = portraits.pictures
        self.by_size: dict[int, list[Path]] = defaultdict(list)
        for path in portraits.pictures if own else ():
            self.by_size[path.stat().st_size].append(path)

    def of(self, portrait: Portrait) -> Portrait:
        """The portrait of a session with the person's name; of somebody unknown, one made of the picture's content."""
        contents = [sha256(file) for file in portrait.files]
        known = (
            self.people[path]
            for file, content in zip(portrait.files, contents, strict=True)
            for path in self.by_size[file.stat().st_size]
            if sha256(path) == content
        )
        return replace(portrait, person=next(known, f"portrait {contents[0][:16]}"))


def _profile(one: Screenplay) -> tuple[str, ...]:
    """Tells clients apart whose names differ."""
    info = one.info
    return tuple(" ".join(text.split()) for text in (info.personal_info, info.reason, info.distorted_thought))


class _Matching:
    """What is given to whom, while the portraits are matched."""

    def __init__(self, portraits: Portraits, persons: Persons) -> None:
        self.portraits, self.persons = portraits, persons
        self.users: dict[str, _Unit] = {}  # person → who has it
        self.given: dict[tuple[bool, str], Portrait] = {}  # split and idx → portrait
        self.kept: set[str] = set()  # persons of own sessions
        self.dropped: dict[tuple[bool, str], Dropped] = {}

    def drop(self, one: Screenplay, is_test: bool, reason: str, detail: str) -> None:
        what = "test client" if is_test else "dialogue"
        self.dropped[is_test, one.idx] = Dropped("match", one.idx, None, reason, detail, what)

    def units(self, screenplays: Sequence[Screenplay], is_test: bool) -> Iterator[_Unit]:
        """The dialogues by client, or each alone, in natural order."""
        by_key: dict[str, list[Screenplay]] = defaultdict(list)
        for one in sorted(screenplays, key=lambda one: natural_key(one.idx)):
            by_key[one.client if self.persons == "once_per_client" else one.idx].append(one)
        for key in sorted(by_key, key=natural_key):
            yield _Unit(key, is_test, by_key[key])

    def give(self, unit: _Unit) -> None:
        """Give a unit the portraits that the table names."""
        for one in [one for one in unit.dialogues if one.person]:
            fault = self._fault(unit, one)
            if isinstance(fault, Portrait):
                unit.person = fault.person
                self.users[fault.person] = unit
                unit.given[one.idx] = fault
            else:
                self.drop(one, unit.is_test, *fault)
                unit.dialogues.remove(one)
        for one in unit.dialogues if unit.person else []:
            first = next(iter(unit.given.values()))
            self.given[unit.is_test, one.idx] = unit.given.get(one.idx, first)

    def _fault(self, unit: _Unit, one: Screenplay) -> Portrait | tuple[str, str]:
        """The portrait that the table names for a dialogue, or why the dialogue cannot have it: reason and detail."""
        found = self.portraits.named.get(one.person)
        if found is None or isinstance(found, Dropped):
            why = f"{found.reason}: {found.detail}" if found else "it was not looked for"
            return "no_such_portrait", f"the table names {one.person!r:.200} ({why})"
        if one.info.gender and found.gender and one.info.gender != found.gender:
            return "another_gender", f"the client is a {one.info.gender}, {found.name} shows a {found.gender}"
        if unit.person and unit.person != found.person:
            return "another_person_of_the_client", f"the table names {found.person}, and before {unit.person}"
        if (user := self.users.get(found.person)) and user is not unit:
            reason = "test_person" if user.is_test and not unit.is_test else "person_used_twice"
            return reason, f"{found.person} is given to {user.key}"
        return found

    def keep(self, own: Sequence[tuple[Screenplay, Portrait]]) -> None:
        """Let sessions keep their portraits, unless the person is in the test split; nobody else gets the person."""
        for one, portrait in own:
            user = self.users.get(portrait.person)
            if (False, one.idx) in self.dropped:
                continue
            if user and user.is_test:
                self.drop(one, False, "test_person", f"{portrait.person} is given to {user.key}")
            else:
                self.given[False, one.idx] = portrait
                self.kept.add(portrait.person)

    def match(self, units: Sequence[_Unit], seed: int, age_gap: int) -> None:
        """Match what the table leaves open."""
        left = [one for one in self.portraits.kept if one.person not in self.users.keys() | self.kept]
        seekers = {f"{unit.is_test} {unit.key}": unit for unit in units if unit.gender}
        found = assign([Seeker(key, u.gender, u.age, u.is_test) for key, u in seekers.items()], left, seed, age_gap)
        for unit in (unit for unit in units if not unit.gender):
            self._drop_all(unit, "gender_unknown", "no dialogue of the client says whether they are a woman or a man")
        for key, unit in seekers.items():
            if key in found:
                self.given |= {(unit.is_test, one.idx): found[key] for one in unit.dialogues}
                continue
            number = sum(one.gender == unit.gender for one in left)
            of = f"a {unit.gender}" + (f" of {unit.age}" if unit.age is not None else "")
            detail = f"{of}: none of {number} portraits of that gender is left within {age_gap} years"
            self._drop_all(unit, "no_portrait_left", detail)

    def _drop_all(self, unit: _Unit, reason: str, detail: str) -> None:
        for one in unit.dialogues:
            self.drop(one, unit.is_test, reason, detail)

    def sifted(self, screenplays: Sequence[Screenplay], is_test: bool) -> Sifted[Screenplay]:
        """A split in its order."""
        kept, dropped = [], []
        for one in screenplays:
            if (portrait := self.given.get((is_test, one.idx))) is not None:
                kept.append(replace(one, portrait=portrait))
            else:
                dropped.append(self.dropped[is_test, one.idx])
        return Sifted(tuple(kept), tuple(dropped))
