"""Importing returned forms: written once, kept, refused as a whole, and found by rate and analyse."""

import json

import pandas as pd
import pytest

from mirror.files.json_lines import append_line, read_lines
from mirror.files.lock import FolderInUse, locked
from mirror.rating.forms.intake import import_files
from mirror.rating.forms.key import read_key
from mirror.rating.instrument import read_instrument
from mirror.rating.ratings import FILE, RatingRecord, read_ratings, session_scores, subscale_scores
from tests.filled_forms import RUNS, drawn, filled, save, study, write_runs


@pytest.fixture
def folder(output):
    return study(output, write_runs(output))


def ratings(output):
    return {run: (output / "results" / run / FILE) for run in RUNS}


def lines(output):
    return [line for path in ratings(output).values() for line in read_lines(path, RatingRecord)]


def test_answers_become_ratings_of_their_sessions(folder, output, tmp_path):
    key = read_key(folder)
    (done,) = import_files(folder, [save(tmp_path / "a.json", filled(folder, "anna", drawn(key)))])
    assert (done.form in key.forms, done.rater, done.written, done.missing, done.faults) == (True, "anna", 6, (), ())
    for run in RUNS:
        table = read_ratings(output / "results" / run)
        assert set(table["judge"]) == {"human anna"} and set(table["kind"]) == {"human"}
        for code, session in key.sessions.items():
            if session.run == f"results/{run}":
                of_it = table[table["idx"] == session.idx].set_index("item")["score"]
                assert of_it.to_dict() == {item: drawn(key)(code, None, item) for item in key.items}
    record = lines(output)[0]
    assert (record.kind, record.run, record.repeat, record.status) == ("human", "forms", 1, "rated")
    assert json.loads(record.raw)["answers"][0]["at"] == "2026-01-02T03:04:05.678Z"


def test_importing_again_writes_nothing_and_keeps_a_judges_ratings(folder, output, tmp_path):
    values = {"idx": "60", "instrument": "helpfulness", "repeat": 1, "status": "rated", "raw": "{}", "judge": "m"}
    judge = RatingRecord(**values, scores={"helpful": 1, "empathy": 1}, run="rate", asked="0", attempts=1)
    append_line(ratings(output)[RUNS[0]], judge)
    path = save(tmp_path / "a.json", filled(folder, "anna", drawn(read_key(folder))))
    import_files(folder, [path])
    before = [one.read_bytes() for one in ratings(output).values()]
    (again,) = import_files(folder, [path])
    assert (again.written, again.faults) == (0, ())
    assert [one.read_bytes() for one in ratings(output).values()] == before
    assert [one.judge for one in lines(output)].count("m") == 1
    assert len(list((folder / "returned").iterdir())) == 1
    assert next((folder / "returned").iterdir()).read_bytes() == path.read_bytes()


def test_an_incomplete_form_is_reported_kept_and_completed_later(folder, output, tmp_path):
    key = read_key(folder)
    first = key.forms[next(iter(key.forms))].codes[0]
    left = filled(folder, "anna", drawn(key), leave=lambda code, turn, item: code != first or item == "empathy")
    (done,) = import_files(folder, [save(tmp_path / "a.json", left)])
    assert done.written == 1 and f"{first}: empathy" in done.missing and len(done.missing) == 6
    (partial,) = lines(output)
    assert partial.scores["empathy"] is None and partial.scores["helpful"] == drawn(key)(first, None, "helpful")
    (complete,) = import_files(folder, [save(tmp_path / "b.json", filled(folder, "anna", drawn(key)))])
    assert (complete.written, complete.missing) == (6, ()) and len(lines(output)) == 7
    assert sum(read_ratings(one.parent)["score"].notna().sum() for one in ratings(output).values()) == 12
    (older,) = import_files(folder, [tmp_path / "a.json"])  # the copy of before: nothing is taken back
    assert older.written == 0 and len(lines(output)) == 7


