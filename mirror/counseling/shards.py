"""Merges the shares of one table, counseled by several processes or machines, into one run.

`python -m mirror.counseling.shards counsel-7b-base` merges `results/counsel-7b-base-1of8` … `-8of8` into
`results/counsel-7b-base`. The shares stay unchanged.
"""

import argparse
import re
import shutil
import sys
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.console import run_command
from mirror.counseling.settings import CounselSettings
from mirror.files.atomic import remove_scratch
from mirror.files.lock import FolderInUse, holder_file, lock_file, locked
from mirror.paths import display_path, output_path
from mirror.run_folder import PROVENANCE, Run, RunConflict, differences, read_provenance, read_settings
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.session_name import client_of, session_name


class ShardError(ValueError):
    """The shares cannot be merged; the message says which, and what to do. Nothing was written."""


def shard_run(run: str, share: int, shares: int) -> str:
    """The name of the run that counsels one share of a table: `run` itself if there is only one share."""
    return run if shares == 1 else f"{run}-{share}of{shares}"


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    Attributes:
        shares: number of shares.
        clients: number of clients in the table.
        sessions: number of their sessions.
        unfinished: the sessions that are not complete.
    """

    shares: int
    clients: int
    sessions: int
    unfinished: tuple[str, ...]

    def __str__(self) -> str:
        """The result as a sentence."""
        done = f"{self.shares} shares, {self.clients} clients, {self.sessions - len(self.unfinished)} sessions complete"
        if not self.unfinished:
            return done
        named = ", ".join(self.unfinished[:20]) + f" and {len(self.unfinished) - 20} more" * (len(self.unfinished) > 20)
        return f"{done}; not complete: {named}. Start the run with shard 1/1 to counsel them"


def merge_shards(run: str) -> Merged:
    """Writes `results/<run>/` from its shares, completely or not at all.

    Raises:
        ShardError: the run exists already, a share is missing, two shares differ in their settings or have the same
                client, or files of a session are damaged.
        FolderInUse: another process writes a share or the merged run.
    """
    target = output_path("results") / run
    with ExitStack() as locks:
        locks.enter_context(locked(target, "merging"))
        if target.exists():
            raise ShardError(f"{display_path(target)} exists already; move it away, then merge again")
        folders = find_shares(run)
        for folder in folders:
            locks.enter_context(locked(folder, "merging"))
        check_settings(folders)
        sessions = find_sessions(folders)
        check_files(sessions)
        return write_merged(target, folders, sessions)


def find_sessions(folders: list[Path]) -> dict[str, Path]:
    """The sessions of all shares, by name.

    Raises:
        ShardError: two shares have the same client.
    """
    clients: dict[str, Path] = {}
    for folder in folders:
        for session in sorted(folder.glob("sessions/*/")):
            if session.name in clients:
                first = display_path(clients[session.name].parents[1])
                raise ShardError(f"client {session.name} is in {first} and in {display_path(folder)}; keep one of them")
            clients[session.name] = session
    return clients


def find_shares(run: str) -> list[Path]:
    """The folders of all shares of a run, in order.

    Raises:
        ShardError: there is no share, one is missing, or their names disagree on how many there are.
    """
    results = output_path("results")
    named = re.compile(re.escape(run) + r"-([1-9]\d*)of([1-9]\d*)")
    found = {match.groups(): match.string for path in results.glob("*/") if (match := named.fullmatch(path.name))}
    if not found:
        raise ShardError(f"no share of {run} in {display_path(results)}; its folders are called {run}-1of8 and so on")
    totals = sorted({int(total) for _, total in found})
    if len(totals) > 1:
        found_totals = " and ".join(map(str, totals))
        raise ShardError(f"{run} has shares of different numbers ({found_totals}); move those of the wrong one away")
    (total,) = totals
    missing = [number for number in range(1, total + 1) if (str(number), str(total)) not in found]
    if missing:
        names = ", ".join(f"{run}-{number}of{total}" for number in missing)
        raise ShardError(f"{len(missing)} of {total} shares are missing in {display_path(results)}: {names}")
    return [results / found[str(number), str(total)] for number in range(1, total + 1)]


def share_settings(folder: Path) -> dict[str, Any]:
    """The settings of a share.

    Raises:
        ShardError: there are none, or they cannot be read.
    """
    try:
        return read_settings(folder)
    except FileNotFoundError as error:
        raise ShardError(f"{display_path(folder)} has no settings ({error}); counsel this share again") from None
    except RunConflict as error:
        raise ShardError(str(error)) from None


def check_settings(folders: list[Path]) -> None:
    """Raises ShardError if the shares have different settings."""
    first, *others = [(folder, share_settings(folder)) for folder in folders]
    for folder, settings in others:
        if differing := differences(first[1], settings, CounselSettings.MACHINE, CounselSettings.defaults()):
            raise ShardError(
                f"{display_path(folder)} has other settings than {display_path(first[0])} ({'; '.join(differing)}); "
                "only shares of one run can be merged"
            )


def check_files(sessions: dict[str, Path]) -> None:
    """Raises ShardError if the files of a session are damaged, so that damage is not copied."""
    if faults := [fault for path in sessions.values() for fault in session_faults(SessionFolder(path), thorough=True)]:
        more = f" and {len(faults) - 5} more faults" if len(faults) > 5 else ""
        raise ShardError(
            f"{'; '.join(faults[:5])}{more}. Restore the files, or remove the session's folder and start its share "
            "again"
        )


def write_merged(target: Path, folders: list[Path], sessions: dict[str, Path]) -> Merged:
    """Copies the sessions into one run. Clients in the table of a share without a complete session are unfinished."""
    for folder in folders:
        if not (folder / PROVENANCE).is_file():
            raise ShardError(
                f"{display_path(folder / PROVENANCE)} is missing, so the clients of this share are not known; restore "
                "it, or start this share again"
            )
    records = {folder.name: read_provenance(folder) for folder in folders}
    clients = dict.fromkeys(idx for record in records.values() for idx in record.get("clients", ()))
    clients |= dict.fromkeys(map(client_of, sessions))
    settings = share_settings(folders[0]) | {"shard": "1/1"}
    numbers = range(1, max(share_settings(folder).get("sessions_per_client", 1) for folder in folders) + 1)
    names = dict.fromkeys([*(session_name(idx, number) for idx in clients for number in numbers), *sessions])
    ended = {name: SessionFolder(session).ended or {} for name, session in sessions.items()}
    complete = {name for name, ending in ended.items() if ending.get("status") == "complete"}
    unfinished = tuple(name for name in names if name not in complete)
    merged = Merged(len(folders), len(clients), len(names), unfinished)
    remove_scratch(target, "*.merging")
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}.merging")
    try:
        run = Run(scratch.name, settings, CounselSettings.MACHINE).open()
        for name, session in sessions.items():
            shutil.copytree(session, scratch / "sessions" / name)
        run.record(
            "incomplete" if merged.unfinished else "complete",
            cast=records[folders[0].name].get("cast"),
            clients=list(clients),
            shares=merged.shares,
            sessions=len(sessions),
            complete=len(complete),
            merged=records,
        )
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for path in (lock_file(scratch), holder_file(scratch)):
            path.unlink(missing_ok=True)
    return merged


def main() -> None:
    """Merges the shares of the run named on the command line; exits with 1 if some sessions are not complete."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.counseling.shards", description="merges the shares of a run"
    )
    parser.add_argument("run", help="the run's name, without -1of8")
    try:
        merged = merge_shards(parser.parse_args().run)
    except (ShardError, FolderInUse, RunConflict, TranscriptError) as error:
        parser.error(str(error))
    print(merged)
    sys.exit(1 if merged.unfinished else 0)


if __name__ == "__main__":
    run_command(main)
