"""Ratings that an analysis does not use are pointed out; those by another version of an instrument are not used."""

import pytest

from mirror.analysis.caveats import StudyError
from mirror.files.json_lines import append_line
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import FILE, RatingRecord
from mirror.rating.revision.versions import stamp
from tests.studies import CLIENTS, rate, study, write


def test_ratings_by_an_instrument_that_is_not_named_are_pointed_out(tmp_path):
    folders = [write(tmp_path, f"m-{cot}", CLIENTS, cot) for cot in ("base", "ec")]
    rate(folders[0], {CLIENTS[0]: [1]})
    lines = (folders[0] / "ratings.jsonl").read_text()
    assert study(*folders, instruments=[read_instrument("helpfulness")]).caveats() == []
    (folders[1] / "ratings.jsonl").write_text(lines.replace('"helpfulness"', '"clarity"'))
    assert study(*folders, instruments=[read_instrument("helpfulness")]).caveats() == [
        "Ratings by clarity are left out: name the instrument's file in the parameter instruments."
    ]


def rated_by(folder, instrument):
    values = {"instrument": instrument.name, "repeat": 1, "status": "rated", "raw": "{}", "judge": "m", "run": "r"}
    values |= {"scores": {item.id: 3 for item in instrument.items}, "attempts": 1} | stamp(instrument)
    for idx in CLIENTS:
        append_line(folder / FILE, RatingRecord(**values, idx=idx, asked=idx))


def test_an_instrument_that_was_edited_after_use_is_refused_or_told(tmp_path):
    now = read_instrument("helpfulness")
    folders = [write(tmp_path, f"m-{cot}", CLIENTS, cot) for cot in ("base", "ec")]
    rated_by(folders[0], now.worded({"helpful": "Other words."}))
    (told,) = [one for one in study(*folders, instruments=[now]).caveats() if "another version" in one]
    assert "m-base" in told
    rated_by(folders[1], now.model_copy(update={"scale": now.scale.model_copy(update={"highest": 7})}))
    with pytest.raises(StudyError, match="given on a scale from 1 to 7, and it now goes from 1 to 5"):
        study(*folders, instruments=[now])
