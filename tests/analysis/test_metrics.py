"""What transcripts show: every column on turns whose values can be counted by hand, and a known effect found again."""

import json
import re
from math import isnan, nan

import pytest
import yaml

from mirror.analysis import metrics as metrics_module
from mirror.analysis.metrics import TURN_COLUMNS, Metrics, halves, read_metrics
from mirror.benchmarks.synthetic_runs import write_run
from mirror.clients.lexicon import RESISTANT, agrees, read_feelings
from mirror.clients.openness import openness_after
from mirror.clients.trust import trust_after
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, Turn
from mirror.transcripts.verdict import Check, Verdict
from tests import ROOT


def verdict(outcome, **scores):
    checks = [Check(name=n, passed=True, score=s, threshold=0.2, model="m") for n, s in scores.items()]
    return Verdict(outcome=outcome, checks=tuple(checks))


def face(number, *verdicts, chosen=1):
    attempts = tuple(
        AttemptRecord(number=n, seed=n, verdict=v, file=f"faces/{number:02}-{n}.png") for n, v in enumerate(verdicts, 1)
    )
    exhausted = not verdicts[chosen - 1].accepted
    return FaceRecord(file=f"faces/{number:02}.png", attempts=attempts, chosen=chosen, exhausted=exhausted)


TURNS = (
    Turn(
        number=1,
        cue="raises one eyebrow and pulls a corner of the mouth aside",
        words="",
        client_raw="",
        face=face(1, verdict("accepted", safe=0.01, relevant=0.3, same_person=0.8)),
        caption="Looks skeptical",
        reply="You look doubtful. What is on your mind?",
        tokens={"client_prompt": 10, "client_completion": 2, "counselor_prompt": 30},
    ),
    Turn(
        number=2,
        cue="has tears on the cheeks",
        words="My father shouts at the whole family.",
        client_raw="",
        face=face(2, verdict("unsafe", safe=0.9), verdict("accepted", safe=0.1, relevant=0.25), chosen=2),
        caption="Looks calm",
        technique="Continuum",
        reply="How does the family feel when your father shouts?",
    ),
    Turn(
        number=3,
        cue="wears a green coat",
        words="I don't know.",
        client_raw="",
        face=face(3, verdict("no_face", relevant=-0.1), verdict("no_face", relevant=-0.2)),
        caption="An older man with a beard",
        technique="Continuum",
        reply="You look doubtful. What is on your mind?",
    ),
    Turn(number=4, cue="breathes out with a smile, eyes closed", words="Thank you.", ended=True, client_raw=""),
)


@pytest.fixture
def metrics(tmp_path):
    write_arm(tmp_path / "arm", {"60": TURNS, "100": TURNS[:1], "9": ()})
    return read_metrics(Arm.read(tmp_path / "arm"))


def write_arm(folder, sessions, **settings):
    settings = {"cot": "ec", "client": "scripted"} | settings
    folder.mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    for idx, turns in sessions.items():
        (folder / "sessions" / idx).mkdir(parents=True)
        if idx == "60":
            (folder / "sessions/60/client.json").write_text(json.dumps({"idx": "60", "resistance": "none"}))
        lines = "".join(turn.model_dump_json() + "\n" for turn in turns)
        (folder / "sessions" / idx / "turns.jsonl").write_text(lines)
    if len(sessions.get("60", ())) == 4:
        session = SessionFolder(folder / "sessions/60")
        line = json.dumps({"turn": 1, "seconds": {"client": 0.5, "face": 2.0}})
        (session.folder / "timings.jsonl").write_text(f"{line}\n")
        (session.folder / "end.json").write_text(json.dumps({"status": "complete", "reason": "", "turns": 4}))


def column(metrics: Metrics, name):
    return ["missing" if isnan(x) else x for x in metrics.turns[metrics.turns.idx == "60"][name].astype(float)]


