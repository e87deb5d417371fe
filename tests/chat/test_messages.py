import pytest

from mirror.chat.messages import total


@pytest.mark.parametrize(
    ("tokens", "expected"), [([], None), ([None, None], None), ([3, None, 4], 7), ([0], 0), ([0, None], 0)]
)
def test_known_counts_are_summed_and_none_is_made_up(tokens, expected):
    assert total(tokens) == expected