def test_other_answers_are_refused_unless_they_replace(folder, output, tmp_path):
    key = read_key(folder)
    import_files(folder, [save(tmp_path / "a.json", filled(folder, "anna", lambda *_: 3))])
    other = save(tmp_path / "b.json", filled(folder, "anna", lambda code, turn, item: 4 if item == "empathy" else 3))
    (refused,) = import_files(folder, [other])
    assert "other answers than before" in refused.faults[0] and "empathy (3, now 4)" in refused.faults[0]
    assert refused.written == 0 and len(lines(output)) == 6
    (replaced,) = import_files(folder, [other], replace=True)
    assert replaced.written == 6 and len(lines(output)) == 12  # the earlier ones are still in the file
    table = pd.concat([read_ratings(path.parent) for path in ratings(output).values()])
    assert table.groupby("item")["score"].unique().map(list).to_dict() == {"empathy": [4.0], "helpful": [3.0]}
    assert len(key.sessions) * 2 == len(table)


def test_a_faulty_file_is_refused_as_a_whole_and_the_others_are_imported(folder, output, tmp_path):
    faulty = filled(folder, "anna", lambda *_: 3)
    faulty["answers"][-1]["value"] = 9
    (tmp_path / "none.json").write_text("no JSON")
    files = [save(tmp_path / "a.json", faulty), tmp_path / "none.json"]
    files.append(save(tmp_path / "b.json", filled(folder, "ben", lambda *_: 2)))
    results = import_files(folder, files)
    assert [bool(one.faults) for one in results] == [True, True, False]
    assert {one.judge for one in lines(output)} == {"human ben"}


def test_a_comment_is_the_reason(folder, output, tmp_path):
    record = filled(folder, "anna", lambda *_: 3)
    code = record["answers"][0]["code"]
    record["comments"] = [{"code": code, "turn": None, "text": "warm", "at": "2026-01-02T03:04:05Z"}]
    import_files(folder, [save(tmp_path / "a.json", record)])
    assert [one.reason for one in lines(output) if one.reason] == ["warm"]
    table = pd.read_csv(folder / "answers.csv", keep_default_na=False)
    assert table.loc[table["comment"] == "warm", "code"].unique().tolist() == [code] and len(table) == 12
    assert set(table["at"]) == {"2026-01-02T03:04:05.678Z"} and "results" not in (folder / "answers.csv").read_text()


def test_a_session_with_an_unrated_turn_has_no_score(output, tmp_path):
    folder = study(output, write_runs(output, ["60"], turns=3), instrument="resistance")
    record = filled(folder, "anna", lambda *_: 2, leave=lambda code, turn, item: turn == 2)
    (done,) = import_files(folder, [save(tmp_path / "a.json", record)])
    assert done.written == 6 and len(done.missing) == 2
    table = read_ratings(output / "results" / RUNS[0])
    scores = session_scores(subscale_scores(table, [read_instrument("resistance")]))
    assert scores["score"].isna().all() and table["score"].notna().sum() == 8


def test_a_run_that_was_counseled_again_is_refused(folder, output, tmp_path):
    path = output / "results" / RUNS[0] / "sessions/60/turns.jsonl"
    path.write_text(path.read_text().replace("number", "number", 1) + "\n")
    (done,) = import_files(folder, [save(tmp_path / "a.json", filled(folder, "anna", lambda *_: 3))])
    assert "is not the transcript that was rated" in done.faults[0] and lines(output) == []


def test_a_run_in_use_is_left_alone(folder, output, tmp_path, another_process):
    path = save(tmp_path / "a.json", filled(folder, "anna", lambda *_: 3))
    with another_process(output / "results" / RUNS[0]), pytest.raises(FolderInUse):
        import_files(folder, [path])
    with locked(output / "results" / RUNS[0], "rating"):  # by this process
        assert import_files(folder, [path])[0].written == 6
