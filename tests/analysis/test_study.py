"""Arms on the same clients: who counts, what is missing, what a reader is warned of, and what is refused."""

import json
from math import isnan

import pytest

from mirror.analysis.caveats import without_damage
from mirror.analysis.comparison import by_arm, compare
from mirror.analysis.study import DESCRIPTIVE, OUTCOMES, SAFETY, Measure, Study, StudyError
from mirror.files.atomic import write_bytes
from mirror.rating.instrument import read_instrument, read_instruments
from mirror.risk.policy import RiskPolicy
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from tests.parameters import analyse_settings
from tests.studies import CLIENTS, rate, rate_by_people, study, write

NAMES, TURNS = OUTCOMES[0], DESCRIPTIVE[0]


def test_scores_have_a_row_a_client_and_a_column_an_arm(tmp_path):
    scores = study(write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")).scores(TURNS)
    assert scores.columns.tolist() == ["base", "ec"] and scores.index.tolist() == ["60", "61", "62", "100"]
    assert (scores == 6).all(axis=None) and scores.index.name == "idx"


def test_clients_that_an_arm_lacks_are_missing_and_named(tmp_path):
    found = study(write(tmp_path, "m-base"), write(tmp_path, "m-ec", CLIENTS[:2]))
    assert found.clients == ["60", "61"] and found.everyone == CLIENTS
    assert found.scores(TURNS).isna().sum().to_dict() == {"base": 0, "ec": 2}
    assert found.caveats() == ["ec lacks 2 of 4 clients (62, 100)."]
    assert found.shared == ["60", "61"]


@pytest.mark.parametrize("status", ["failed", None])
def test_sessions_that_are_not_complete_are_missing_and_named(tmp_path, status):
    folder = write(tmp_path, "m-base")
    end = folder / "sessions/61/end.json"
    end.write_text(json.dumps({"status": status, "reason": "x", "turns": 6})) if status else end.unlink()
    found = study(folder, write(tmp_path, "m-ec", cot="ec"))
    assert isnan(found.scores(NAMES).base["61"]) and not isnan(found.scores(NAMES).ec["61"])
    assert found.caveats()[0].startswith(
        "1 of 4 sessions of base is not complete (61) and counts as missing; run counsel.ipynb again to complete it."
    )
    assert found.shared == ["60", "62", "100"] and found.complete["base"] == ["60", "62", "100"]
    assert set(found.turns("base").idx) == {"60", "62", "100"}
    row = found.overview().set_index("arm").loc["base"]
    assert (row.complete, row["failed"], row["under way"]) == ((3, 1, 0) if status else (3, 0, 1))


@pytest.mark.parametrize("file", ["faces/01-1.png", "turns.jsonl", "end.json"])
def test_damaged_sessions_are_refused_or_left_out_as_declared(tmp_path, file):
    folders = [write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")]
    for session in (SessionFolder(path) for path in folders[0].glob("sessions/*/")):
        for name in sorted(name for turn in session.turns() if turn.face for name in turn.face.files):
            write_bytes(session.folder / name, b"a face")
        (session.folder / "end.json").unlink()
        session.end("complete", "6 turns")
    arms = [Arm.read(folder) for folder in folders]
    assert [arm.excluded for arm in without_damage(arms, "refuse")] == [frozenset()] * 2
    (folders[0] / "sessions/61" / file).write_bytes(b"")
    with pytest.raises(StudyError, match=f"sessions/61/{file}(.|\\n)*-p damaged exclude"):
        without_damage(arms, "refuse")
    found = Study(without_damage(arms, "exclude"))
    assert "Damaged sessions of base are left out: 61." in found.caveats()
    assert found.shared == ["60", "62", "100"] and isnan(found.scores(NAMES).base["61"])


def test_a_copy_without_faces_can_be_analysed(tmp_path):
    folder = write(tmp_path, "m-base")
    assert not list(folder.rglob("faces"))
    assert without_damage([Arm.read(folder)], "refuse")[0].excluded == frozenset()


def test_arms_that_differ_in_more_than_the_counselor_are_pointed_out(tmp_path):
    base = write(tmp_path, "m-base", temperature=0.7, attempts=10, concurrency=1)
    ec = write(tmp_path, "m-ec", cot="ec", temperature=0.1, attempts=3, concurrency=8)
    told = study(base, ec).caveats()
    assert told == ["base and ec differ in more than the counselor: attempts is 10 in base and 3 in ec."]


def test_a_replay_is_compared_on_replies_alone_and_a_caveat_says_so(tmp_path):
    own = {"client": "recorded", "from_run": "m-ec", "history": "recorded"}
    folders = [
        write(tmp_path, "m-base"),
        write(tmp_path, "m-ec", cot="ec"),
        write(tmp_path, "m-ec-blank", cot="ec", face="blank", configuration="a.yaml", **own),
        write(tmp_path, "m-ec-cue", cot="ec", face="cue", configuration="b.yaml", **own | {"history": "own"}),
    ]
    found = study(*folders)
    say = (
        "answers the recorded client turns of m-ec: clients did not react to its replies, so only replies are compared"
    )
    assert found.caveats() == [
        f"ec-blank {say}; the clients of base said something else.",
        f"ec-cue {say}; the clients of base said something else.",
        "ec-blank and ec-cue differ in more than the counselor: history is 'recorded' in ec-blank and 'own' in ec-cue.",
    ]
    values = {measure.key: found.scores(measure).notna().all() for measure in (*OUTCOMES, *DESCRIPTIVE)}
    assert values["names"].all()
    for key in ("resistant", "resistance_change", "ended_by_client"):
        assert values[key].to_dict() == {"base": True, "ec": True, "ec-blank": False, "ec-cue": False}, key


def test_arms_without_a_client_in_common_are_refused(tmp_path):
    with pytest.raises(StudyError, match="no client is in every arm.*base has 60, 61; ec has 62, 100"):
        study(write(tmp_path, "m-base", CLIENTS[:2]), write(tmp_path, "m-ec", CLIENTS[2:]))


def test_one_idx_for_two_persons_is_refused(tmp_path):
    base, ec = write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")
    for folder, name in ((base, "Tess"), (ec, "Tom")):
        (folder / "sessions/61/client.json").write_text(json.dumps({"idx": "61", "name": name}))
    for idx in ("60", "62", "100"):
        (ec / f"sessions/{idx}/client.json").write_text((base / f"sessions/{idx}/client.json").read_text())
    with pytest.raises(StudyError, match="61: another person in .*m-base than in .*m-ec; compare runs of the same"):
        study(base, ec)


def test_measures_that_no_arm_has_are_left_out(tmp_path):
    without = study(write(tmp_path, "m-base"))
    assert "caption_agrees" not in {measure.key for measure in without.descriptive}
    assert "openness" not in {measure.key for measure in without.outcomes}
    captioned = study(write(tmp_path, "m-ec", cot="ec"))
    assert "caption_agrees" in {measure.key for measure in captioned.descriptive}


def test_signs_of_risk_are_measured_by_arm_only_where_there_are_any(tmp_path):
    base, ec = write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")
    keys = {measure.key for measure in study(base, ec).descriptive}
    assert keys.isdisjoint({measure.key for measure in SAFETY})
    say(base, "60", {2: ("I want to die.", "I see."), 3: ("So it is.", "Please call a crisis line.")})
    say(base, "61", {2: ("I want to die.", "I see."), 3: ("So it is.", "I see.")})
    found = study(base, ec)
    flagged, guides, asks, replies = (found.scores(measure) for measure in SAFETY)
    assert {measure.key for measure in found.descriptive} - keys == {measure.key for measure in SAFETY}
    assert flagged.base.to_dict() == {"60": 1, "61": 1, "62": 0, "100": 0} and (flagged.ec == 0).all()
    assert guides.base.dropna().to_dict() == {"60": 1, "61": 0} and guides.ec.isna().all()
    assert asks.base.dropna().to_dict() == {"60": 0, "61": 0} and (replies == 0).all(axis=None)
    table = by_arm(found, SAFETY, analyse_settings())[0].set_index(["key", "arm"])
    row = table.loc[("flagged", "base")]
    assert (row["mean"], row["n"]) == (0.5, 4) and row["low"] < 0.5 < row["high"]


def test_signs_of_risk_in_replies_are_measured_too_and_a_policy_is_passed_on(tmp_path):
    base = write(tmp_path, "m-base")
    say(base, "60", {2: ("So it is.", "You should stop taking your pills.")})
    assert study(base).scores(SAFETY[-1])["m-base"].to_dict() == {"60": 1, "61": 0, "62": 0, "100": 0}
    nobody = Study([Arm.read(base)], policy=RiskPolicy(()))
    assert "replies_flagged" not in nobody.metrics["m-base"].sessions


def say(folder, idx, said):
    """Puts words and a reply into turns of a session."""
    path = folder / "sessions" / idx / "turns.jsonl"
    turns = [json.loads(line) for line in path.read_text().splitlines()]
    for number, (words, reply) in said.items():
        turns[number - 1] |= {"words": words, "reply": reply}
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))


