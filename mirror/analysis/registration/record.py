"""When a study was registered: `<name>.registered.json` beside its file, with the file's digest and the time.

The record shows honest changes. Whoever can write the file can write its record: to prove the time to others, give the
digest to a registry, or push the commit, before the first session.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from mirror.analysis.registration.plan import RegistrationError
from mirror.files.digests import sha256
from mirror.files.json_file import read_json, write_json
from mirror.paths import display_path
from mirror.provenance import commit
from mirror.transcripts.arm import Arm


class Registered(NamedTuple):
    """One entry of a record: the SHA-256 of the file, and the time (UTC, ISO 8601)."""

    digest: str
    at: str


def record_path(path: Path) -> Path:
    """Returns the path of a registration's record."""
    return path.with_name(f"{path.stem}.registered.json")


def register(path: Path) -> Registered:
    """Records the digest of a registration and the time; the same content again changes nothing.

    An earlier content stays in the record, so that a change can be seen.

    Raises:
        RegistrationError: the record is damaged.
    """
    known, digest = read_record(path), sha256(path)
    if known and known[-1].digest == digest:
        return known[-1]
    entry = Registered(digest, datetime.now(UTC).isoformat(timespec="seconds"))
    code = commit()
    entries = [{"sha256": one.digest, "at": one.at} for one in (*known, entry)]
    write_json(record_path(path), {"file": path.name, "registered": entries, "code": code})
    return entry


def read_record(path: Path) -> list[Registered]:
    """Returns the entries of a registration's record, oldest first; empty without a record.

    Raises:
        RegistrationError: the record is damaged.
    """
    record = record_path(path)
    if not record.is_file():
        return []
    try:
        entries = [Registered(one["sha256"], one["at"]) for one in read_json(record)["registered"]]
        if not entries or any(datetime.fromisoformat(one.at).tzinfo is None for one in entries):
            raise ValueError("an entry has no time")
    except (ValueError, TypeError, KeyError) as error:
        raise RegistrationError(
            f"{display_path(record)} is damaged ({error!r:.100}); restore it, or remove it and register again"
        ) from None
    return entries


def first_session(arms: Iterable[Arm]) -> datetime | None:
    """Returns when the first session of any arm began: as its run recorded, else by the times of its files."""
    arms = list(arms)
    times = [datetime.fromisoformat(arm.provenance["started"]) for arm in arms if arm.provenance.get("started")]
    files = [
        (session.folder / "client.json").stat().st_mtime
        for arm in arms
        if not arm.provenance.get("started")
        for session in arm.sessions
        if (session.folder / "client.json").is_file()
    ]
    times += [datetime.fromtimestamp(min(files), UTC)] if files else []
    return min(times) if times else None
