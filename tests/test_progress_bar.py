"""Progress bars: what is counted is shown, and the bars of loading libraries are hidden only for the time asked."""

import pytest
from transformers.utils import logging

from mirror.progress_bar import progress_bar, without_loading_bars


def test_a_bar_shows_its_name_its_count_and_the_unit(capfd):
    with progress_bar("counseling", "turns", total=4, done=1) as bar:
        bar.update(2)
    assert "counseling:" in (shown := capfd.readouterr().err) and "3/4" in shown and "turns" in shown


@pytest.fixture(params=[True, False])
def shown(request):
    """Whether transformers shows its bars before the test."""
    before = logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if request.param else logging.disable_progress_bar)()
    yield request.param
    (logging.enable_progress_bar if before else logging.disable_progress_bar)()


def test_loading_bars_are_hidden_within_the_block_only(shown):
    with pytest.raises(KeyError), without_loading_bars():
        assert not logging.is_progress_bar_enabled()
        raise KeyError
    assert logging.is_progress_bar_enabled() == shown


def test_loading_bars_are_hidden_by_a_decorator_at_every_call(shown):
    @without_loading_bars()
    def load():
        return logging.is_progress_bar_enabled()

    assert [load(), load()] == [False, False] and logging.is_progress_bar_enabled() == shown