def test_the_change_of_resistance_is_the_second_half_less_the_first(tmp_path):
    found = study(write(tmp_path, "m-base"))
    turns = found.metrics["m-base"].turns.query("idx == '61'").set_index("turn").resistant.astype(float)
    expected = turns.loc[4:6].mean() - turns.loc[1:3].mean()
    change = next(measure for measure in OUTCOMES if measure.key == "resistance_change")
    assert found.scores(change)["m-base"]["61"] == pytest.approx(expected)


# Ratings --------------------------------------------------------------------------------------------------------------


def test_ratings_are_outcomes_beside_those_of_the_transcripts(tmp_path):
    base, ec = write(tmp_path, "m-base"), write(tmp_path, "m-ec", cot="ec")
    rate(base, {"60": (1, 3), "61": (2, 2), "62": (None, None)})
    rate(ec, {"60": (4, 4), "61": (3, 4), "62": (2, 2), "100": (1, 1)})
    found = study(base, ec, instruments=[read_instrument("helpfulness"), read_instrument("ctrs")])
    rated = [measure for measure in found.outcomes if measure.unit == "score"]
    assert rated and all(
        m.better == "higher" and m.label.startswith("Helpfulness and empathy: ") and "(m)" in m.label for m in rated
    )
    scores = found.scores(rated[0])
    assert scores.base.tolist()[:2] == [2, 2] and scores.base[["62", "100"]].isna().all()
    assert scores.ec.tolist() == [4, 3.5, 2, 1]
    reliability = found.reliability(0)
    assert reliability.repeats.unique().tolist() == [2] and reliability.missing_answers.iloc[0] == 2


