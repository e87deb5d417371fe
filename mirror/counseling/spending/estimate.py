"""What a run will cost: sessions, tokens, dollars, hours, disk. From its prompts before it begins, then as measured."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import fmean

import pandas as pd

from mirror.clients.client import ATTEMPTS as CLIENT_ATTEMPTS
from mirror.counseling.counselor import ATTEMPTS as COUNSELOR_ATTEMPTS
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.budget import SECONDS, Budget
from mirror.counseling.spending.pace import expected_stages, seconds_per_turn
from mirror.counseling.spending.rehearsal import rehearse
from mirror.counseling.spending.spent import Spent, dollars, priced_roles, token_names
from mirror.faces.description import ATTEMPTS as DESCRIBER_ATTEMPTS
from mirror.faces.settings import BYTES_PER_PIXEL
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder

ATTEMPTS = {"client": CLIENT_ATTEMPTS, "describer": DESCRIBER_ATTEMPTS, "counselor": COUNSELOR_ATTEMPTS}
SAMPLE = 16  # clients whose sessions are rehearsed
GIGABYTE = 1e9
Amounts = Mapping[str, float]  # of one session or of many: turns, bytes, tokens by purpose, seconds by stage
NOTHING: Amounts = {"complete": 0, "turns": 0, "elapsed": 0, "bytes": 0}


def estimate(settings: CounselSettings, profiles: Sequence[Profile], folders: Sequence[SessionFolder]) -> pd.DataFrame:
    """Estimates a run from what is on disk of it.

    Before a session is complete, prompts are taken to have a token per four characters, and lines, plans and faces
    their usual lengths and times. Then the means of the complete sessions count. A session has as many turns as it can
    until one is complete.

    Args:
        settings: of the run.
        profiles: its clients.
        folders: of their sessions, which may not exist yet, those of a client one after another; none for a run that
            starts over.

    Returns:
        One row per quantity: what, so far, in all, at most.
    """
    per_client = settings.sessions_per_client
    found = [_measured(folder) for folder in folders] or [dict(NOTHING) for _ in range(len(profiles) * per_client)]
    complete = [amounts for amounts in found if amounts["complete"]]
    most, usual = _rehearsed(settings, profiles, longest=True), _usual(settings, profiles, found)
    so_far, in_all = _sum(found), _sum([_whole(one, usual[n % per_client]) for n, one in enumerate(found)])
    left = max(len(found) - len(complete), 1)
    workers = min(settings.workers, left)
    together = min(settings.concurrency, ceil(min(left, len(profiles)) / workers))
    pace = seconds_per_turn(settings, complete, together, workers)
    in_all["elapsed"] = so_far["elapsed"] + (in_all["turns"] - so_far["turns"]) * pace
    in_all["complete"] = len(found)
    at_most = _sum([_whole(one, most[n % per_client]) for n, one in enumerate(found)])
    columns = (so_far, in_all, at_most | {"complete": len(found)})
    rows = [
        _row("sessions", columns, "complete"),
        _row("turns", columns, "turns"),
        *(_row(f"tokens {verb}, {role}", columns, key) for role in settings.models for key, verb in token_names(role)),
        *_money(settings, columns),
        _row("seconds of painting", columns[:2], "face"),
    ]
    rows += [_row("seconds of replies", columns[:2], "counselor")] if settings.counselor == "llava" else []
    rows.append(("hours", *(f"{amounts['elapsed'] / SECONDS:,.3g}" for amounts in columns[:2]), ""))
    rows.append(("disk, GB", *(f"{amounts['bytes'] / GIGABYTE:,.3g}" for amounts in columns)))
    rows += _budgets(settings, in_all)
    rows.append(("basis", "transcripts", _basis(len(complete)), "the token limit, every attempt"))
    return pd.DataFrame(rows, columns=["what", "so far", "in all", "at most"])


def _row(name: str, columns: Iterable[Amounts], key: str) -> tuple[str, ...]:
    shown = [_shown(amounts.get(key, 0)) for amounts in columns]
    return (name, *shown, *[""] * (3 - len(shown)))


def _shown(amount: float) -> str:
    return f"{round(amount):,}" if amount >= 100 or amount == round(amount) else f"{amount:.3g}"


def _money(settings: CounselSettings, columns: Sequence[Amounts]) -> list[tuple[str, ...]]:
    prices = priced_roles(settings)
    if not prices:
        return []
    named = {f"dollars, {role}": {role: price} for role, price in prices.items()} | {"dollars": prices}
    return [
        (name, *(f"{dollars(of, _whole_numbers(amounts)):,.4g}" for amounts in columns)) for name, of in named.items()
    ]


def _budgets(settings: CounselSettings, in_all: Amounts) -> list[tuple[str, ...]]:
    """Each limit with the share of the sessions for which it is expected to last."""
    budget = Budget.of(settings, Spent(Counter(_whole_numbers(in_all)), in_all["elapsed"]))
    sessions = round(in_all["complete"])
    return [
        (
            name,
            "",
            f"{limit:,.10g}: for some {min(1, limit / max(budget.amounts[name], limit)) * sessions:.0f} sessions",
            "",
        )
        for name, limit in budget.most.items()
    ]


def _basis(complete: int) -> str:
    if complete:
        return f"the means of {complete} complete session{'s' if complete > 1 else ''}"
    return "a token per 4 characters, usual lengths, times of one H200 (pocket: of two CPU cores)"


# Amounts --------------------------------------------------------------------------------------------------------------


def _measured(folder: SessionFolder) -> dict[str, float]:
    """What a session on disk has come to; nothing if it has not begun, or is damaged."""
    if not folder.folder.is_dir() or session_faults(folder):
        return dict(NOTHING)
    turns, ended = folder.turns(), folder.ended or {}
    counted = _sum([*(turn.tokens for turn in turns), *folder.timings().values()])
    return counted | {
        "complete": ended.get("status") == "complete",
        "turns": len(turns),
        "elapsed": sum(folder.elapsed().values()),
        "bytes": sum(path.stat().st_size for path in folder.folder.rglob("*") if path.is_file()),
    }


def _usual(settings: CounselSettings, profiles: Sequence[Profile], found: Sequence[Amounts]) -> list[dict[str, float]]:
    """What a session of each number is expected to come to: the mean of the complete ones, if there are any."""
    per_client = settings.sessions_per_client
    by_number = [[one for one in found[n::per_client] if one["complete"]] for n in range(per_client)]
    rehearsed = [] if all(by_number) else _rehearsed(settings, profiles)
    return [_mean(complete) if complete else rehearsed[n] for n, complete in enumerate(by_number)]


def _rehearsed(settings: CounselSettings, profiles: Sequence[Profile], longest: bool = False) -> list[dict[str, float]]:
    """What a session of each number is expected to come to, or at most, before one is complete."""
    sample = profiles[:: max(len(profiles) // SAMPLE, 1)]
    by_client = [rehearse(settings, profile, longest) for profile in sample]
    return [_expected(settings, _mean(of), longest) for of in zip(*by_client, strict=True)]


def _expected(settings: CounselSettings, tokens: Amounts, longest: bool) -> dict[str, float]:
    """A rehearsed session's amounts, from its tokens."""
    if longest:
        tokens = {key: count * ATTEMPTS[key.rpartition("_")[0]] for key, count in tokens.items()}
    pictures = (settings.attempts if longest else 1) + 1 + (settings.face != "shown")  # attempts, the shown, the seen
    stages = {stage: seconds * settings.max_turns for stage, seconds in expected_stages(settings).items()}
    size = settings.max_turns * pictures * settings.face_size**2 * BYTES_PER_PIXEL
    return {**tokens, **stages, "turns": settings.max_turns, "bytes": size}


def _whole(session: Amounts, usual: Amounts) -> dict[str, float]:
    """A session's amounts once it is complete."""
    if session["complete"]:
        return dict(session)
    return {key: max(session.get(key, 0), usual.get(key, 0)) for key in {*session, *usual}}


def _sum(many: Sequence[Amounts]) -> dict[str, float]:
    return {key: sum(one.get(key, 0) for one in many) for key in {key: None for one in many for key in one}}


def _mean(many: Sequence[Amounts]) -> dict[str, float]:
    return {key: fmean(one.get(key, 0) for one in many) for key in {key for one in many for key in one}}


def _whole_numbers(amounts: Amounts) -> dict[str, int]:
    return {key: round(amount) for key, amount in amounts.items()}
