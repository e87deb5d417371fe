"""Progress bars: what is counted is shown."""

from mirror.progress_bar import ProgressLog, progress_bar


def test_a_bar_shows_its_name_its_count_and_the_unit(capfd):
    with progress_bar("counseling", "turns", total=4, done=1) as bar:
        bar.update(2)
    assert "counseling:" in (shown := capfd.readouterr().err) and "3/4" in shown and "turns" in shown


class Clock:
    """Shows the seconds that it is set to."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_log_has_a_line_every_half_minute_and_the_first_and_last():
    clock, lines = Clock(), []
    log = ProgressLog(lines.append, clock)
    for number in range(0, 101):
        clock.now = float(number)
        log.show(f"training: {number}/100")
    log.close()
    assert lines == [f"training: {number}/100" for number in (0, 30, 60, 90, 100)]


def test_a_state_that_is_also_the_last_is_written_once_of_each_bar():
    lines = []
    log = ProgressLog(lines.append, Clock())
    for _ in range(2):
        log.show("counseling: 0/6")
        log.show("counseling: 0/6")
        log.close()
    assert lines == ["counseling: 0/6"] * 2


def test_the_next_bar_first_ends_the_last_one():
    lines = []
    log = ProgressLog(lines.append, Clock())
    for line in ("compiling: 0/2", "compiling: 1/2", "", "counseling: 0/6", "counseling: 1/6"):
        log.show(line)
    assert lines == ["compiling: 0/2", "compiling: 1/2", "counseling: 0/6"]
    log.close()
    log.close()
    assert lines[3:] == ["counseling: 1/6"]
