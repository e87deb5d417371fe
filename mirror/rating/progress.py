"""The progress bar of a rating run, with counts of missing answers, tokens and dollars."""

from collections import Counter

from tqdm import tqdm

from mirror.chat.prices import parse_prices
from mirror.rating.judge import Judgment
from mirror.rating.settings import RateSettings


class RatingProgress:
    """Advances a progress bar with every answer of a judge."""

    def __init__(self, bar: "tqdm[object]", settings: RateSettings) -> None:
        """Initializes the counts; the settings give the price of the judge's tokens."""
        self.bar = bar
        self.price = parse_prices(settings.prices).get(settings.judge_model)
        self.status: Counter[str] = Counter()
        self.prompt_tokens = self.completion_tokens = 0

    def count(self, answer: Judgment) -> None:
        """Counts one answer and advances the bar."""
        self.status[answer.status] += 1
        self.prompt_tokens += answer.prompt_tokens or 0
        self.completion_tokens += answer.completion_tokens or 0
        shown = [f"{self.status[kind]} {kind}" for kind in ("unparsable", "failed") if self.status[kind]]
        shown += [f"{self.prompt_tokens + self.completion_tokens:,} tokens"] if self.prompt_tokens else []
        shown += [f"${self.price.cost(self.prompt_tokens, self.completion_tokens):.4f}"] if self.price else []
        self.bar.set_postfix_str(", ".join(shown), refresh=False)
        self.bar.update()
