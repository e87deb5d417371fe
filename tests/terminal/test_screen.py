"""What a running notebook shows, in a terminal and in a log."""

import io

import pytest

from mirror.progress_bar import ProgressLog
from mirror.terminal.screen import CLEAR, Screen


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def logged():
    """A screen that is no terminal, and its two files; the clock stands still."""
    out, err = io.StringIO(), io.StringIO()
    return Screen(out, err, ProgressLog(lambda line: err.write(f"{line}\n"), lambda: 0.0)), out, err


def shown(terminal):
    """What stands in a terminal: of each line, what was written after it was last cleared."""
    return [line.split(CLEAR)[-1] for line in terminal.getvalue().split("\n")]


def test_lines_come_whole_whatever_their_parts(logged):
    screen, out, err = logged
    for part in ("epo", "ch 1: loss 0.5", "\nepoch 2", ": loss 0.4\n", "no end"):
        screen.show("stdout", part)
    assert out.getvalue() == "epoch 1: loss 0.5\nepoch 2: loss 0.4\n"
    screen.close()
    assert out.getvalue().endswith("no end\n") and err.getvalue() == ""


def test_a_line_that_is_overwritten_is_progress(logged):
    screen, _, err = logged
    for part in ("loading: 0/9", "\rloading: 1/9", "\rloading: 5/9\r", "loading: 9/9\n"):
        screen.show("stderr", part)
    assert err.getvalue().splitlines() == ["loading: 1/9", "loading: 9/9"]
    screen.close()
    assert len(err.getvalue().splitlines()) == 2


def test_a_line_that_is_overwritten_ends_in_its_last_state_in_a_terminal():
    err = Terminal()
    screen = Screen(err, err)
    for part in ("\rloading: 1/9", "\rloading: 9/9\nloaded\n"):
        screen.show("stderr", part)
    assert shown(err) == ["loading: 9/9", "loaded", ""]


def test_a_log_gets_the_first_and_the_last_state(logged):
    screen, _, err = logged
    for number in range(9):
        screen.progress(f"training: {number}/8")
    screen.close()
    assert err.getvalue() == "training: 0/8\ntraining: 8/8\n"


def test_the_last_state_of_a_bar_stays_where_the_next_has_its_name(logged):
    screen, _, err = logged
    terminal = Terminal()
    for one in (screen, Screen(terminal, terminal)):
        for line, has_ended in (("counseling: 0/6", False), ("counseling: 6/6", True), ("counseling: 6/9", False)):
            one.progress(line, has_ended)
        one.progress("counseling: 9/9", has_ended=True)
        one.close()
    assert err.getvalue().splitlines() == [f"counseling: {state}" for state in ("0/6", "6/6", "6/9", "9/9")]
    assert shown(terminal) == ["counseling: 6/6", "counseling: 9/9", ""]


def test_in_a_terminal_the_progress_stays_below_the_lines():
    out = err = Terminal()
    screen = Screen(out, err)
    screen.progress("training: 1/8")
    screen.show("stdout", "epoch 1: loss 0.5\n")
    screen.progress("training: 2/8")
    screen.close()
    assert shown(err) == ["epoch 1: loss 0.5", "training: 2/8", ""]


def test_a_terminal_is_not_filled_beyond_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    err = Terminal()
    Screen(err, err).progress("training: " + "#" * 100)
    assert len(shown(err)[0]) == 19


@pytest.mark.parametrize(
    "line",
    [
        "[IPKernelApp] WARNING | Kernel is running over TCP without encryption. All of it is plain text.",
        "0.00s - Debugger warning: It seems that frozen modules are being used, which may",
        "0.00s - make the debugger miss breakpoints. Please pass -Xfrozen_modules=off",
    ],
)
def test_noise_of_kernels_is_dropped(logged, line):
    screen, out, err = logged
    screen.show("stderr", f"{line}\nCUDA error: out of memory\n")
    assert err.getvalue() == "CUDA error: out of memory\n"
