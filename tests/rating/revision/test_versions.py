"""An instrument that is edited after use: another scale and other items are refused, other words are told."""

import pytest

from mirror.files.json_lines import append_line
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import FILE, RatingRecord
from mirror.rating.revision.versions import changes, refuse_other_scales, stamp
from mirror.run_folder import RunConflict

NOW = read_instrument("helpfulness")
WIDER = NOW.model_copy(update={"scale": NOW.scale.model_copy(update={"highest": 7})})
FEWER = NOW.model_copy(update={"items": NOW.items[:1]})
TURNED = NOW.model_copy(update={"items": [NOW.items[0].model_copy(update={"reversed": True}), *NOW.items[1:]]})
OTHER = {item.id: "Other words." for item in NOW.items}
REWORDED = NOW.worded(OTHER)


def rated(folder, instrument=NOW, **changes):
    values = {"idx": "60", "instrument": instrument.name, "repeat": 1, "status": "rated", "raw": "{}", "judge": "m"}
    values |= {"scores": {item.id: 3 for item in instrument.items}, "run": "r", "asked": "0", "attempts": 1}
    append_line(folder / FILE, RatingRecord(**values | stamp(instrument) | changes))


def test_the_same_instrument_is_no_change_and_neither_are_ratings_of_before(tmp_path):
    rated(tmp_path)
    rated(tmp_path, WIDER, idx="61", instrument_sha256="", scale=None)
    line = (tmp_path / FILE).read_text().splitlines()[1]
    assert "instrument_sha256" not in line and "scale" not in line
    assert changes(tmp_path, [NOW]) == []


@pytest.mark.parametrize(
    "before, told",
    [
        (WIDER, "given on a scale from 1 to 7, and it now goes from 1 to 5"),
        (FEWER, "other items than it has now (emp"),
        (TURNED, f"when {NOW.items[0].id} had another direction"),
    ],
)
def test_another_scale_and_other_items_are_refused_with_advice(tmp_path, before, told):
    rated(tmp_path, before)
    (change,) = changes(tmp_path, [NOW])
    assert told in change.refusal and "another name" in change.refusal and not change.caveat
    with pytest.raises(RunConflict, match="give the edited one another name"):
        refuse_other_scales([tmp_path], [NOW])


def test_other_words_are_told(tmp_path, caplog):
    rated(tmp_path, REWORDED)
    (change,) = changes(tmp_path, [NOW])
    assert "ratings by helpfulness were given by another version of it" in change.caveat and not change.refusal
    refuse_other_scales([tmp_path], [NOW])
    assert change.caveat in caplog.text


def test_what_was_rated_again_counts_as_it_was_rated_last(tmp_path):
    rated(tmp_path, WIDER)
    rated(tmp_path)
    assert changes(tmp_path, [NOW]) == []


def test_licensed_words_are_held_against_each_other(tmp_path):
    licensed = read_instrument("panas").moments()[0]
    words = licensed.worded({item.id: "my words" for item in licensed.items})
    rated(tmp_path, words)
    assert changes(tmp_path, [licensed]) == []
    rated(tmp_path, licensed.worded({item.id: "other words" for item in licensed.items}), idx="61")
    assert changes(tmp_path, [licensed])[0].caveat
