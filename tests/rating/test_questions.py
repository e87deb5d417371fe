"""The questions of a rating run: what is asked about, how often, in which order, and where the answer goes."""

import pytest
import yaml

from mirror.rating.instrument import read_instrument, read_instruments
from mirror.rating.judge import Judgment
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.questions import all_questions, pair_case, session_cases
from mirror.rating.ratings import RatingRecord
from mirror.rating.rule_judge import RuleJudge
from mirror.rating.settings import RateSettings
from mirror.seeds import seed_for
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT
from tests.rated_runs import write_run

HELPFULNESS, RESISTANCE = read_instrument("helpfulness"), read_instrument("resistance")
ANSWER = Judgment("rated", {"helpful": 2, "empathy": 3}, "because", "{}", 2, 10, 5, "m")


def settings(**changes):
    values = yaml.safe_load((ROOT / "params/rate/helpfulness-faces.yaml").read_text(encoding="utf-8"))
    own = {"repeats": 2, "faces": False, "pairs": False, "seed": 5, "run": "rate", "runs": "results/a,results/b"}
    return RateSettings.checked(values | own | {"judge_model": "m"} | changes, "parameter", check_files=False)


def sessions(output, faces=False, **clients):
    found = {}
    for name, ids in clients.items():
        run = write_run(output, name, ids.split(), faces=faces)
        folders = [SessionFolder(run / "sessions" / idx) for idx in ids.split()]
        found[name] = {folder: tuple(folder.turns()) for folder in folders}
    return found


def questions(found, output, instruments=(HELPFULNESS,), **changes):
    return all_questions(found, instruments, RuleJudge(), settings(**changes), output / "rate")


def test_a_session_is_asked_about_once_a_repeat_with_seeds_of_its_own(output):
    asked = sorted(questions(sessions(output, a="60 61"), output), key=lambda one: (one.idx, one.repeat))
    assert [(one.idx, one.repeat, one.shown) for one in asked] == [
        ("60", 1, ("a",)),
        ("60", 2, ("a",)),
        ("61", 1, ("a",)),
        ("61", 2, ("a",)),
    ]
    assert asked[1].seed == seed_for(5, "judge", "helpfulness", "60", None, 2)
    assert len({one.seed for one in asked}) == len({one.key for one in asked}) == 4
    assert {one.path for one in asked} == {output / "results/a/ratings.jsonl"}


def test_turns_are_rated_by_what_the_client_says_or_shows_before_the_reply(output):
    (folder,) = sessions(output, a="60")["a"]
    first, second = folder.turns()
    cases = session_cases(RESISTANCE, folder, (first, second), faces=False)
    assert [case.turn for case in cases] == [1, 2], "the instrument sees the cue of the silent first turn"
    assert [[turn.reply for turn in case.sessions[0]] for case in cases] == [[""], [first.reply, ""]]
    silent = first.model_copy(update={"cue": ""})
    assert [case.turn for case in session_cases(RESISTANCE, folder, (silent, second), False)] == [2]


@pytest.mark.parametrize(("faces", "files"), [(False, 0), (True, 2)])
def test_a_judge_that_sees_faces_gets_those_that_are_there(faces, files, output):
    (folder,) = sessions(output, faces=True, a="60")["a"]
    (case,) = session_cases(HELPFULNESS, folder, tuple(folder.turns()), faces)
    shown = [file for one in case.faces for file in one]
    assert shown == [folder.folder / f"faces/0{number}.png" for number in range(1, 1 + files)]
    assert all(file.is_file() for file in shown)


def test_pairs_are_the_clients_of_both_runs_in_both_orders(output):
    found = sessions(output, a="60 61", b="61 62")
    pairs = [one for one in questions(found, output, pairs=True, repeats=1) if one.case.is_pair]
    assert sorted((one.idx, one.shown) for one in pairs) == [("61", ("a", "b")), ("61", ("b", "a"))]
    assert {one.path for one in pairs} == {output / "rate/preferences.jsonl"}
    words = {one.shown: [turns[1].reply for turns in one.case.sessions] for one in pairs}
    assert words["a", "b"] == words["b", "a"][::-1]
    assert len({one.asked for one in pairs}) == 1, "the same words; the key tells the two questions apart"
    assert len({one.key for one in pairs}) == 2


def test_an_instrument_of_turns_compares_nothing(output):
    found = sessions(output, a="60", b="60")
    assert not [one for one in questions(found, output, (RESISTANCE,), pairs=True) if one.case.is_pair]


def test_the_seed_draws_the_order_and_asks_the_same(output):
    found = sessions(output, a=" ".join(map(str, range(9))))
    one, again, other = (questions(found, output, seed=seed) for seed in (1, 1, 2))
    assert one == again and [q.idx for q in one] != [q.idx for q in other]
    assert sorted((q.idx, q.repeat) for q in one) == sorted((q.idx, q.repeat) for q in other)


def test_an_answer_is_recorded_with_its_question(output):
    question = questions(sessions(output, a="60"), output, repeats=1)[0]
    record = question.record(ANSWER, "m", "rate")
    assert isinstance(record, RatingRecord)
    assert (record.idx, record.instrument, record.turn, record.repeat) == ("60", "helpfulness", None, 1)
    assert (record.judge, record.run, record.asked) == ("m", "rate", question.asked)
    assert (record.scores, record.reason, record.attempts, record.model) == (ANSWER.scores, "because", 2, "m")


def test_a_preference_is_recorded_with_both_runs_in_the_order_shown(output):
    found = sessions(output, a="60", b="60")
    question = next(one for one in questions(found, output, pairs=True) if one.shown == ("b", "a"))
    answer = Judgment("rated", {"helpful": "first", "empathy": "neither"}, "because", "{}")
    record = question.record(answer, "m", "rate")
    assert isinstance(record, PreferenceRecord) and (record.first, record.second) == ("b", "a")
    assert record.scores == {"helpful": "first", "empathy": "neither"}


def test_a_pair_shows_the_faces_of_both(output):
    found = sessions(output, faces=True, a="60", b="60")
    shown = [(folder, turns[:1]) for of_run in found.values() for folder, turns in of_run.items()]
    case = pair_case(HELPFULNESS, shown, faces=True)
    assert case.faces == tuple((folder.folder / "faces/01.png",) for folder, _ in shown) and case.is_pair


def test_of_a_moment_only_its_turns_and_faces_are_shown(output):
    run = write_run(output, "a", ["60"], turns=5, faces=True)
    folder = SessionFolder(run / "sessions/60")
    start, end = read_instruments(["affect"])
    (first,), (last,) = (session_cases(one, folder, folder.turns(), faces=True) for one in (start, end))
    assert "(60, 2)" in first.prompt and "(60, 3)" not in first.prompt and "(60, 4)" not in first.prompt
    assert "(60, 4)" in last.prompt and "(60, 3)" not in last.prompt and "Turn 5" not in last.prompt
    assert [path.name for path in last.faces[0]] == ["04.png", "05.png"] and first.turn is None
    assert "These turns are a part of a longer session." in last.prompt
    assert session_cases(end, folder, folder.turns()[:1], faces=True) == []
