"""How a study deviates from its registration, one sentence each."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pandas as pd

from mirror.analysis.comparison import Scored
from mirror.analysis.registration.plan import Registration
from mirror.analysis.registration.record import first_session, read_record, record_path
from mirror.analysis.settings import AnalyseSettings
from mirror.files.digests import sha256
from mirror.paths import display_path
from mirror.rating.ratings import HUMANS

MINUTE = "%Y-%m-%d %H:%M UTC"


class Rated(Scored, Protocol):
    """What deviations need of a `mirror.analysis.study.Study`."""

    @property
    def shared(self) -> list[str]:
        """The clients with a complete session in every arm."""

    @property
    def rated_items(self) -> dict[str, pd.DataFrame]:
        """The ratings by arm."""


def deviations(study: Rated, plan: Registration, path: Path, settings: AnalyseSettings) -> list[str]:
    """Lists how the study deviates from its registration; empty if it does not."""
    return [*_in_time(study, path), *_in_arms(study, plan), *_in_raters(study, plan, settings)]


def registered_when(path: Path) -> str:
    """States when the file was registered: `registered on 2026-01-02 03:04 UTC (SHA-256 0123456789ab)`."""
    digest = f"SHA-256 {sha256(path)[:12]}"
    found = [one for one in read_record(path) if one.digest == sha256(path)]
    if not found:
        return f"not registered ({digest})"
    return f"registered on {datetime.fromisoformat(found[0].at):{MINUTE}} ({digest})"


def _in_time(study: Rated, path: Path) -> Iterator[str]:
    """Whether the file is as it was registered, and was registered before the first session."""
    known, digest, began = read_record(path), sha256(path), first_session(study.arms)
    name, record = display_path(path), display_path(record_path(path))
    if not known:
        yield (
            f"{name} was never registered: nothing shows that it was written before the data. There is no {record}; "
            f"python -m mirror.analysis.registration register {name} writes it."
        )
        return
    if len(known) > 1:
        times = " and ".join(f"{datetime.fromisoformat(one.at):{MINUTE}}" for one in known[1:])
        yield f"{name} was changed after its first registration, and registered again on {times}."
    if known[-1].digest != digest:
        yield (
            f"{name} was changed since it was registered: its SHA-256 is {digest[:12]}, registered was "
            f"{known[-1].digest[:12]}."
        )
    late = [one for one in known if began and datetime.fromisoformat(one.at) > began]
    if late and began:
        first = datetime.fromisoformat(late[0].at)
        yield f"{name} was registered on {first:{MINUTE}}, after the first session had begun on {began:{MINUTE}}."


def _in_arms(study: Rated, plan: Registration) -> Iterator[str]:
    """Whether these are the registered arms, with the registered number of clients."""
    there = [arm.folder.name for arm in study.arms]
    if lacking := [arm for arm in plan.arms if arm not in there]:
        yield f"Registered arms are missing: {', '.join(lacking)}."
    if added := [arm for arm in there if arm not in plan.arms]:
        yield f"Arms were added that were not registered: {', '.join(added)}."
    n = len(study.shared)
    if n != plan.clients:
        yield f"{n} clients have a complete session in every arm; {plan.clients} were registered."


def _in_raters(study: Rated, plan: Registration, settings: AnalyseSettings) -> Iterator[str]:
    """Whether the registered raters have rated, count, and no other level is used."""
    if settings.raters != plan.raters:
        yield f"The ratings that count are those of raters {settings.raters}; registered was {plan.raters}."
    if settings.level != plan.level:
        yield (
            f"level is {settings.level:.10g}, registered was {plan.level:.10g}: the hypotheses are tested at the "
            "registered level, everything else at the other."
        )
    if settings.session:
        yield f"Only session {settings.session} of each client counts; registered were all of them."
    people, judges = set[str](), set[str]()
    for of_arm in study.rated_items.values():
        is_human = of_arm["kind"] == "human"
        people |= set(of_arm.loc[is_human, "judge"])
        judges |= set(of_arm.loc[~is_human, "judge"])
    if len(people) != plan.people:
        yield f"{len(people)} people have rated; {plan.people} were registered."
    registered = {one.rater for one in plan.hypotheses if one.rater}
    if absent := sorted(registered - judges - ({HUMANS} if people else set())):
        yield f"Registered raters have rated nothing: {', '.join(absent)}."
