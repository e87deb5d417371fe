"""Progress bars: what is counted is shown."""

from mirror.progress_bar import progress_bar


def test_a_bar_shows_its_name_its_count_and_the_unit(capfd):
    with progress_bar("counseling", "turns", total=4, done=1) as bar:
        bar.update(2)
    assert "counseling:" in (shown := capfd.readouterr().err) and "3/4" in shown and "turns" in shown
