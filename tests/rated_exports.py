"""A small run with ratings of a judge, of a person and by rules, for its export."""

from mirror.files.json_lines import append_line
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import FILE, RatingRecord
from tests.rated_runs import write_run

RATED = (("ctrs", "gpt-4o", "judge", 2), ("resistance", "human anna", "human", 1), ("helpfulness", "rules", "judge", 1))


def rated_run(output, name="llava"):
    """Two sessions of two turns with faces; the first is rated."""
    folder = write_run(output, name, faces=True)
    for instrument, judge, kind, repeats in RATED:
        for repeat in range(1, repeats + 1):
            rate(folder, instrument, judge, kind, repeat)
    return folder


def rate(folder, name, judge, kind="judge", repeat=1, score=3, idx="60"):
    """Rates a session, and each turn of it where the instrument says so."""
    instrument = read_instrument(name)
    for turn in (1, 2) if instrument.sees.part == "turn" else (None,):
        record = {"scores": {item.id: score for item in instrument.items}, "reason": "because", "raw": "{}"}
        record |= {"run": "rating", "asked": f"{name}{repeat}{turn}", "attempts": 1, "kind": kind, "status": "rated"}
        append_line(
            folder / FILE, RatingRecord(idx=idx, turn=turn, instrument=name, repeat=repeat, judge=judge, **record)
        )