EXPECTED = {
    "resistant": [1, 0, "missing", 0],
    "words": [0, 7, 3, 2],
    "ended": [0, 0, 0, 1],
    "attempts": [1, 2, 2, "missing"],
    "accepted": [1, 1, 0, "missing"],
    "accepted_first": [1, 0, 0, "missing"],
    "unsafe": [0, 1, 0, "missing"],
    "relevance": [0.3, 0.25, -0.1, "missing"],
    "identity": [0.8, "missing", "missing", "missing"],
    "caption_agrees": [1, 0, "missing", "missing"],
    "reply_words": [8, 9, 8, "missing"],
    "questions": [1, 1, 1, "missing"],
    "names": [1, 0, "missing", "missing"],
    "reflects": ["missing", 1, 0, "missing"],
    "repeats": ["missing", 0, 1, "missing"],
    "repetition": ["missing", 0, 1, "missing"],
    "tokens_client": [12, "missing", "missing", "missing"],
    "tokens_counselor": [30, "missing", "missing", "missing"],
    "seconds_face": [2, "missing", "missing", "missing"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_column_says_what_the_turns_hold(metrics, name):
    assert column(metrics, name) == EXPECTED[name]


def test_every_turn_and_every_session_has_a_row_in_natural_order(metrics):
    assert metrics.sessions.idx.tolist() == ["9", "60", "100"]
    assert metrics.turns.idx.tolist() == ["60"] * 4 + ["100"]
    assert set(TURN_COLUMNS) <= set(metrics.turns) and metrics.turns.feelings[0] == "skeptical"


def test_a_session_sums_its_turns_up(metrics):
    session = metrics.sessions.set_index("idx").loc["60"]
    assert (session.status, session.ended_by, session.turns, session.techniques) == ("complete", "client", 4, 1)
    assert (session.tokens, session.seconds) == (42, 2.5)
    assert (session.tokens_client, session.tokens_counselor, session.seconds_face) == (12, 30, 2)
    assert session.resistant == pytest.approx(1 / 3)
    assert session.attempts == pytest.approx(5 / 3) and session.caption_agrees == 0.5
    words = sum((re.findall(r"\w+", turn.reply.lower()) for turn in TURNS), [])
    pairs = list(zip(words, words[1:], strict=False))
    assert session.distinct_1 == pytest.approx(len(set(words)) / len(words))
    assert session.distinct_2 == pytest.approx(len(set(pairs)) / len(pairs))


def test_halves_of_a_session(metrics):
    found = halves(metrics.turns, "resistant").loc["60"]
    assert (found.early, found.late) == (0.5, 0)


def test_a_session_without_turns_or_end_has_no_values(metrics):
    session = metrics.sessions.set_index("idx").loc["9"]
    assert (session.status, session.ended_by, session.turns) == ("open", "nothing yet", 0)
    assert isnan(session.names) and isnan(session.resistant) and isnan(session.openness)


def test_openness_is_the_scripted_client_s_own_and_of_no_other(metrics, tmp_path):
    openness = metrics.turns[metrics.turns.idx == "60"].openness.tolist()
    assert openness[:3] == [openness_after("none", TURNS[:n]).value for n in (1, 2, 3)]  # 60 does not resist
    assert metrics.turns[metrics.turns.idx == "100"].openness.isna().all()  # it is not known who this is
    write_arm(tmp_path / "chat", {"60": TURNS}, client="openai")
    assert read_metrics(Arm.read(tmp_path / "chat")).turns.openness.isna().all()


# The lexicon's reading ------------------------------------------------------------------------------------------------


def test_every_caption_of_the_pocket_data_is_read():
    records = json.loads((ROOT / "pocket/data/mirror_ec.json").read_text())
    captions = {r["conversations"][-1]["value"] for r in records if r["question_id"].endswith("emotion_recognition")}
    captions = {caption for caption in captions if caption.startswith("Looks ")}
    assert len(captions) > 20
    assert {caption: len(read_feelings(caption)) for caption in captions} == dict.fromkeys(captions, 1)


def test_resistance_is_made_of_feelings_that_the_lexicon_knows():
    assert {name for name in RESISTANT if read_feelings(f"looks {name}") != (name,)} == set()


@pytest.mark.parametrize(
    "caption, cue, expected",
    [
        ("Looks doubtful", "raises one eyebrow", 1),
        ("Looks sad", "raises one eyebrow", 0),
        ("Looks not sad", "looks at the floor", "missing"),
        ("A man in green", "raises one eyebrow", "missing"),
        ("Looks sad", "wears a coat", "missing"),
    ],
)
def test_caption_against_cue(caption, cue, expected):
    found = agrees(caption, cue)
    assert ("missing" if isnan(found) else found) == expected


# Known effects --------------------------------------------------------------------------------------------------------


def test_what_was_put_into_invented_transcripts_is_found_again(tmp_path):
    clients = [str(number) for number in range(60)]
    write_run(tmp_path / "run", clients, 10, 1, "ec", naming=0.6, resistance=(0.9, 0.1), accepted=0.5)
    metrics = read_metrics(Arm.read(tmp_path / "run"))
    assert metrics.turns.names.mean() == pytest.approx(0.6, abs=0.05)
    assert metrics.turns.accepted_first.mean() == pytest.approx(0.5, abs=0.05)
    by_turn = metrics.turns.groupby("turn").resistant.mean()
    assert by_turn[1] == pytest.approx(0.9, abs=0.12) and by_turn[10] == pytest.approx(0.1, abs=0.12)
    by_half = halves(metrics.turns, "resistant").mean()
    assert by_half.late < 0.4 and 0.6 < by_half.early


def test_a_declared_measure_of_turns_is_a_column_and_a_mean_also_where_an_arm_has_no_turns(tmp_path, monkeypatch):
    def advises(turn):
        return float("what" in turn.reply.lower()) if turn.reply else nan

    monkeypatch.setitem(metrics_module.OF_TURNS, "advises", advises)
    monkeypatch.setattr(metrics_module, "MEANS", [*metrics_module.MEANS, "advises"])
    write_arm(tmp_path / "a", {"60": TURNS})
    found = read_metrics(Arm.read(tmp_path / "a"))
    assert column(found, "advises") == [1, 0, 1, "missing"]
    assert found.sessions.advises.item() == pytest.approx(2 / 3)
    write_arm(tmp_path / "b", {"60": ()})
    empty = read_metrics(Arm.read(tmp_path / "b"))
    assert (
        list(empty.turns.columns) == [*metrics_module.TURN_COLUMNS, "advises"] and empty.sessions.advises.isna().all()
    )


def test_a_replay_has_no_verdicts_on_faces_and_no_reaction_of_its_clients(tmp_path):
    recorded = FaceRecord(file="faces/01.png", attempts=(), chosen=0, exhausted=False)
    turn = Turn(number=1, cue="Looks doubtful", words="Hm.", client_raw="", face=recorded, reply="You look doubtful.")
    write_arm(tmp_path / "r", {"60": [turn]}, client="recorded", from_run="m-ec")
    found = read_metrics(Arm.read(tmp_path / "r"))
    for name in ("attempts", "accepted", "accepted_first", "unsafe", "resistant", "openness"):
        assert column(found, name) == ["missing"], name
    assert column(found, "names") == [1] and found.turns.feelings[0] == "skeptical"


@pytest.mark.parametrize("memory", ["transcript", "none"])
def test_the_openness_of_a_later_session_goes_on_from_the_one_before(tmp_path, memory):
    write_run(tmp_path, ["60", "60+s2"], 4, 1, naming=1.0)
    settings = yaml.safe_load((tmp_path / "settings.yaml").read_text())
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings | {"client": "scripted", "memory": memory}))
    arm = Arm.read(tmp_path)
    first, second = (session.turns() for session in arm.sessions)
    resistance = arm.person("60").resistance
    earlier = [first] if memory == "transcript" else []
    expected = [trust_after(resistance, first, "published"), trust_after(resistance, second, "published", earlier)]
    sessions = read_metrics(arm).sessions
    assert sessions["openness"].tolist() == [trust.value for trust in expected]
    (tmp_path / "sessions/60/end.json").unlink()
    alone = Arm(arm.folder, arm.settings, {}, excluded=frozenset({"60"}))
    assert isnan(read_metrics(alone).sessions["openness"][0])  # what it began with is not known
