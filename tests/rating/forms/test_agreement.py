"""The agreement of people and judges, held against the definitions on answers that are known."""

import json

import numpy as np
import pandas as pd
import pytest

from mirror.files.json_lines import append_line
from mirror.rating.forms.agreement import (
    Agreements,
    agreement_text,
    agreements,
    humans_table,
    judges_table,
    study_agreement,
)
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import FILE, RatingRecord, read_ratings
from mirror.statistics import icc, krippendorff_alpha, mean_interval
from tests.filled_forms import RUNS, drawn, filled, save, study, write_runs

CLIENTS = [str(idx) for idx in range(60, 68)]


@pytest.fixture
def folder(output, tmp_path):
    """Eight clients in two runs, rated by two people, who share four, and by a judge, twice; one of its is missing."""
    made = study(output, write_runs(output, CLIENTS, turns=1), overlap=4)
    key = read_key(made)
    rules = {"anna": drawn(key), "ben": drawn(key, noise=0.5)}
    import_files(made, [save(tmp_path / f"{name}.json", filled(made, name, rule)) for name, rule in rules.items()])
    for code, session in key.sessions.items():
        for repeat in (1, 2):
            scores = {item: judged(key, code, item, repeat) for item in key.items}
            values = {"idx": session.idx, "instrument": "helpfulness", "repeat": repeat, "status": "rated", "raw": "{}"}
            record = RatingRecord(**values, scores=scores, judge="m", run="rate", asked=f"{code}{repeat}", attempts=1)
            append_line(key.run_folder(code) / FILE, record)
    return made


def judged(key, code, item, repeat):
    """The judge is a step above the true value in half of its answers."""
    return None if (code, item) == (sorted(key.sessions)[0], "empathy") else min(
        key.highest, drawn(key)(code, None, item) + (repeat == 2)
    )  # fmt: skip


def answered(folder):
    """The imported answers: [item][rater][code]."""
    table = pd.read_csv(folder / "answers.csv")
    return {item: of.pivot(index="rater", columns="code", values="value") for item, of in table.groupby("item")}


def test_people_agree_as_their_answers_do(folder):
    found = study_agreement(folder, seed=1).humans.set_index("item")
    for item, wide in answered(folder).items():
        row, scores = found.loc[item], wide.to_numpy(float)
        assert (row["raters"], row["units"], row["shared"]) == (2, 8, 8)
        assert row["alpha"] == pytest.approx(krippendorff_alpha(scores, "ordinal"))
        assert row["interval_alpha"] == pytest.approx(krippendorff_alpha(scores, "interval"))
        assert (row["icc"], row["icc_mean"]) == pytest.approx(icc(scores)[:2])
        assert row["low"] <= row["alpha"] <= row["high"] <= 1


def test_a_judge_is_compared_with_the_mean_of_people_by_item_and_arm(folder):
    key = read_key(folder)
    found = study_agreement(folder, seed=1).judges.set_index(["item", "arm"])
    assert set(found.index) == {(item, arm) for item in key.items for arm in ("all", *RUNS)}
    for item, wide in answered(folder).items():
        for arm in RUNS:
            codes = [code for code in wide.columns if key.sessions[code].run == f"results/{arm}"]
            rated = {code: [judged(key, code, item, repeat) for repeat in (1, 2)] for code in codes}
            codes = [code for code in codes if None not in rated[code]]
            people, judge = wide[codes].mean().to_numpy(), np.array([np.mean(rated[code]) for code in codes])
            row = found.loc[(item, arm)]
            assert row["units"] == row["clients"] == len(codes)
            assert row["alpha"] == pytest.approx(krippendorff_alpha([people, judge], "interval"))
            assert row["correlation"] == pytest.approx(np.corrcoef(people, judge)[0, 1])
            assert row["difference"] == pytest.approx((judge - people).mean())
            low, high = mean_interval((judge - people)[:, None], 1)
            assert (row["low"], row["high"]) == pytest.approx((low[0], high[0]))
            assert row["alpha_low"] <= row["alpha"] <= row["alpha_high"]
    units = found["units"].unstack()
    assert (units["all"] == units[list(RUNS)].sum(axis=1)).all() and units.loc["empathy", "all"] == 15
    assert (found.xs("all", level="arm")["clients"] == 8).all()  # both runs have the same clients


def test_other_studies_of_the_same_runs_do_not_count(folder, output, tmp_path):
    before = agreement_text(study_agreement(folder, seed=1))
    other = study(output, [f"results/{run}" for run in RUNS], name="other", raters=("cleo", "dan"))
    for name in ("cleo", "dan"):
        import_files(other, [save(tmp_path / f"{name}.json", filled(other, name, drawn(read_key(other))))])
    assert agreement_text(study_agreement(folder, seed=1)) == before
    assert study_agreement(other, seed=1).humans["raters"].tolist() == [2, 2]


def test_subscales_are_compared_as_their_scores_are(output, tmp_path):
    made = study(output, write_runs(output, CLIENTS, turns=1), instrument="ctrs")
    key = read_key(made)
    for name, rule in (("anna", drawn(key)), ("ben", drawn(key, noise=0.5))):
        import_files(made, [save(tmp_path / f"{name}.json", filled(made, name, rule))])
    humans = study_agreement(made, seed=1).humans.set_index("item")
    items = answered(made)
    own = read_instrument("ctrs").subscales["general_skills"].items
    mean = sum(items[item] for item in own).to_numpy(float) / len(own)
    row = humans.loc["general_skills (subscale)"]
    assert row["alpha"] == pytest.approx(krippendorff_alpha(mean, "ordinal"))
    assert row["interval_alpha"] == pytest.approx(krippendorff_alpha(mean, "interval"))
    assert row["icc"] == pytest.approx(icc(mean).single) and len(humans) == 6 + 2


def test_turns_of_a_client_are_units_of_one_client(output, tmp_path):
    folder = study(output, write_runs(output, ["60", "61"], turns=3), instrument="resistance")
    files = [save(tmp_path / f"{name}.json", filled(folder, name, drawn(read_key(folder)))) for name in ("anna", "ben")]
    import_files(folder, files)
    found = study_agreement(folder, seed=1).humans
    assert set(found["units"]) == {12} and (found["alpha"] == 1).all()


def test_the_rules_are_no_judge_to_agree_with(folder):
    ratings = {
        run: read_ratings(read_key(folder).run_folder(next(iter(read_key(folder).sessions)))) for run in RUNS[:1]
    }
    rules = {run: of.assign(judge=of["judge"].replace("m", "rules")) for run, of in ratings.items()}
    assert agreements(rules, seed=1, resamples=50).judges.empty
    assert set(agreements(ratings, seed=1, resamples=50).judges["judge"]) == {"m"}


def test_nothing_is_said_before_a_form_is_returned(output):
    folder = study(output, write_runs(output, ["60"], turns=1))
    found = study_agreement(folder, seed=1)
    assert found.humans.empty and found.judges.empty and "import the returned files" in agreement_text(found)


def test_tables_for_reading_have_every_row(folder):
    found = study_agreement(folder, seed=1)
    humans, judges = humans_table(found.humans), judges_table(found.judges)
    assert humans["scale"].tolist() == ["helpfulness: helpful", "helpfulness: empathy"] and len(judges) == 6
    assert all(" to " in text for text in judges["judge − people (95% CI)"])
    text = agreement_text(found)
    assert "ICC(2,k)" in text and text.count("\n") == 1 + 3 + 1 + 7
    assert "No judge has rated" in agreement_text(Agreements(found.humans, found.judges.iloc[:0]))
    assert json.dumps(humans.to_dict("records"))
