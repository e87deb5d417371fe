"""Studies of human raters over synthetic runs, and forms filled in by known rules."""

import json
import random

from mirror.benchmarks.synthetic_runs import write_run
from mirror.rating.forms.key import read_key
from mirror.rating.forms.study import FormSettings, write_study

RUNS = ("mirror-7b-ec_planning", "llava-7b-base")
SECRETS = ("mirror", "llava", "7b", "ec_planning", "invented", "checkpoint")  # of these runs, and of any name in them


def write_runs(output, clients=("60", "61", "62"), turns=2, pictures=0, names=RUNS):
    """Synthetic runs below `output`, one for each variant."""
    for seed, (name, cot) in enumerate(zip(names, ("ec_planning", "base"), strict=False), 1):
        write_run(output / "results" / name, list(clients), turns, seed, cot, pictures=pictures)
    return [f"results/{name}" for name in names]


def study(output, runs, name="forms", **changes):
    """A study of two raters, who both rate everything."""
    values = {"instrument": "helpfulness", "wording": "", "raters": ("anna", "ben"), "overlap": None, "sessions": 0}
    values |= {"faces": "counselor", "seed": 42, "formats": ("html", "csv")}
    write_study(name, FormSettings(runs=tuple(runs), **values | changes))
    return output / "results" / name


def form_of(study_folder, rater):
    """The id of a rater's form."""
    return next(id for id, form in read_key(study_folder).forms.items() if form.rater == rater)


def filled(study_folder, rater, value, leave=lambda code, turn, item: False):
    """What a rater's form exports: `value` gives an answer from code, turn and item; `leave` says which are left."""
    key, form = read_key(study_folder), form_of(study_folder, rater)
    answers = [
        {"code": code, "turn": turn, "item": item, "value": value(code, turn, item), "at": "2026-01-02T03:04:05.678Z"}
        for code, turn in key.parts(form)
        for item in key.items
        if not leave(code, turn, item)
    ]
    facts = {"format": "counseling ratings", "version": 1, "form": form, "rater": rater}
    facts |= {"instrument_sha256": key.instrument_sha256, "exported": "2026-01-02T03:05:00.000Z"}
    return facts | {"answers": answers, "comments": []}


def save(path, record):
    path.write_text(json.dumps(record))
    return path


def drawn(key, noise=0.0):
    """A rule: a value drawn by code, turn and item; with the probability `noise` one step further."""

    def value(code, turn, item):
        chance = random.Random(f"{code} {turn} {item}")
        true = chance.randint(key.lowest, key.highest)
        step = chance.choice((-1, 1)) * (chance.random() < noise)
        return min(key.highest, max(key.lowest, true + step))

    return value