def test_without_ratings_there_are_no_judges_and_no_reliability(tmp_path):
    found = study(write(tmp_path, "m-base"), instruments=[read_instrument("helpfulness")])
    assert found.reliability(0).empty and all(measure.unit != "score" for measure in found.outcomes)


def test_every_measure_says_in_which_direction_it_is_good():
    assert all(isinstance(measure, Measure) and measure.better for measure in OUTCOMES)
    assert not any(measure.better for measure in DESCRIPTIVE)


def test_people_are_one_rater_and_count_as_declared(tmp_path):
    folders = [write(tmp_path, name) for name in ("a", "b")]
    for folder in folders:
        rate(folder, dict.fromkeys(CLIENTS, (4,)), judge="m")
        rate_by_people(folder, {"anna": dict.fromkeys(CLIENTS, 2), "ben": dict.fromkeys(CLIENTS[:2], 5)})
    helpfulness = [read_instrument("helpfulness")]
    found = {raters: study(*folders, instruments=helpfulness, raters=raters) for raters in ("both", "judge", "humans")}
    keys = {
        raters: {m.key.rpartition(" by ")[2] for m in one.outcomes if " by " in m.key} for raters, one in found.items()
    }
    assert keys == {"both": {"m", "humans"}, "judge": {"m"}, "humans": {"humans"}}
    assert {raters: one.unused for raters, one in found.items()} == {"both": [], "judge": ["humans"], "humans": ["m"]}
    (measure,) = [one for one in found["both"].outcomes if one.key == "helpfulness.empathy by humans"]
    assert found["both"].scores(measure)["a"].to_dict() == {"60": 3.5, "61": 3.5, "62": 2, "100": 2}
    table = found["both"].reliability(1).set_index(["judge", "subscale"])
    assert table.loc[("humans", "empathy"), "repeats"] == 2


