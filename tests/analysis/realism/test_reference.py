"""The numbers of real sessions, as a user's file gives them."""

from math import isnan

import pytest

from mirror.analysis.realism.reference import RealSessionsError, read_reference

HEADER = "measure,turn,mean,sd,n,source\n"


def read(tmp_path, text):
    path = tmp_path / "real.csv"
    path.write_text(text, encoding="utf-8")
    return read_reference(path)


def test_numbers_are_read(tmp_path):
    found = read(tmp_path, HEADER + "turns,,21.5,8,40,A study\ntopics_by_turn,3,2,,40,\n")
    assert found["mean"].tolist() == [21.5, 2] and found["n"].tolist() == [40, 40]
    assert isnan(found["turn"][0]) and found["turn"][1] == 3 and isnan(found["sd"][1])
    assert found["source"].tolist() == ["A study", ""]


FAULTS = {
    "": "real.csv",
    "measure,mean\nturns,3\n": "has no column turn, sd, n, source",
    HEADER: "has no row",
    HEADER + "length,,3,1,4,\n": r"row 2: measure must be one of turns, .* found 'length'",
    HEADER + "turns,2,3,1,4,\n": r"row 2: turn is for topics_by_turn alone, which needs it; found '2'",
    HEADER + "topics_by_turn,,3,1,4,\n": r"row 2: turn is for topics_by_turn alone",
    HEADER + "talk_share,,52,1,4,\n": r"row 2: mean must be a number from 0 to 1, found '52'",
    HEADER + "turns,,many,1,4,\n": r"row 2: mean must be a number of at least 0, found 'many'",
    HEADER + "turns,,nan,1,4,\n": r"row 2: mean must be a number of at least 0, found 'nan'",
    HEADER + "turns,,3,1,0,\n": r"row 2: n must be a number of at least 1, found '0'",
}


@pytest.mark.parametrize("text, message", FAULTS.items())
def test_a_fault_is_named_with_its_row(tmp_path, text, message):
    with pytest.raises(RealSessionsError, match=message):
        read(tmp_path, text)
