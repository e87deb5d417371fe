"""What the ratings of a study of any size will cost: questions, tokens, dollars. Before any session exists.

    python -m mirror.rating.spending.plan -f params/rate/ctrs.yaml --clients 100 --arms 2

The judge's real prompts are counted, for sessions of lines of the usual length; `Judging.estimate` counts those of the
sessions themselves once they are there.
"""

import argparse
from pathlib import Path

import pandas as pd

from mirror.chat.prices import Price, parse_prices
from mirror.console import run_command
from mirror.rating.questions import pair_case, session_cases
from mirror.rating.settings import RateSettings
from mirror.rating.spending.estimate import RULES_OF_THUMB, expected
from mirror.settings.errors import SettingsError
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import FaceRecord, Turn

LINE = " ".join(["I am not sure that this is going to help me much."] * 3)  # as long as a line of the published set
CUE = "looks down and crosses arms"
BASIS = f"Expected: lines of the usual length, {RULES_OF_THUMB}. At most: the token limit, every attempt."


def plan(settings: RateSettings, clients: int, arms: int, turns: int, price: Price | None) -> pd.DataFrame:
    """Counts the ratings of a study.

    Args:
        settings: of the rating run; the runs that they name need not exist.
        clients: each has a session in every arm.
        arms: runs that are rated; with `pairs`, each two are compared on every client, in both orders.
        turns: of a session.
        price: of the judge; None if it is not known.

    Returns:
        One row per quantity: what, expected, at most.

    Raises:
        InstrumentError: an instrument cannot be used.
    """
    folder, said = SessionFolder(Path("session")), tuple(_turn(number) for number in range(1, turns + 1))
    instruments = settings.read_instruments()
    cases = [case for one in instruments for case in session_cases(one, folder, said, settings.faces)]
    compared = [
        pair_case(one, [(folder, said)] * 2, settings.faces)
        for one in instruments
        if settings.pairs and one.can_compare
    ]
    counts = ((cases, clients * arms), (compared, clients * arms * (arms - 1)))
    asked = [(case, times * settings.repeats) for of, times in counts for case in of]
    questions = sum(times for _, times in asked)
    read, written = (round(sum(expected(case)[which] * times for case, times in asked)) for which in (0, 1))
    most = (settings.attempts * read, settings.attempts * settings.max_tokens * questions)
    rows = [
        ("sessions", f"{clients * arms:,}", f"{clients * arms:,}"),
        ("questions", f"{questions:,}", f"{questions:,}"),
    ]
    if settings.judge == "openai":
        rows += [("tokens read", f"{read:,}", f"{most[0]:,}"), ("tokens written", f"{written:,}", f"{most[1]:,}")]
        rows += [("dollars", f"{price.cost(read, written):,.4g}", f"{price.cost(*most):,.4g}")] if price else []
    return pd.DataFrame(rows, columns=["what", "expected", "at most"])


def _turn(number: int) -> Turn:
    face = FaceRecord(file=f"faces/{number:02}.png", attempts=(), chosen=0, exhausted=False)
    return Turn(number=number, cue=CUE, words=LINE, client_raw="", face=face, reply=LINE)


def main() -> None:
    """Prints the plan of the ratings on the command line."""
    program = "python -m mirror.rating.spending.plan"
    what = "Say what the ratings of a study will cost: questions, tokens, dollars. Asks nobody and needs no session."
    example = f'{program} -f params/rate/ctrs.yaml --clients 100 --arms 2 --prices "gpt-4o 2.50/10"'
    parser = argparse.ArgumentParser(prog=program, description=what, epilog=f"For example: {example}")
    parser.add_argument("-f", dest="params", required=True, help="params/rate/<configuration>.yaml")
    parser.add_argument("--clients", type=_positive, required=True, help="each has a session in every arm")
    parser.add_argument("--arms", type=_positive, default=1, help="runs that are rated (default: 1)")
    parser.add_argument("--turns", type=_positive, default=20, help="of a session (default: 20)")
    parser.add_argument("--prices", help="of the judge, as the parameter (default: those of the configuration)")
    given = parser.parse_args()
    try:
        changes = {} if given.prices is None else {"prices": given.prices}
        settings = RateSettings.from_file(given.params, check_files=False, **changes)
        price = parse_prices(settings.prices).get(settings.judge_model)
        found = plan(settings, given.clients, given.arms, given.turns, price)
    except (SettingsError, ValueError, OSError) as error:
        parser.error(str(error))
    print(found.to_string(index=False))
    print(BASIS)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, found {text}")
    return number


if __name__ == "__main__":
    run_command(main)
