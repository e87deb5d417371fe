"""Asks for known vulnerabilities of the pinned packages (pip-audit), and says plainly what could be asked.

`make audit` runs it. Exit status 1 where vulnerabilities are known; 0 else, also where the service cannot be reached.
"""

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
AUDIT = ("--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--timeout", "10")


def report(written: str, complaint: str) -> tuple[str, bool]:
    """What an audit found, in words, and whether a vulnerability is known.

    Args:
        written: what pip-audit wrote, JSON; anything else where it could not ask.
        complaint: its messages.
    """
    try:
        packages = json.loads(written)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (complaint.strip().splitlines() or ["no message"])[-1]
        return f"NOT AUDITED: the service for known vulnerabilities cannot be reached ({last:.200})", False
    audited = [package for package in packages if "skip_reason" not in package]
    told = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package in audited
        for fault in package["vulns"]
    ]
    unknown = len(packages) - len(audited)
    if not audited:
        return f"NOT AUDITED: the service knows none of the {len(packages)} pinned packages", False
    summary = f"{len(audited)} of {len(packages)} pinned packages audited, {unknown} unknown to the service; "
    return "\n".join([*told, summary + f"{len(told)} vulnerabilities known"]), bool(told)


def main() -> None:
    command = [sys.executable, "-m", "pip_audit", *AUDIT, "--requirement", str(CONSTRAINTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    words, is_vulnerable = report(done.stdout, done.stderr)
    print(words)
    sys.exit(1 if is_vulnerable else 0)


if __name__ == "__main__":
    main()
