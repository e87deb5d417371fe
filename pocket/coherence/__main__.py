"""Prints, by arm, the shares of replies that fit their pocket clients: `python -m pocket.coherence RUN…`.

Only for runs with the clients of pocket/data, or with clients who have their names and worries.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mirror.console import run_command
from mirror.transcripts.arm import ArmError
from pocket.coherence.runs import COLUMNS, check_run, format_row, pocket_clients


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, and with `--misfits` each reply that does not fit."""
    parser = argparse.ArgumentParser(prog="python -m pocket.coherence", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results/<run>")
    parser.add_argument("--misfits", action="store_true", help="also print the replies that do not fit")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            pocket_clients(run)  # before any turn is read
        checked = {run.name: check_run(run) for run in options.runs}
    except (ArmError, ValueError) as error:
        parser.error(str(error))
    rows = [COLUMNS, *(format_row(name, found) for name, found in checked.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for name, found in checked.items() if options.misfits else ():
        for one in found:
            if not one.fit.all or one.plan:
                print(f"\n{name}/{one.session}, turn {one.turn.number} ({one.shown}): {one.turn.reply}")
                faults = {"name": one.fit.name, "worry": one.fit.worry, "face": one.fit.face, "plan": one.plan or ()}
                told = [f"{part}: {', '.join(words)}" for part, words in faults.items() if words]
                print(f"  does not fit: {'; '.join(told)}")


if __name__ == "__main__":
    run_command(main)