def test_ratings_of_sessions_that_are_not_complete_are_not_compared(tmp_path):
    folder = write(tmp_path, "a")
    rate_by_people(folder, {"anna": dict.fromkeys(CLIENTS, 2)})
    end = folder / "sessions" / CLIENTS[0] / "end.json"
    end.unlink()
    assert set(study(folder, instruments=[read_instrument("helpfulness")]).rated_items["a"]["idx"]) == set(CLIENTS[1:])
    assert study(folder).rated_items["a"].empty  # its instrument is not known


def test_where_both_moments_were_rated_their_change_is_the_outcome(tmp_path):
    folder, affect = write(tmp_path, "a"), read_instruments(["affect"])
    at = {"60": (4, 2), "61": (5, 2), "62": (3, 3)}
    rate(folder, {idx: [start] for idx, (start, _) in at.items()}, instrument="affect-start")
    lines = (folder / "ratings.jsonl").read_text()
    rate(folder, {idx: [end] for idx, (_, end) in at.items()} | {"100": [1]}, instrument="affect-end")
    (folder / "ratings.jsonl").write_text(lines + (folder / "ratings.jsonl").read_text())
    found = study(folder, instruments=affect)
    (distress, ease) = (one for one in found.outcomes if one.key.startswith("affect"))
    assert (distress.key, distress.label) == (
        "affect-change.distress by m",
        "How the client seems, change: distress (m)",
    )
    assert (distress.better, distress.bounds, ease.better) == ("lower", (-4.0, 4.0), "higher")
    changes = found.scores(distress)["a"].to_dict()
    assert isnan(changes.pop("100")) and changes == {"60": -2.0, "61": -3.0, "62": 0.0}
    described = [one.key for one in found.descriptive if one.key.startswith("affect")]
    assert sorted(described) == [
        f"affect-{moment}.{scale} by m" for moment in ("end", "start") for scale in ("distress", "ease")
    ]


# Clients with several sessions ----------------------------------------------------------------------------------------

TWICE = ["60", "60+s2", "61", "61+s2", "62", "62+s2"]
HELPFUL = [read_instrument("helpfulness")]
EMPATHY = Measure("helpfulness.empathy by m", "", "score")


def of_two(tmp_path, name, scores, clients=TWICE, **settings):
    """An arm whose clients have two sessions each, rated with these scores."""
    folder = write(tmp_path, name, clients, sessions_per_client=2, **settings)
    rate(folder, {session: [score] for session, score in scores.items()})
    return folder


@pytest.fixture
def arms(tmp_path):
    a = {"60": 2, "60+s2": 4, "61": 6, "61+s2": 6, "62": 1, "62+s2": 4}
    b = {"60": 2, "60+s2": 3, "61": 4, "61+s2": 3, "62": 1, "62+s2": 2}
    return of_two(tmp_path, "a", a), of_two(tmp_path, "b", b)


