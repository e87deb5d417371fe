"""What the batches of each rule hold, counted."""

import pytest

from mirror.benchmarks.training.rules import RULES, mixed_examples
from mirror.benchmarks.training.shares import Shares, count_shares, shares_table

PACKED, CUT, BEFORE, FIXED = RULES


@pytest.mark.parametrize("rule", [PACKED, CUT])
def test_captions_had_half_of_the_steps_and_have_their_share_now(rule):
    before, now = (count_shares(one, mixed_examples(6400), 32, 16) for one in (BEFORE, rule))
    assert before.captions_of_tokens == now.captions_of_tokens == pytest.approx(0.109, abs=0.01)
    assert before.captions_in_steps == pytest.approx(0.5, abs=0.05) and before.of_one_kind > 0.9
    assert now.captions_in_steps == pytest.approx(now.captions_of_tokens, abs=0.02) and now.of_one_kind < 0.02


def test_padding_is_counted_by_hand():
    examples = mixed_examples(8)
    batch = BEFORE.plan(range(8), [e.positions for e in examples], 8, 0, 0)[0]
    lengths = sorted((examples[i].positions for i in batch), reverse=True)
    computed = 4 * lengths[0] + 4 * lengths[4]
    found = count_shares(BEFORE, examples, 8, 4)
    assert found.padding == pytest.approx(1 - sum(lengths) / computed) and found.micro_batches == 2
    assert (
        count_shares(CUT, mixed_examples(640), 32, 16).padding
        < count_shares(FIXED, mixed_examples(640), 32, 16).padding / 5
    )


def test_rows_are_padded_at_their_end_alone():
    examples = mixed_examples(8)
    positions = sum(one.positions for one in examples)
    found = count_shares(PACKED, examples, 8, 8)
    assert found.micro_batches == 1 and found.padding == pytest.approx(1 - positions / (-(-positions // 256) * 256))


def test_shares_are_a_row_a_rule():
    shares = [Shares("before", 0.9, 0.5, 0.109, 0.02, 2.0), Shares("now", 0, 0.11, 0.109, 0.015, 3.26)]
    assert shares_table(shares).splitlines()[2:] == [
        "| before | 90.0% | 50.0% | 10.9% | 2.0% | 2.0 |",
        "| now | 0.0% | 11.0% | 10.9% | 1.5% | 3.3 |",
    ]
