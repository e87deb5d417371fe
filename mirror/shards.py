"""Shares of one table that several processes or machines have counseled, put together as one run.

`python -m mirror.shards counsel-7b-base` merges `results/counsel-7b-base-1of8` … `-8of8` into
`results/counsel-7b-base`. The shares stay as they are. Knows nothing of models.
"""

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from mirror.run import Run, differences, display_path, output_path, read_provenance
from mirror.settings import CounselSettings
from mirror.transcript import SessionFolder


class ShardError(ValueError):
    """The shares do not make a whole; the message says which, and what to do. Nothing was written."""


def shard_run(run: str, share: int, shares: int) -> str:
    """The name of the run that counsels one share of a table; the whole table's is the run's own."""
    return run if shares == 1 else f"{run}-{share}of{shares}"


def merge_shards(run: str) -> dict[str, Any]:
    """Writes `results/<run>/` from its shares, whole or not at all.

    Returns:
        shares, sessions, and how many of these are complete. Where not all are, the same run started with shard 1/1
        goes on with the rest.

    Raises:
        ShardError: the run is there already, a share is missing, shares differ in their settings or share a client.
    """
    target = output_path("results") / run
    if target.exists():
        raise ShardError(f"{display_path(target)} is there already; move it away, then merge again")
    folders = find_shares(run)
    check_settings(folders)
    clients: dict[str, Path] = {}
    for folder in folders:
        for session in sorted(folder.glob("sessions/*/")):
            if session.name in clients:
                first = display_path(clients[session.name].parents[1])
                raise ShardError(f"client {session.name} is in {first} and in {display_path(folder)}; keep one of them")
            clients[session.name] = session
    return write_merged(target, folders, list(clients.values()))


def find_shares(run: str) -> list[Path]:
    """The folders of all shares of a run, in order."""
    results = output_path("results")
    named = re.compile(re.escape(run) + r"-(\d+)of(\d+)")
    found = {match.groups(): match.string for path in results.glob("*/") if (match := named.fullmatch(path.name))}
    if not found:
        raise ShardError(f"no share of {run} in {display_path(results)}; its folders are called {run}-1of8 and so on")
    totals = sorted({int(total) for _, total in found})
    if len(totals) > 1:
        told = " and ".join(map(str, totals))
        raise ShardError(f"{run} has shares of different numbers ({told}); move those of the wrong one away")
    (total,) = totals
    missing = [number for number in range(1, total + 1) if (str(number), str(total)) not in found]
    if missing:
        told = ", ".join(f"{run}-{number}of{total}" for number in missing)
        raise ShardError(f"{len(missing)} of {total} shares are missing in {display_path(results)}: {told}")
    return [results / found[str(number), str(total)] for number in range(1, total + 1)]


def check_settings(folders: list[Path]) -> None:
    first, *others = [(folder, yaml.safe_load((folder / "settings.yaml").read_text("utf-8"))) for folder in folders]
    for folder, settings in others:
        if differing := differences(first[1], settings, CounselSettings.MACHINE):
            raise ShardError(
                f"{display_path(folder)} has other settings than {display_path(first[0])} ({'; '.join(differing)}); "
                "only shares of one run can be merged"
            )


def write_merged(target: Path, folders: list[Path], sessions: list[Path]) -> dict[str, Any]:
    partial = target.with_name(f".{target.name}.merging")
    shutil.rmtree(partial, ignore_errors=True)
    for session in sessions:
        shutil.copytree(session, partial / "sessions" / session.name)
    complete = sum((SessionFolder(session).ended or {}).get("status") == "complete" for session in sessions)
    facts = {"shares": len(folders), "sessions": len(sessions), "complete": complete}
    settings = yaml.safe_load((folders[0] / "settings.yaml").read_text("utf-8")) | {"shard": "1/1"}
    run = Run(partial.name, settings, CounselSettings.MACHINE)
    parts = {folder.name: read_provenance(folder) for folder in folders}
    whole = complete == len(sessions) and all(part.get("status") == "complete" for part in parts.values())
    run.record("complete" if whole else "incomplete", **facts, cast=parts[folders[0].name].get("cast"), merged=parts)
    partial.rename(target)
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.shards", description="puts the shares of a run together")
    parser.add_argument("run", help="the run's name, without -1of8")
    try:
        facts = merge_shards(parser.parse_args().run)
    except ShardError as error:
        parser.error(str(error))
    print(f"{facts['shares']} shares, {facts['sessions']} sessions, {facts['complete']} of them complete")


if __name__ == "__main__":
    main()
