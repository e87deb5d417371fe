"""Studies of synthetic counseling runs: runs of a few short sessions, with ratings where a test asks for them."""

import json

import yaml

from mirror.analysis.study import Study
from mirror.benchmarks.synthetic_runs import write_run
from mirror.files.json_lines import append_line
from mirror.rating.instrument import known_instruments
from mirror.rating.ratings import FILE, RatingRecord
from mirror.transcripts.arm import Arm

CLIENTS = ["60", "61", "62", "100"]


def write(tmp_path, name, clients=CLIENTS, cot="base", **settings):
    folder = tmp_path / name
    write_run(folder, clients, 6, 3, cot)
    known = yaml.safe_load((folder / "settings.yaml").read_text())
    (folder / "settings.yaml").write_text(yaml.safe_dump(known | settings))
    return folder


def study(*folders, instruments=(), raters="both", **options):
    return Study([Arm.read(folder) for folder in folders], instruments, raters, **options)


def items_of(instrument):
    return next([item.id for item in one.items] for one in known_instruments() if one.name == instrument)


def rate(folder, scores, judge="m", instrument="helpfulness"):
    items = items_of(instrument)
    lines = [
        {"idx": idx, "instrument": instrument, "repeat": repeat, "status": "rated" if score is not None else "failed"}
        | {"scores": dict.fromkeys(items, score), "raw": "", "judge": judge, "run": "r", "asked": f"{idx}{repeat}"}
        | {"attempts": 1}
        for idx, repeats in scores.items()
        for repeat, score in enumerate(repeats, 1)
    ]
    (folder / "ratings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def rate_by_people(folder, scores, instrument="helpfulness"):
    """Adds the ratings of people, one score for all items, by person and client."""
    items = items_of(instrument)
    facts = {"instrument": instrument, "repeat": 1, "status": "rated", "raw": "", "run": "forms", "attempts": 1}
    for name, of_clients in scores.items():
        for idx, score in of_clients.items():
            values = {"idx": idx, "scores": dict.fromkeys(items, score), "asked": f"{name} {idx}", "kind": "human"}
            append_line(folder / FILE, RatingRecord(judge=f"human {name}", **facts | values))
