"""Trains without a notebook: `python -m mirror.training -f params/train/x.yaml`, or torchrun on several machines.

    torchrun --nnodes 2 --nproc-per-node 4 … -m mirror.training -f params/train/mirror-7b-planning.yaml -p seed 7

The options are papermill's. Under torchrun all processes train one model together; otherwise this process trains, with
as many others on this machine as `gpus` asks for.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mirror.console import run_command
from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params
from mirror.training.settings import TrainSettings

WHERE = "command line:"


def read_values(words: Sequence[str]) -> dict[str, Any]:
    """The parameters on a command line: of the files, replaced by those given one by one, as papermill reads them.

    Raises:
        SettingsError: a file cannot be read.
    """
    given = _parser().parse_args(words)
    values: dict[str, Any] = {}
    for file in given.parameters_file:
        values |= {str(name): value for name, value in read_params(file).items()}
    values |= {name: plain_value(text) for name, text in given.parameters}
    return values | dict(given.parameters_raw)


def plain_value(text: str) -> bool | int | float | str | None:
    """The value of a word on the command line, by papermill's rules."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    kinds: tuple[Callable[[str], int | float], ...] = (int, float)
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _parser() -> argparse.ArgumentParser:
    description = "Fine-tune LLaVA. The parameters are those of notebooks/train.ipynb."
    parser = argparse.ArgumentParser(prog="python -m mirror.training", description=description)
    parser.add_argument("-f", "--parameters_file", type=Path, action="append", required=True, help="a params file")
    for words, advice in (
        (("-p", "--parameters"), "a parameter, replacing that of the file"),
        (("-r", "--parameters_raw"), "a parameter whose value is text"),
    ):
        parser.add_argument(*words, nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help=advice)
    return parser


def train(settings: TrainSettings, ranks: Any = None) -> None:
    """Train as the notebook does; its figures are drawn when it is run with the same parameters afterwards.

    Args:
        settings: of the run.
        ranks: that torchrun started, this process as rank 0; None starts those that `gpus` asks for.
    """
    from mirror.training.run import Training  # takes half a minute on some machines; faulty parameters are told before

    training = Training.open(settings)
    print(training.summary(), flush=True)
    before = training.answers(training.shown_records)
    training.fit(None if ranks is None else lambda: nullcontext(ranks))
    training.compare(before)
    print(f"trained: {training.checkpoint}", flush=True)


def train_under_torchrun(values: dict[str, Any]) -> None:
    """Be one of the ranks that torchrun started.

    Raises:
        SettingsError: the parameters do not fit this machine.
    """
    from mirror.training.ranks.torchrun import torchrun_ranks

    settings = TrainSettings.checked(values, WHERE, check_files=False)
    with torchrun_ranks(settings.device) as ranks:
        if settings.gpus != 1:
            raise SettingsError(f"{WHERE} gpus is {settings.gpus}, but torchrun starts the processes; leave it 1")
        settings = TrainSettings.checked(values, WHERE).model_copy(update={"gpus": ranks.count})
        if ranks.is_first:
            train(settings, ranks)
        else:
            from mirror.training.ranks import follower

            follower.train(ranks, settings.model_copy(update={"device": str(ranks.device)}))


def main() -> None:
    """Run the command line."""
    is_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    is_follower = is_torchrun and os.environ["RANK"] != "0"
    if is_follower:  # rank 0 alone shows progress; read when tqdm and transformers are imported
        os.environ |= {"TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    try:
        values = read_values(sys.argv[1:])
        if is_torchrun:
            train_under_torchrun(values)
        else:
            train(TrainSettings.checked(values, WHERE))
    except SettingsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    run_command(main)
