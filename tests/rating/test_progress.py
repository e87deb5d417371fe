"""What the bar of a rating run shows after each answer."""

import io
from types import SimpleNamespace

from tqdm import tqdm

from mirror.rating.judge import Judgment
from mirror.rating.progress import RatingProgress

ANSWERS = (
    Judgment("rated", {}, "", ""),  # a judge that counts no tokens
    Judgment("rated", {}, "", "", prompt_tokens=1500, completion_tokens=500),
    Judgment("unparsable", {}, "", "", prompt_tokens=500, completion_tokens=None),
    Judgment("failed", {}, "", ""),
)


def shown(prices):
    with tqdm(total=len(ANSWERS), file=io.StringIO()) as bar:
        progress = RatingProgress(bar, SimpleNamespace(prices=prices, judge_model="m"))
        texts = []
        for answer in ANSWERS:
            progress.count(answer)
            texts.append(bar.postfix)
        assert bar.n == len(ANSWERS)
    return texts


def test_tokens_and_missing_answers_are_counted():
    assert shown("") == ["", "2,000 tokens", "1 unparsable, 2,500 tokens", "1 unparsable, 1 failed, 2,500 tokens"]


def test_dollars_are_those_of_the_judges_own_price():
    """At 1 and 10 dollars a million: 2000 × 1 + 500 × 10 are 7000 millionths."""
    assert shown("m 1/10, other 50/50")[-1] == "1 unparsable, 1 failed, 2,500 tokens, $0.0070"
    assert "$" not in shown("other 50/50")[-1]
