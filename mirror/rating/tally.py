"""Counts the answers of a judge beside a progress bar. Knows nothing of questions."""

from collections import Counter

from tqdm import tqdm

from mirror.chat.prices import parse_prices
from mirror.rating.judge import Answer
from mirror.rating.settings import RateSettings


class Tally:
    """Moves a bar with every answer: unparsable and failed ones, tokens, dollars."""

    def __init__(self, bar: tqdm, settings: RateSettings) -> None:
        self.bar = bar
        self.price = parse_prices(settings.prices).get(settings.judge_model)
        self.status: Counter[str] = Counter()
        self.read = self.written = 0

    def count(self, answer: Answer) -> None:
        self.status[answer.status] += 1
        self.read += answer.prompt_tokens or 0
        self.written += answer.completion_tokens or 0
        told = [f"{self.status[kind]} {kind}" for kind in ("unparsable", "failed") if self.status[kind]]
        told += [f"{self.read + self.written:,} tokens"] if self.read else []
        told += [f"${self.price.cost(self.read, self.written):.4f}"] if self.price else []
        self.bar.set_postfix_str(", ".join(told), refresh=False)
        self.bar.update()
