"""Command line: `python -m mirror.analysis.registration power|register FILE` for a study of params/study/."""

import argparse
from datetime import datetime

from mirror.analysis.registration.deviations import MINUTE
from mirror.analysis.registration.plan import RegistrationError, read_registration
from mirror.analysis.registration.power import formatted, power_table
from mirror.analysis.registration.record import record_path, register
from mirror.analysis.tables import text
from mirror.console import run_command
from mirror.paths import display_path, input_path


def main() -> None:
    """Prints the power of a study's hypotheses, or records that it is registered."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.analysis.registration", description="Studies that are registered before their data."
    )
    commands = parser.add_subparsers(required=True)
    power = commands.add_parser("power", help="print the power of every hypothesis")
    power.add_argument("file", help="params/study/<name>.yaml")
    power.add_argument("--clients", type=int, default=0, help="their number; 0: as in the file (0)")
    power.set_defaults(act=_power)
    record = commands.add_parser("register", help="record the file's digest and the time, before the first session")
    record.add_argument("file", help="params/study/<name>.yaml")
    record.set_defaults(act=_register)
    given = parser.parse_args()
    try:
        given.act(given)
    except RegistrationError as error:
        parser.exit(2, f"{error}\n")


def _power(given: argparse.Namespace) -> None:
    plan = read_registration(input_path(given.file))
    print(text(formatted(power_table(plan, given.clients))))
    print("Effects are in standard deviations of the paired differences; p is corrected by Holm over all hypotheses.")


def _register(given: argparse.Namespace) -> None:
    path = input_path(given.file)
    read_registration(path)
    entry = register(path)
    at = datetime.fromisoformat(entry.at)
    print(f"{display_path(path)} is registered since {at:{MINUTE}}, SHA-256 {entry.digest}")
    record = display_path(record_path(path))
    print(f"Commit it with its record {record}, and publish the digest, before the first session.")


if __name__ == "__main__":
    run_command(main)
