"""What a build will take, before it begins: requests, tokens, dollars, pictures, disk."""

from collections.abc import Sequence

import pandas as pd

from mirror.building.screenplays import Screenplay
from mirror.building.screenplays.writing import WritingCost
from mirror.building.screenplays.writing.cost import SESSION
from mirror.building.settings import BuildSettings
from mirror.chat.prices import expected_tokens, parse_prices
from mirror.faces.settings import BYTES_PER_PIXEL
from mirror.prompts import Utterance, expression_prompt, format_dialogue

DESCRIPTION = 60  # tokens of a description, as expected: two lines of features
COPIES = 2  # of every picture: the run keeps one, the set holds one
TURNS = 10  # of a screenplay that is not written yet, as expected


def estimate(settings: BuildSettings, screenplays: Sequence[Screenplay], writing: WritingCost | None) -> pd.DataFrame:
    """Estimates a build from the texts before they are filtered, so that the numbers are upper limits of them.

    Args:
        settings: of the build.
        screenplays: of the table; without lines if they are still to be written.
        writing: the cost of writing them; None if they are written.

    Returns:
        One row per quantity: what, expected, at most.
    """
    sessions = len(screenplays) if writing is None else len(screenplays) * len(settings.kinds)
    lines = sum(len(one.client_lines) for one in screenplays) if writing is None else sessions * TURNS
    rows: list[tuple[str, str, str]] = [("dialogues", f"{sessions:,}", f"{sessions:,}")]
    if writing is not None:
        rows += _writing(writing)
    rows.append(("descriptions", f"{lines:,}", f"{2 * lines:,}"))
    if settings.describer == "openai":
        read = _unwritten(lines) if writing is not None else sum(map(_tokens, screenplays))
        rows += _describing(settings, read, lines)
    rows.append(("pictures to paint", f"{lines:,}", f"{lines * settings.attempts:,}"))
    size = lines * settings.face_size**2 * BYTES_PER_PIXEL * COPIES / 1e9
    rows.append(("disk", f"{size:,.2f} GB", f"{size:,.2f} GB"))
    return pd.DataFrame(rows, columns=["what", "expected", "at most"])


def _writing(cost: WritingCost) -> list[tuple[str, str, str]]:
    rows = [
        ("screenplays to write, requests", f"{cost.requests:,}", f"{cost.most_requests:,}"),
        ("tokens read for them", f"{cost.prompt_tokens:,}", f"{cost.most_prompt_tokens:,}"),
        ("tokens written for them", f"{cost.completion_tokens:,}", f"{cost.most_completion_tokens:,}"),
    ]
    if cost.dollars is not None and cost.most_dollars is not None:
        rows.append(("dollars for them", f"{cost.dollars:,.2f}", f"{cost.most_dollars:,.2f}"))
    if cost.dollars_so_far:
        rows.append(("dollars spent so far", f"{cost.dollars_so_far:,.2f}", f"{cost.dollars_so_far:,.2f}"))
    return [*rows, ("basis of these numbers", cost.rule, "the token limit, every attempt")]


def _describing(settings: BuildSettings, read: int, lines: int) -> list[tuple[str, str, str]]:
    written, most = lines * DESCRIPTION, lines * settings.describer_max_tokens
    rows = [
        ("tokens read by the describer", f"{read:,}", f"{2 * read:,}"),
        ("tokens written by the describer", f"{written:,}", f"{2 * most:,}"),
    ]
    if price := parse_prices(settings.prices).get(settings.describer_model):
        rows.append(
            ("dollars for descriptions", f"{price.cost(read, written):,.2f}", f"{price.cost(2 * read, 2 * most):,.2f}")
        )
    return rows


def _unwritten(lines: int) -> int:
    """Tokens of the describer's prompts if there are no sessions yet: on average, half of one stands before a line."""
    return lines * (expected_tokens(expression_prompt("", Utterance("", ""))) + SESSION // 2)


def _tokens(screenplay: Screenplay) -> int:
    """Tokens of the describer's prompts of a dialogue."""
    total = 0
    for line in screenplay.client_lines:
        said = [(one.speaker, one.words) for one in screenplay.lines[:line] if one.words]
        shown = screenplay.lines[line]
        total += expected_tokens(expression_prompt(format_dialogue(said), Utterance(shown.direction, shown.words)))
    return total
