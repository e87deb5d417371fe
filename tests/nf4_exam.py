"""Compares the pocket model fine-tuned over 4-bit weights with the one fine-tuned over its own, on the same exam.

    python -m tests.nf4_exam --cots ec ec_planning

Trains both by `params/train/pocket-<cot>.yaml`, the second with `quantize: nf4`, and evaluates three counselors: the
first; the second over the 4-bit weights that it was trained on; and its adapter over the base model's own weights, as a
checkpoint is loaded and merged. Exits with 1 if a score of one of the last two is more than 2 points below the first's.
"""

import argparse
import os
import sys
import tempfile

import pandas as pd

from mirror.models.lora import load_checkpoint
from mirror.paths import output_path
from pocket.drawing.expressions import EXPRESSIONS
from pocket.llava.card import CLIENTS, FACES, make_counselor, paint_faces, tune
from pocket.llava.counselor_evaluation import counsel, write_evaluation_dialogues
from pocket.llava.evaluation import Rate, captions_right

MOST = 0.02  # of a score that may be lost
SCORES = ("named", "wellformed", "captions")


def row_of(llava, cot, painted, clients):
    """The scores of a counselor, as rates; captions only where it writes some."""
    answers = counsel(make_counselor(llava, cot), write_evaluation_dialogues(clients))
    scores = {
        "named": Rate.of([answer.names_expression for answer in answers]),
        "wellformed": Rate.of([not answer.faults for answer in answers]),
    }
    if "ec" in cot.split("_"):
        shown = [number % len(EXPRESSIONS) for number in range(len(painted))]
        scores["captions"] = captions_right(llava, painted, shown)
    return scores


def rows_of(cot, painted, clients, **changes):
    """The three counselors of a variant, one row each."""
    rows = []
    for quantize in ("none", "nf4"):
        place = {"run": f"exam-{cot}-{quantize}", "checkpoint_folder": f"checkpoints/exam-{quantize}"}
        llava, seconds = tune(cot, quantize=quantize, **place, **changes)
        folder = next(output_path(place["checkpoint_folder"]).glob(f"*-mirror_{cot}-task-lora-epoch*"))
        held_out = pd.read_csv(folder / "losses.csv").held_out.dropna().iloc[-1]
        models = {quantize: llava} | ({"none": load_checkpoint(folder)} if quantize == "nf4" else {})
        for base, model in models.items():
            row = {"cot": cot, "trained over": quantize, "used over": base, "held-out loss": held_out, "CPU s": seconds}
            rows.append(row | row_of(model, cot, painted, clients))
            print("; ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    return rows


def faults(rows):
    """Scores of the counselors trained over 4 bits that are too far below those of the first row."""
    first, *others = rows
    return [
        f"{row['cot']}, used over {row['used over']}: {name} is {row[name]}, not {first[name]}"
        for row in others
        for name in SCORES
        if name in row and row[name].share < first[name].share - MOST
    ]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.nf4_exam")
    parser.add_argument("--cots", nargs="+", default=["ec", "ec_planning"])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--faces", type=int, default=FACES)
    given = parser.parse_args()
    painted = paint_faces(given.faces)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MIRROR_OUTPUT"] = folder
        found = [fault for cot in given.cots for fault in faults(rows_of(cot, painted, given.clients))]
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