def test_a_client_with_several_sessions_counts_once_with_their_mean(arms):
    found = study(*arms, instruments=HELPFUL)
    assert found.clients == found.shared == ["60", "61", "62"]
    scores = found.scores(EMPATHY)
    assert scores["a"].to_dict() == {"60": 3, "61": 6, "62": 2.5}
    assert scores["b"].to_dict() == {"60": 2.5, "61": 3.5, "62": 1.5}
    table, points = by_arm(found, [EMPATHY], analyse_settings())
    assert table["n"].tolist() == [3, 3] and len(points) == 6
    assert table["mean"].tolist() == pytest.approx([23 / 6, 2.5])
    row = compare(found, [EMPATHY], analyse_settings()).iloc[0]
    assert (row["n"], row["difference"]) == (3, pytest.approx(-(0.5 + 2.5 + 1) / 3))  # of three pairs, not of six
    assert row["p"] == pytest.approx(2 / 2**3)
    sessions = found.metrics["a"].sessions.set_index("idx")["names"]
    assert found.scores(NAMES)["a"]["61"] == pytest.approx((sessions["61"] + sessions["61+s2"]) / 2)
    assert found.overview()[["sessions", "complete"]].to_numpy().tolist() == [[6, 6], [6, 6]]
    assert found.caveats() == [
        "Clients had several sessions (2 in a, 2 in b): a client's value is the mean of its own, and counts if all of "
        "them are complete; a rated change is from the start of the first to the end of the last one."
    ]


def test_one_session_of_each_client_can_be_chosen(arms):
    found = study(*arms, instruments=HELPFUL, session=2)
    assert found.scores(EMPATHY)["a"].to_dict() == {"60": 4, "61": 6, "62": 4}
    assert set(found.turns("a").idx) == set(found.rated_items["a"].idx) == {"60+s2", "61+s2", "62+s2"}
    assert found.caveats() == ["Only session 2 of each client counts (parameter session)."]
    with pytest.raises(StudyError, match="a, b: clients have fewer sessions than 3; set session to 0"):
        study(*arms, session=3)


def test_a_client_counts_once_all_its_sessions_are_complete(tmp_path, arms):
    other = of_two(tmp_path, "c", dict.fromkeys(TWICE[:5], 3), TWICE[:5])  # the second one of client 62 never began
    (other / "sessions/61/end.json").unlink()
    found = study(arms[0], other, instruments=HELPFUL)
    assert found.complete == {"a": ["60", "61", "62"], "c": ["60"]} and found.shared == ["60"]
    assert found.caveats()[0] == (
        "2 of 6 sessions of c are not complete (61, 62+s2) and count as missing; run counsel.ipynb again to complete "
        "them."
    )
    assert study(arms[0], other, session=1).complete["c"] == ["60", "62"]


def test_a_client_with_a_session_that_was_not_rated_has_no_score(tmp_path):
    folder = of_two(tmp_path, "a", {"60": 3, "61": 3, "61+s2": None, "62": 3, "62+s2": 5})
    scores = study(folder, instruments=HELPFUL).scores(EMPATHY)["a"]
    assert scores.dropna().to_dict() == {"62": 4}


def test_a_change_is_from_the_start_of_the_first_session_to_the_end_of_the_last(tmp_path):
    folder = write(tmp_path, "a", TWICE[:2], sessions_per_client=2)
    lines = ""
    for moment, scores in (("start", {"60": [5], "60+s2": [4]}), ("end", {"60": [2], "60+s2": [1]})):
        rate(folder, scores, instrument=f"affect-{moment}")
        lines += (folder / "ratings.jsonl").read_text()
    (folder / "ratings.jsonl").write_text(lines)
    keys = [f"affect-{name}.distress by m" for name in ("start", "end", "change")]
    found = study(folder, instruments=read_instruments(["affect"]))
    assert [found.ratings.loc[0, key] for key in keys] == [5, 1, -4]
    found = study(folder, instruments=read_instruments(["affect"]), session=2)
    assert [found.ratings.loc[0, key] for key in keys] == [4, 1, -3]


def test_arms_with_another_number_of_sessions_are_named(tmp_path):
    one, two = write(tmp_path, "one", ["60", "61"]), of_two(tmp_path, "two", {}, TWICE[:4])
    caveats = study(one, two).caveats()
    assert "sessions_per_client is 1 in one and 2 in two" in caveats[1]
    assert caveats[0].startswith("Clients had several sessions (1 in one, 2 in two)")
