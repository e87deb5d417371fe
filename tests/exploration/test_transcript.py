"""What was explored is saved as a run that every reader of runs takes, and nothing of an earlier session is lost."""

import json
from dataclasses import replace

import pytest

from mirror.analysis.metrics import read_metrics
from mirror.exploration.transcript import next_name, save
from mirror.gallery import write_gallery
from mirror.paths import output_path
from mirror.rating.run import Judging
from mirror.rating.settings import RateSettings
from mirror.replay.own_run import read_run
from mirror.replay.own_run import run_faults as run_faults_of_replay
from mirror.run_folder import RunConflict
from mirror.transcripts.arm import Arm
from mirror.transcripts.integrity import run_faults
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.text import format_session
from tests.scripted_casts import PORTRAIT, scripted_exploration
from tests.studies import study


def explored(exploration, *words):
    for said in words:
        exploration.say("frowns", said)
    return exploration


def test_a_saved_session_is_read_like_any_other(exploration):
    name, (folder,) = save(explored(exploration, "", "No."))
    assert (name, folder) == ("61", output_path("results/explored/sessions/61"))
    session, arm = SessionFolder(folder), Arm.read(folder.parent.parent)
    assert [turn for turn in session.turns()] == [taken.turn for taken in exploration.turns(0)]
    assert session.ended["status"] == "complete" and session.ended["reason"] == "saved from the panel"
    assert dict(run_faults(arm.folder)) == {"61": []}
    assert (arm.counselor, arm.is_scripted, arm.replays) == ("untuned LLaVA pocket, base", False, "")
    assert "No." in format_session(session) and "No." in write_gallery(arm.folder).read_text(encoding="utf-8")


def test_the_record_tells_seeds_that_the_settings_do_not(exploration):
    explored(exploration, "No.")
    exploration.again()
    save(exploration)
    record = Arm.read(output_path("results/explored")).provenance
    assert record["explored"] == {"61": [{"client": "typed", "seed": exploration.exchanges[0].seed, "tries": 1}]}
    assert record["status"] == "complete" and record["cast"]["counselor"]["model"] == "Counselor"


def test_saved_again_it_replaces_itself_and_another_session_of_the_client_is_another_one(exploration):
    name, _ = save(explored(exploration, "No."))
    save(explored(exploration, "Why?"), name)
    folder = output_path("results/explored/sessions")
    assert len(SessionFolder(folder / "61").turns()) == 2 and next_name(exploration) == "61+s2"
    exploration.begin("61")
    name, (later,) = save(explored(exploration, "Again."))
    assert name == "61+s2" and json.loads((later / "session.json").read_text())["memory"] == "none"
    arm = Arm.read(folder.parent)
    assert [one.folder.name for one in arm.sessions] == ["61", "61+s2"] and not arm.remembers
    assert dict(run_faults(arm.folder)) == {"61": [], "61+s2": []}


def test_both_counselors_sessions_have_the_same_name(pair):
    name, folders = save(explored(pair, "No."))
    assert [folder.parent.parent.name for folder in folders] == ["explored-pocket-llava", "explored-thinker"]
    replies = [SessionFolder(folder).turns()[0].reply for folder in folders]
    assert replies == ["I hear: No.", "You say: No."] and {folder.name for folder in folders} == {name}
    assert Arm.read(folders[1].parent.parent).settings["cot"] == "planning"


def test_a_given_portrait_is_kept_with_the_run(exploration, tmp_path):
    given = tmp_path / "face.png"
    given.write_bytes(PORTRAIT.read_bytes())
    exploration.begin(replace(exploration.profiles["60"], idx="own-1", portraits=(given,)))
    save(explored(exploration, "No."))
    kept = output_path("results/explored/portraits/face.png")
    assert kept.read_bytes() == given.read_bytes()
    client = SessionFolder(output_path("results/explored/sessions/own-1")).client
    assert client["portraits"] == ["results/explored/portraits/face.png"]


def test_what_cannot_be_saved_is_refused_and_leaves_nothing(exploration, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="there is nothing to save; take a turn first"):
        save(exploration)
    explored(exploration, "No.")
    monkeypatch.setattr(SessionFolder, "end", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        save(exploration)
    assert [*output_path("results/explored/sessions").glob("[!.]*")] == []
    monkeypatch.undo()
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path / "output"))
    save(exploration)
    other = explored(scripted_exploration(tmp_path, seed=4), "No.")
    with pytest.raises(RunConflict, match="seed was 3 and is 4"):
        save(other)


def test_a_saved_session_can_be_replayed_and_analyzed(pair):
    _, folders = save(explored(pair, "I can't sleep.", "No."))
    runs = [folder.parent.parent for folder in folders]
    (recording,) = read_run(runs[1])
    assert [turn.reply for turn in recording.turns] == ["You say: I can't sleep.", "You say: No."]
    assert run_faults_of_replay(runs[0]) == [] and recording.profile.name == "Tom"
    assert all(turn.picture.is_file() for turn in recording.turns)
    found = study(*runs)
    assert [arm.counselor for arm in found.arms] == ["untuned LLaVA pocket, base", "untuned LLaVA pocket, planning"]
    assert [len(read_metrics(arm).turns) for arm in found.arms] == [2, 2]


def test_judges_rate_what_was_saved(pair):
    _, folders = save(explored(pair, "I can't sleep.", "No."))
    parameters = {
        "runs": "results/explored-pocket-llava,results/explored-thinker", "sessions": 0, "instruments": "helpfulness",
        "wording": "", "judge": "rules", "judge_model": "", "judge_url": "", "structured": "text", "temperature": 0.0,
        "max_tokens": 1, "repeats": None, "attempts": 1, "faces": False, "pairs": False, "seed": 0, "concurrency": 1,
        "timeout": 1.0, "retries": 0, "prices": "", "run": None, "fresh": False,
    }  # fmt: skip
    settings = RateSettings.checked(parameters, "parameter")
    answers = Judging(settings, settings.folders).rate()
    assert answers["rated"].tolist() == [1, 1]
