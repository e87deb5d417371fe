"""How often an arm is preferred: people together, the arms of the study alone, the reference second."""

import numpy as np
import pytest

from mirror.analysis.preferred.shares import LeftOut, ShareRow, answers_that_count, preference_shares
from mirror.rating.preferences import compare_preferences
from tests.parameters import analyse_settings
from tests.preferences import answer, write_answers
from tests.studies import study, write

CLIENTS = [str(number) for number in range(12)]
BOTH_ORDERS = (("m-ec", "m-base"), ("m-base", "m-ec"))


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    return study(*(write(folder, name, CLIENTS, cot) for name, cot in (("m-base", "base"), ("m-ec", "ec"))))


def shares(arms, folder, *answers, **changes):
    settings = analyse_settings(**changes)
    counted, left_out = answers_that_count(arms, [write_answers(folder, *answers)], settings)
    return preference_shares(counted, arms, settings), left_out


def test_each_client_counts_once_with_the_mean_of_all_people(arms, tmp_path):
    votes = [answer(idx, "m-ec", "m-base", "first", "ann") for idx in CLIENTS[:4]]
    votes += [answer(idx, "m-base", "m-ec", "first", "bob") for idx in CLIENTS[3:5]]
    votes += [answer(CLIENTS[5], "m-base", "m-ec", "neither", "bob")]
    table, left_out = shares(arms, tmp_path, *votes)
    (row,) = table.to_dict("records")
    assert (row["arm"], row["other"], row["judge"], row["item"]) == ("ec", "base", "humans", "helpful")
    assert row["share"] == pytest.approx((3 * 1 + 0.5 + 0 + 0.5) / 6) and row["n"] == 6
    assert (row["wins"], row["ties"], row["losses"]) == (4, 1, 2)
    assert row["low"] < row["share"] < row["high"] and left_out == LeftOut(0, 0, 0)


def test_the_reference_is_second_and_the_share_turns_with_it(arms, tmp_path):
    votes = [answer(idx, "m-ec", "m-base", "first" if place < 9 else "second") for place, idx in enumerate(CLIENTS)]
    (one,) = shares(arms, tmp_path / "one", *votes)[0].to_dict("records")
    (turned,) = shares(arms, tmp_path / "other", *votes, reference="m-ec", runs="m-base,m-ec")[0].to_dict("records")
    assert (one["arm"], turned["arm"], turned["other"]) == ("ec", "base", "ec")
    assert (one["variant"], one["other_variant"]) == (turned["other_variant"], turned["variant"]) == ("ec", "base")
    assert one["share"] == 0.75 and turned["share"] == 0.25
    assert (turned["low"], turned["high"]) == pytest.approx((1 - one["high"], 1 - one["low"]))
    assert (turned["wins"], turned["losses"]) == (one["losses"], one["wins"]) == (3, 9)
    assert turned["p_adjusted"] == one["p_adjusted"]


def test_intervals_are_of_the_level_of_the_analysis(arms, tmp_path):
    votes = [answer(idx, "m-ec", "m-base", "first" if place < 9 else "second") for place, idx in enumerate(CLIENTS)]
    (narrow,) = shares(arms, tmp_path / "narrow", *votes, level=0.8)[0].to_dict("records")
    (wide,) = shares(arms, tmp_path / "wide", *votes, level=0.99)[0].to_dict("records")
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]
    counted, _ = answers_that_count(arms, [tmp_path / "wide"], analyse_settings())
    (found,) = compare_preferences(counted, seed=1, resamples=500, level=0.99).to_dict("records")
    assert (wide["low"], wide["high"]) == pytest.approx((1 - found["high"], 1 - found["low"]))


def test_what_is_on_other_runs_or_sessions_is_left_out_and_counted(arms, tmp_path):
    votes = [answer("0", "m-ec", "m-base", "first"), answer("1", "m-ec", "llava", "first")]
    votes += [answer("999", "m-ec", "m-base", "first"), answer("0+s2", "m-ec", "m-base", "first")]
    table, left_out = shares(arms, tmp_path, *votes)
    assert table["n"].tolist() == [1] and left_out == LeftOut(other_runs=1, sessions=2, raters=0)
    assert np.isnan(table["p_adjusted"]).all() and not table["is_significant"].any()


def test_sessions_that_are_not_complete_in_both_arms_do_not_count(tmp_path):
    folders = [write(tmp_path, name, CLIENTS, cot) for name, cot in (("m-base", "base"), ("m-ec", "ec"))]
    (folders[0] / "sessions/3/end.json").unlink()
    votes = [answer(idx, "m-ec", "m-base", "first") for idx in CLIENTS]
    table, left_out = shares(study(*folders), tmp_path / "votes", *votes)
    assert table["n"].tolist() == [11] and left_out.sessions == 1


def test_judges_stand_beside_people_and_raters_says_who_counts(arms, tmp_path):
    votes = [answer(idx, "m-ec", "m-base", "first") for idx in CLIENTS]
    votes += [answer(idx, *order, "first", judge="m") for idx in CLIENTS for order in BOTH_ORDERS]
    table, _ = shares(arms, tmp_path / "both", *votes, resamples=5000)
    assert dict(zip(table["judge"], table["share"], strict=True)) == {"humans": 1, "m": 0.5}
    assert table["p_adjusted"].tolist() == [pytest.approx(2 * 2 / 2**12), 1]  # of two tests, by Holm
    table, left_out = shares(arms, tmp_path / "humans", *votes, raters="humans")
    assert table["judge"].tolist() == ["humans"] and left_out.raters == 24
    table, left_out = shares(arms, tmp_path / "judge", *votes, raters="judge")
    assert table["judge"].tolist() == ["m"] and left_out.raters == 12


def test_an_answer_that_two_folders_hold_counts_once(arms, tmp_path):
    votes = [answer("0", *order, "first", judge="m") for order in BOTH_ORDERS]
    folders = [write_answers(tmp_path / name, *votes) for name in "ab"]
    counted, _ = answers_that_count(arms, folders, analyse_settings())
    assert len(counted) == 2


def test_without_an_answer_the_table_is_empty(arms, tmp_path):
    table, _ = shares(arms, tmp_path, answer("0", "x", "y", "first"))
    assert table.empty and list(table.columns) == list(ShareRow._fields)
