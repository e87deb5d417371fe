"""How a study's sessions compare with real ones: the claim, its numbers and its figure."""

import pytest

from mirror.analysis.realism.features import FEATURES, TOPICS_BY_TURN
from mirror.analysis.realism.report import realism
from tests.parameters import analyse_settings
from tests.studies import study, write

REAL = """measure,turn,mean,sd,n,source
turns,,6,2,40,A study
counselor_words,,400,5,40,A study
topics_by_turn,1,2,1,40,A study
topics_by_turn,6,5,1,40,A study
"""


@pytest.fixture
def arms(tmp_path):
    return study(write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec"))


def test_without_real_sessions_the_numbers_stand_alone(arms):
    found = realism(arms, analyse_settings())
    assert "No real sessions are given" in found.claim and found.figure is not None
    turns = found.table.loc[found.table["measure"] == "turns"]
    assert turns["arm"].tolist() == ["base", "ec"] and (turns["mean"] == 6).all() and (turns["n"] == 4).all()
    assert set(found.table["measure"]) <= {*FEATURES, TOPICS_BY_TURN}


def test_real_sessions_stand_behind_the_arms_and_are_judged(arms, tmp_path):
    path = tmp_path / "real.csv"
    path.write_text(REAL)
    found = realism(arms, analyse_settings(reference_sessions=str(path)))
    assert "1 of 2 measures in base (not words of a reply, below)" in found.claim
    assert "A study" in found.caption
    turns = found.table.loc[(found.table["measure"] == "turns") & (found.table["arm"] == "ec")]
    assert turns["real_mean"].tolist() == [6]
    *panels, topics = found.figure.axes
    assert len(panels) == len(FEATURES) and "real sessions" in [line.get_label() for line in topics.get_lines()]
    assert [panel.get_title(loc="left") for panel in panels] == [label for label, _ in FEATURES.values()]


def test_a_study_without_a_complete_session_has_no_numbers(tmp_path):
    folder = write(tmp_path, "m-base")
    for end in folder.glob("sessions/*/end.json"):
        end.unlink()
    assert realism(study(folder), analyse_settings()).table is None
