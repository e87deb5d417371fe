"""What turns have cost: tokens of endpoints, dollars, seconds. Read from the folders of sessions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mirror.chat.prices import Price, parse_prices
from mirror.counseling.settings import CounselSettings
from mirror.transcripts.session_folder import SessionFolder, TranscriptError


@dataclass
class Spent:
    """A sum over turns.

    Attributes:
        tokens: by purpose, as in `Turn.tokens`: `client_prompt`, `client_completion`, …
        seconds: that passed, as the turns of a run share them.
    """

    tokens: Counter[str] = field(default_factory=Counter)
    seconds: float = 0

    def add(self, tokens: Mapping[str, int], seconds: float) -> None:
        """Adds one turn."""
        self.tokens.update(tokens)
        self.seconds += seconds


def read_spent(folders: Iterable[SessionFolder]) -> Spent:
    """What the turns on disk have cost, those of interrupted sessions included.

    A turn that failed or was killed left no record. A session whose files are damaged is not counted: the run reports
    it as failed, and asks nobody about it.
    """
    spent = Spent()
    for folder in folders:
        try:
            turns, seconds = folder.turns(), folder.elapsed()
        except TranscriptError:
            continue
        for turn in turns:
            spent.add(turn.tokens, seconds.get(turn.number, 0))
    return spent


def priced_roles(settings: CounselSettings) -> dict[str, Price]:
    """The price of each role whose model has one."""
    prices = parse_prices(settings.prices)
    return {role: prices[model] for role, model in settings.models.items() if model in prices}


def dollars(prices: Mapping[str, Price], tokens: Mapping[str, int]) -> float:
    """Dollars for the tokens of the roles that have a price."""
    return sum(price.cost(*(tokens.get(key, 0) for key, _ in token_names(role))) for role, price in prices.items())


def tokens_of(roles: Iterable[str], tokens: Mapping[str, int]) -> int:
    """The number of tokens that some roles read and wrote."""
    return sum(tokens.get(key, 0) for role in roles for key, _ in token_names(role))


def token_names(role: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The names in a turn's record of the tokens that a role read and wrote, each with its verb."""
    return (f"{role}_prompt", "read"), (f"{role}_completion", "written")
