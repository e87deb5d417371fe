"""What is said of preferences: who prefers whom, how sure that is, and what was left out."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mirror.analysis.preferred.report import NONE_COUNTS, NONE_NAMED, preferred, sentence
from mirror.analysis.preferred.shares import ShareRow
from mirror.analysis.registration.verdict import EXPLORATORY
from tests.parameters import analyse_settings
from tests.preferences import answer, write_answers
from tests.studies import study, write

CLIENTS = [str(number) for number in range(12)]


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    return study(*(write(folder, name, CLIENTS, cot) for name, cot in (("m-base", "base"), ("m-ec", "ec"))))


def row(**changes):
    facts = (
        "ec",
        "base",
        "ec",
        "base",
        "helpfulness",
        "helpful",
        "humans",
        0.7,
        0.55,
        0.85,
        20,
        1,
        15,
        2,
        4,
        0.02,
        1e-6,
        True,
    )
    return ShareRow(*facts)._replace(**changes)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, "People prefer ec to base (helpful): 70% of clients for ec, 95% CI 55 to 85%, p = 0.020, n = 20."),
        ({"share": 0.3, "low": 0.15, "high": 0.45, "judge": "m"}, "m prefers base to ec (helpful): 30% of clients for"),
        (
            {"is_significant": False, "p_adjusted": 0.25, "least_p": 0.25},
            "People: so few clients cannot show a significant preference between ec and base (helpful): 70%",
        ),
        (
            {"is_significant": False, "p_adjusted": 0.2},
            "People: no significant preference between ec and base (h",
        ),
        ({"low": float("nan"), "high": float("nan")}, "the same for every client, so without an interval"),
        ({"n": 1}, "People: ec and base (helpful) cannot be compared; 1 client with an answer."),
        ({"n": 0, "share": float("nan")}, "cannot be compared; 0 clients with an answer."),
    ],
)
def test_a_row_is_a_sentence_that_is_true_of_it(changes, words):
    assert words in sentence(row(**changes), 0.95)


def test_preferences_are_a_claim_a_table_and_a_figure(arms, output):
    votes = [answer(idx, "m-ec", "m-base", "first" if place < 11 else "second") for place, idx in enumerate(CLIENTS)]
    write_answers(output / "results/votes", *votes, answer("0", "m-ec", "llava", "first"))
    found = preferred(arms, analyse_settings(preferences="results/votes"), output / "tables")
    assert "**People prefer ec to base (helpful): 92% of clients for ec, 95% CI" in found.claim
    assert "| ec vs. base | helpfulness: helpful | humans | 12 | 0 | 92% |" in found.claim
    assert "| 11, 0, 1 |" in found.claim and "Left out: 1 answer on other runs than these." in found.claim
    assert EXPLORATORY not in found.claim and "95% bootstrap intervals" in found.caption
    assert pd.read_csv(output / "tables/preferences.csv")["preferred"].tolist() == ["92%"]
    (axes,) = found.figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    markers = [float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() not in ("None", "", None)]
    assert labels == ["ec  (n = 12)", "base  (n = 12)"] and markers == pytest.approx([11 / 12, 1 / 12])
    plt.close(found.figure)


def test_without_answers_it_says_so_and_leaves_no_table(arms, output):
    folder = output / "tables"
    write_answers(output / "results/votes", answer("0", "m-ec", "m-base", "first"))
    plt.close(preferred(arms, analyse_settings(preferences="results/votes"), folder).figure)
    assert (folder / "preferences.csv").is_file() and (folder / "preferences.tex").is_file()
    assert NONE_NAMED in preferred(arms, analyse_settings(), folder).claim and not list(folder.iterdir())
    settings = analyse_settings(preferences="results/votes", raters="judge")
    found = preferred(arms, settings, folder)
    assert NONE_COUNTS in found.claim and found.figure is None
    assert "Left out: 1 answer by raters that do not count (`raters` is `judge`)." in found.claim


def test_in_a_registered_study_preferences_are_exploratory(arms, output):
    write_answers(output / "results/votes", *(answer(idx, "m-ec", "m-base", "first") for idx in CLIENTS))
    settings = analyse_settings(preferences="results/votes", registration="params/study/mirror-7b.yaml")
    found = preferred(arms, settings, output / "tables")
    plt.close(found.figure)
    assert EXPLORATORY in found.claim
