"""Starts the console commands: all search for garbage seldom, and end alike once nobody reads what they print."""

import os
import select
import sys
from collections.abc import Callable
from typing import NoReturn

from mirror.garbage import search_seldom

PIPE_CLOSED = 141  # the exit code that a shell gives a program that SIGPIPE ended


def run_command(command: Callable[[], object]) -> NoReturn:
    """Runs a command and ends the process with what it returns, as `sys.exit` understands it.

    A reader such as `head` closes the pipe once it has enough. The command then ends without a message, with 141.

    Args:
        command: does the work and prints to standard output.

    Raises:
        SystemExit: always.
        BrokenPipeError: of another pipe or connection than standard output.
    """
    search_seldom()
    try:
        try:
            code = command()
        except SystemExit as ended:  # argparse, after its help
            code = ended.code
        sys.stdout.flush()
    except BrokenPipeError:
        if not _has_lost_its_reader(sys.stdout.fileno()):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # takes what the interpreter flushes at its end
        code = PIPE_CLOSED
    sys.exit(code)  # type: ignore[arg-type]


def _has_lost_its_reader(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)  # closed ends are told of without being asked for
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
