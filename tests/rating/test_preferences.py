import numpy as np
import pytest

from mirror.files.json_lines import append_line
from mirror.rating.preferences import FILE, PreferenceRecord, compare_preferences, read_preferences


def preference(idx, first, second, preferred, repeat=1, status="rated"):
    return PreferenceRecord(
        idx=idx,
        first=first,
        second=second,
        instrument="ctrs",
        repeat=repeat,
        status=status,
        scores={"focus": preferred},
        raw="",
        judge="some-model",
        run="rate",
        asked="0",
        attempts=1,
    )


def compared(folder, *lines):
    for line in lines:
        append_line(folder / FILE, line)
    return compare_preferences(read_preferences(folder), seed=0)


def test_both_orders_count_for_the_arm(tmp_path):
    lines = [preference(idx, "a", "b", "first") for idx in "1234"] + [
        preference(idx, "b", "a", "second") for idx in "1234"
    ]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["arm"], row["other"], row["item"], row["share"]) == ("a", "b", "focus", 1)
    assert (row["n"], row["missing"], row["consistent"], row["first_preferred"]) == (4, 0, 1, 0.5)
    assert (row["wins"], row["ties"], row["losses"]) == (8, 0, 0)
    assert row["p"] == pytest.approx(2 / 16)


def test_a_judge_that_goes_by_the_place_prefers_nobody(tmp_path):
    lines = [preference(idx, *order, "first") for idx in "1234" for order in ("ab", "ba")]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["share"], row["consistent"], row["first_preferred"], row["p"]) == (0.5, 0, 1, 1)


def test_a_missing_order_makes_the_client_missing(tmp_path):
    lines = [
        preference("1", "a", "b", "first"),
        preference("1", "b", "a", "second"),
        preference("2", "a", "b", "first"),
        preference("2", "b", "a", None, status="unparsable"),
        preference("3", "b", "a", "neither"),
    ]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["n"], row["missing"], row["share"]) == (1, 2, 1)
    assert (row["wins"], row["ties"], row["losses"]) == (3, 1, 0)


def test_the_mean_over_repeats_is_one_client(tmp_path):
    lines = [preference("1", "a", "b", "first", repeat) for repeat in (1, 2)]
    lines += [preference("1", "b", "a", preferred, repeat) for repeat, preferred in ((1, "second"), (2, "first"))]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["n"], row["share"], row["consistent"]) == (1, 0.75, 0.5)


def test_nothing_compared_is_an_empty_table(tmp_path):
    assert read_preferences(tmp_path).empty and compared(tmp_path).empty


def test_the_table_keeps_what_is_missing(tmp_path):
    append_line(tmp_path / FILE, preference("1", "a", "b", None, status="failed"))
    table = read_preferences(tmp_path)
    assert table["preferred"].isna().all() and table["status"].tolist() == ["failed"]
    assert np.isnan(compare_preferences(table, 0)["share"]).all()


def test_sessions_of_one_client_are_one_client(tmp_path):
    lines = [preference(idx, *order, "first") for idx in ("1", "2") for order in ("ab", "ba")]
    lines += [preference("1+s2", "a", "b", "first"), preference("1+s2", "b", "a", "second")]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["n"], row["share"]) == (2, pytest.approx((0.75 + 0.5) / 2))


def test_a_person_sees_a_pair_once_so_one_order_is_a_vote(tmp_path):
    seen = [("1", "a", "b", "first"), ("2", "b", "a", "second"), ("3", "b", "a", "first"), ("4", "a", "b", None)]
    lines = [preference(*one).model_copy(update={"judge": "human ann", "kind": "human"}) for one in seen]
    row = compared(tmp_path, *lines).iloc[0]
    assert (row["share"], row["n"], row["missing"]) == (pytest.approx(2 / 3), 3, 1)
    assert np.isnan(row["consistent"]) and set(read_preferences(tmp_path)["kind"]) == {"human"}
