"""Registered studies over synthetic runs: two variants, each with the client's face and with another client's."""

import yaml

from mirror.analysis.registration.record import record_path
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.benchmarks.synthetic_runs import write_run
from mirror.files.digests import sha256
from mirror.files.json_file import write_json
from mirror.rating.instrument import read_instrument
from mirror.transcripts.arm import Arm
from tests.parameters import ANALYSE_DEFAULTS

ARMS = ("m-base", "m-ec", "m-base-swapped", "m-ec-swapped")
CLIENTS = [str(number) for number in range(12)]
BEGAN = "2026-03-01T10:00:00+00:00"
MORE = {"id": "H1", "says": "It names more.", "outcome": "names", "arm": "m-ec", "other": "m-base"}
MORE |= {"expected": "higher", "effect": 0.8}
FACE = {"id": "H2", "says": "The face matters more to ec.", "outcome": "names", "arm": "m-ec", "other": "m-ec-swapped"}
FACE |= {"minus": {"arm": "m-base", "other": "m-base-swapped"}, "expected": "higher", "effect": 0.8}


def write_arms(results, names=ARMS, clients=CLIENTS):
    """Runs that began at `BEGAN`; only `m-ec`, which sees the client's face, names the feeling far more often."""
    for name in names:
        cot = "ec" if "ec" in name else "base"
        write_run(results / name, clients, 4, 1, cot, naming=0.9 if name == "m-ec" else 0.2)
        known = yaml.safe_load((results / name / "settings.yaml").read_text())
        face = {"face": "swapped"} if name.endswith("swapped") else {}
        (results / name / "settings.yaml").write_text(yaml.safe_dump(known | face))
        write_json(results / name / "provenance.json", {"status": "complete", "started": BEGAN})
    return [results / name for name in names]


def study(folders, raters="both"):
    return Study([Arm.read(folder) for folder in folders], [read_instrument("helpfulness")], raters)


def settings(**changes):
    return AnalyseSettings.checked(ANALYSE_DEFAULTS | {"resamples": 2000} | changes, "test", check_files=False)


def write_registration(path, hypotheses=(MORE, FACE), **changes):
    values = {"title": "Faces", "question": "Does the face matter?", "arms": list(ARMS), "clients": len(CLIENTS)}
    values |= {"raters": "both", "hypotheses": list(hypotheses)} | changes
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def registered_at(path, *times, digests=None):
    """Writes the record of a registration with these times."""
    digests = [one or sha256(path) for one in digests or [""] * len(times)]
    entries = [{"sha256": digest, "at": at} for digest, at in zip(digests, times, strict=True)]
    write_json(record_path(path), {"file": path.name, "registered": entries, "code": None})
    return path
