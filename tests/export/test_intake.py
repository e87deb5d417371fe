"""Scores of a log as ratings: edited and new ones, of a judge named after the scorer; all of a log or nothing."""

import json

import pytest

from mirror.export.inspect_log import write_logs
from mirror.export.intake import LogError, import_scores
from mirror.rating.instrument import read_instrument, shipped
from mirror.rating.ratings import FILE, read_ratings
from tests.rated_exports import rated_run

KNOWN = [read_instrument(name) for name in shipped()]


@pytest.fixture
def exported(output):
    """The folder of a run, the path of its log, and the log's content."""
    folder = rated_run(output)
    (path,) = write_logs(folder)
    return folder, path, json.loads(path.read_text())


def take(folder, path, log, of_others=None):
    path.write_text(json.dumps(log))
    (found,) = import_scores(folder, [path], KNOWN, of_others)
    return found.written, found.known


def of_judge(folder, judge):
    found = read_ratings(folder).query("judge == @judge")
    return {(idx, item): score for idx, item, score in found[["idx", "item", "score"]].itertuples(index=False)}


def refused(folder, path, log, message, of_others=None):
    before = (folder / FILE).read_bytes()
    with pytest.raises(LogError, match=message):
        take(folder, path, log, of_others)
    assert (folder / FILE).read_bytes() == before


def test_a_log_as_it_was_exported_gives_nothing(exported):
    folder, path, log = exported
    before = (folder / FILE).read_bytes()
    assert take(folder, path, log) == (0, 0) and (folder / FILE).read_bytes() == before


def test_an_edited_score_is_a_rating_of_another_judge_and_the_original_stays(exported):
    folder, path, log = exported
    score = log["samples"][0]["scores"]["ctrs by gpt-4o"]
    score["value"]["focus"], score["explanation"] = 6, "It was sharp."
    assert take(folder, path, log) == (1, 0)
    edited = of_judge(folder, "inspect gpt-4o")
    assert edited["60", "focus"] == 6 and edited["60", "strategy"] == 3
    assert set(of_judge(folder, "gpt-4o").values()) == {3}
    assert take(folder, path, log) == (0, 1)  # again


def test_an_edit_of_an_edit_replaces_it(exported):
    folder, path, log = exported
    log["samples"][0]["scores"]["ctrs by gpt-4o"]["value"]["focus"] = 6
    take(folder, path, log)
    (path,) = write_logs(folder)
    log = json.loads(path.read_text())
    log["samples"][0]["scores"]["ctrs by inspect gpt-4o"]["value"]["focus"] = 1
    assert take(folder, path, log) == (1, 0) and of_judge(folder, "inspect gpt-4o")["60", "focus"] == 1


def test_turns_stay_apart(exported):
    folder, path, log = exported
    log["samples"][0]["scores"]["resistance by human anna"]["value"]["overall@2"] = 0
    assert take(folder, path, log) == (2, 0)
    found = read_ratings(folder).query("judge == 'inspect human anna' and item == 'overall'")
    assert dict(zip(found["turn"], found["score"], strict=True)) == {1: 3, 2: 0}


def test_a_new_scorer_is_a_judge_of_its_name(exported):
    folder, path, log = exported
    log["samples"][1]["scores"] = {"warmth": {"value": {"helpful": 4.0, "empathy": None}}}
    refused(folder, path, log, "there is no instrument warmth; name the one that it is of with --instrument")
    assert take(folder, path, log, read_instrument("helpfulness")) == (1, 0)
    assert of_judge(folder, "inspect warmth")["61", "helpful"] == 4
    rows = read_ratings(folder).query("judge == 'inspect warmth'")
    assert set(rows["status"]) == {"unparsable"} and set(rows["instrument"]) == {"helpfulness"}


def test_a_plain_number_is_a_score_of_an_instrument_with_one_item(exported):
    folder, path, log = exported
    whole = read_instrument("helpfulness")
    one = whole.model_copy(update={"name": "pace", "items": whole.items[:1]})
    log["samples"][0]["scores"] = {"model_graded": {"value": 5}}
    assert take(folder, path, log, one) == (1, 0)
    assert of_judge(folder, "inspect model_graded") == {("60", "helpful"): 5}


@pytest.mark.parametrize(
    "value, message",
    [
        ({"helpful": 9, "empathy": 3}, "helpful must be a whole number from 1 to 5, found 9"),
        ({"helpful": 2.5, "empathy": 3}, "helpful must be a whole number from 1 to 5, found 2.5"),
        ({"helpful": True, "empathy": 3}, "helpful must be a whole number"),
        ({"helpful": "C", "empathy": 3}, "found 'C'"),
        ({"helpful": 3}, "each item of helpfulness once; differing: empathy"),
        ("C", "must have a value for each item of helpfulness, found 'C'"),
    ],
)
def test_a_value_off_the_scale_is_refused_and_nothing_of_the_log_is_written(exported, value, message):
    folder, path, log = exported
    log["samples"][0]["scores"]["ctrs by gpt-4o"]["value"]["focus"] = 6
    log["samples"][1]["scores"] = {"helpfulness": {"value": value}}
    refused(folder, path, log, f"sample 61, score 'helpfulness': .*{message}")


def test_edited_scores_of_the_rules_are_no_evidence_and_refused(exported):
    folder, path, log = exported
    log["samples"][0]["scores"]["helpfulness by rules"]["value"]["helpful"] = 1
    refused(folder, path, log, "counts words by rules")


def test_a_log_of_other_sessions_is_refused(exported):
    folder, path, log = exported
    log["samples"][0]["id"] = "99"
    log["samples"][1]["metadata"]["turns_sha256"] = "0" * 64
    refused(folder, path, log, r"sample 99: .*no such session[\s\S]*sample 61: .*is not the transcript")
    log["samples"][0]["id"] = "../61"
    refused(folder, path, log, "no such session")


@pytest.mark.parametrize(
    "content, message",
    [("PK\x03\x04", "convert an .eval file first"), ("[]", "is no log of Inspect"), ('{"eval": {}}', "eval.task")],
)
def test_what_is_no_log_is_refused_with_what_to_do(exported, content, message):
    folder, path, _ = exported
    path.write_text(content)
    with pytest.raises(LogError, match=message):
        import_scores(folder, [path], KNOWN)


def test_a_missing_log_is_said_to_be_missing(exported, tmp_path):
    with pytest.raises(LogError, match="none.json: cannot be read"):
        import_scores(exported[0], [tmp_path / "none.json"], KNOWN)
