"""Runs a stage: checks its parameters, makes its folder, lets papermill run the notebook, and says how it ended."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papermill.exceptions import PapermillExecutionError

from mirror.paths import whole_path
from mirror.settings.errors import SettingsError
from mirror.terminal.kernel import Interrupts, KernelDied, register
from mirror.terminal.parameters import given_parameters
from mirror.terminal.screen import Screen
from mirror.terminal.stages import Stage

MOST_LINES = 20  # of a message: one screen, with the lines around it
FAILED, INTERRUPTED, DIED = 1, 130, 138  # exit codes; papermill has the last one
# Errors before which nothing was begun, so that an earlier notebook of the run stays.
REFUSALS = ("SettingsError", "RunConflict", "FolderInUse", "DoesNotFit", "DataError", "ProfileError", "ArmError")


@dataclass(frozen=True)
class Command:
    """What was asked for.

    Attributes:
        stage: whose notebook is run.
        out: the executed notebook; empty for the run's own folder.
        options: of papermill, by the names of its command.
        words: of the command line behind `mirror`, to be repeated.
    """

    stage: Stage
    out: str
    options: Mapping[str, Any]
    words: Sequence[str]

    @property
    def line(self) -> str:
        """The command, to be typed again."""
        return shlex.join(["mirror", *self.words])


def run(command: Command, papermill: Callable[[str, str], None]) -> int:
    """Runs the notebook of a stage.

    Args:
        command: what was asked for.
        papermill: executes a notebook and writes it to a path, by the options of the command.

    Returns:
        The exit code; the reason of one other than 0 was printed.
    """
    try:
        given = given_parameters(command.options)
        values = command.stage.checked(given, check_files=not command.options["prepare_only"])
        notebook = command.stage.notebook
        out = command.out or str(command.stage.executed(values))
    except SettingsError as error:
        tell(command.stage.name, "refused", str(error))
        return FAILED
    earlier = _made_ready(out)
    print(f"{command.stage.name}: {_shown(out)}", file=sys.stderr)
    screen, interrupts = Screen(sys.stdout, sys.stderr), Interrupts()
    if not command.options["engine"]:
        register(screen, interrupts)
    try:
        papermill(str(notebook), out)
        ended = 0
    except PapermillExecutionError as error:
        screen.close()
        ended = _interrupted(command) if interrupts.count else _failed(command, error, out, earlier)
    except KernelDied as error:
        screen.close()
        tell(command.stage.name, "failed", str(error), f"How far it came is in {_shown(out)}.")
        ended = DIED
    except (RuntimeError, TimeoutError) as error:  # the kernel does not start, or a cell takes too long
        screen.close()
        tell(command.stage.name, "failed", str(error), f"How far it came is in {_shown(out)}.")
        ended = FAILED
    except KeyboardInterrupt:
        screen.close()
        ended = _interrupted(command)
    screen.close()
    if not ended:
        print(f"{command.stage.name} ended: {_shown(out)}", file=sys.stderr)
    return ended


def _made_ready(out: str) -> bytes | None:
    """Makes the folder of a local executed notebook; returns what is there of an earlier one."""
    if out == "-" or "://" in out:
        return None
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    return Path(out).read_bytes() if Path(out).is_file() else None


def _shown(out: str) -> str:
    return out if out == "-" or "://" in out else whole_path(Path(out).resolve())


def tell(name: str, verb: str, message: str, more: str = "") -> None:
    """Prints why a stage did not end well, on one screen: of several lines, the first comes again at the end.

    Args:
        name: of the stage.
        verb: `refused` or `failed`.
        message: the reason.
        more: a line between the two, such as where a traceback is.
    """
    first, *others = message.strip().splitlines() or ["no message was given"]
    shown = others[:MOST_LINES] + ([f"… and {len(others) - MOST_LINES} more lines"] if others[MOST_LINES:] else [])
    head = f"mirror {name} {verb}: {first}"
    lines = [head, *shown, *([more] if more else []), *([head] if shown else [])]
    print("\n".join(lines), file=sys.stderr)


def _failed(command: Command, error: PapermillExecutionError, out: str, earlier: bytes | None) -> int:
    """Tells of an error of the notebook; a refusal leaves the earlier notebook as it was."""
    if error.ename not in REFUSALS:
        message = f"{error.ename}: {error.evalue}" if str(error.evalue).strip() else str(error.ename)
        tell(command.stage.name, "failed", message, f"The traceback is in {_shown(out)}.")
    else:
        tell(command.stage.name, "refused", str(error.evalue))
        if earlier is not None:
            Path(out).write_bytes(earlier)
    return FAILED


def _interrupted(command: Command) -> int:
    print(f"stopped; to go on: {command.line}", file=sys.stderr)
    return INTERRUPTED
