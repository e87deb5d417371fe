"""Replays from the settings to the session folders; the counselor is behind an endpoint unless faces matter."""

import json

import pytest
import yaml
from PIL import Image

from mirror.figures import page
from mirror.gallery import write_gallery
from mirror.replay.recording import RecordingError
from mirror.replay.run import Replay
from mirror.run_folder import RunConflict
from mirror.transcripts.arm import Arm
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.text import format_session
from tests.donors import write_donors
from tests.openai_server import OpenAIServer, Status
from tests.replays import echo, endpoint_configuration, settings, utterances

ROWS = [
    ("0", 1, "therapist", "Hello."), ("0", 2, "client", "Hm.", "shrugs"), ("0", 3, "therapist", "Yes?"),
    ("0", 4, "client", "No.", "frowns"), ("1", 1, "client", "Good day.", "nods"),
]  # fmt: skip


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    with OpenAIServer(default=echo) as running:
        yield running


@pytest.fixture
def replay(server, output, tmp_path):
    def make(configuration=(), **changes):
        path = endpoint_configuration(tmp_path, server.url, **dict(configuration))
        source = {} if changes.get("from_run") else {"table": str(utterances(tmp_path, changes.pop("rows", ROWS)))}
        return Replay(settings(configuration=path, run="again", **source | changes))

    return make


def test_every_client_turn_is_answered_after_the_recorded_history(replay, server, capsys):
    again = replay()
    assert not again.run.folder.exists() and again.conversations()["turns"].tolist() == [2, 1]
    assert len(again.first().turns()) == 2
    assert again.counsel()["status"].tolist() == ["complete", "complete"]
    first, second = again.session(again.profiles[0]).turns()
    assert (first.words, first.recorded_reply, second.recorded_reply) == ("Hm.", "Yes?", "")
    assert "Hello." in first.reply and "Hm." in first.reply and "shrugs" not in first.reply
    assert "Yes?" in second.reply and "1 pictures" in first.reply
    assert len(server.requests) == 3 and "3/3" in capsys.readouterr().err


def test_own_history_is_what_the_counselor_said_itself(replay):
    again = replay(history="own")
    again.counsel()
    _, second = again.session(again.profiles[0]).turns()
    assert "Yes?" not in second.reply and second.reply.count("1 pictures") == 2


def test_a_session_folder_says_that_no_face_was_painted(replay, tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    again = replay(
        rows=[("0", 1, "client", "Hm.", "shrugs", "a.png"), ("0", 2, "client", "No.")][:1], pictures=str(tmp_path)
    )
    again.counsel()
    folder = again.session(again.profiles[0])
    [turn] = folder.turns()
    assert turn.face.attempts == () and turn.face.chosen == 0 and not turn.face.is_painted and turn.seen is None
    assert turn.description is None and session_faults(folder, thorough=True) == []
    assert Image.open(folder.folder / turn.face.file).getpixel((0, 0)) == (255, 0, 0)
    assert "face       faces/01.png (recorded)" in format_session(folder)
    assert "recorded" in page.session(folder) and "attempt" not in page.session(folder)
    shown = write_gallery(again.run.folder).read_text(encoding="utf-8")
    facts = shown.split('class="facts">')[1].split("</dl>")[0]
    assert '"painted":false,' in shown and "turns" in facts and "accepted" not in facts
    arm = Arm.read(again.run.folder)
    assert arm.replays.endswith("table.json") and arm.counselor.endswith("answers recorded clients")
    assert not set(again.summary()["what"]) & {"faces accepted", "attempts a face"}


def test_without_a_picture_the_counselor_sees_a_gray_square_or_the_table_is_refused(replay):
    again = replay()
    again.counsel()
    [turn] = again.session(again.profiles[1]).turns()
    assert turn.face is None and (turn.seen.condition, turn.seen.file) == ("blank", "faces/01-seen.png")
    with pytest.raises(RecordingError) as told:
        replay(no_image="refuse")
    assert told.value.faults[0].startswith("conversation 0, turn 1: has no picture") and len(told.value.faults) == 3


def test_a_counselor_that_reads_only_needs_no_picture(replay):
    again = replay({"sees_face": False}, no_image="refuse")
    again.counsel()
    [turn] = again.session(again.profiles[1]).turns()
    assert "0 pictures" in turn.reply and turn.face is None and turn.seen is None


def test_the_cue_is_read_where_it_is_asked_for(replay):
    again = replay(face="cue")
    again.counsel()
    assert "(shrugs) Hm." in again.session(again.profiles[0]).turns()[0].reply
    with pytest.raises(RecordingError, match="conversation 1, turn 1: has no cue"):
        replay(face="cue", rows=[*ROWS[:4], ("1", 1, "client", "Good day.")])


def test_a_failed_conversation_stops_no_other_and_is_retried_alone(replay, server):
    server.answers(*[Status(400, "no")] * 1)
    again = replay(concurrency=1)
    with pytest.raises(RuntimeError, match="1 of 2 sessions failed"):
        again.counsel()
    asked = len(server.requests)
    assert replay().counsel()["status"].tolist() == ["complete", "complete"] and len(server.requests) == asked + 2


def test_a_budget_ends_a_replay_and_a_larger_one_goes_on(replay, server):
    again = replay(budget_tokens=1, concurrency=1)
    again.counsel()
    assert "budget_tokens: 1" in again.stopped and len(server.requests) == 1
    again = replay(budget_tokens=10**6)
    assert again.counsel()["status"].tolist() == ["complete", "complete"] and len(server.requests) == 3


def test_a_changed_table_is_another_run(replay):
    replay().counsel()
    with pytest.raises(RunConflict, match="sessions with another client"):
        replay(rows=[*ROWS[:3], ("0", 4, "client", "Never."), ROWS[4]]).counsel()
    with pytest.raises(RunConflict, match="history was 'recorded' and is 'own'"):
        replay(history="own")


def test_the_estimate_counts_the_prompts_of_the_recorded_turns(replay, server):
    again = replay(prices="some-model 1/2")
    table = again.estimate().set_index("what")
    assert table.loc["turns", "in all"] == "3" and len(server.requests) == 0
    read = int(table.loc["tokens read, counselor", "in all"].replace(",", ""))
    assert 3 * 255 < read and float(table.loc["dollars", "at most"]) > float(table.loc["dollars", "in all"]) > 0
    again.counsel()
    assert again.estimate().set_index("what").loc["turns", "so far"] == "3"


def test_the_turns_of_an_own_run_are_answered_up_to_the_clients_end(replay, server, output):
    write_donors(output / "results/shown")
    again = replay(from_run="shown", face="swapped", faces_from="shown", sessions=2)
    again.counsel()
    assert [profile.idx for profile in again.profiles] == ["1", "2"] and len(server.requests) == 6
    *turns, last = again.session(again.profiles[0]).turns()
    assert last.ended and last.face is None and last.reply == "" and last.recorded_reply is None
    assert {turn.seen.source.split("/")[1] for turn in turns} < {"2", "3"} and turns[0].seen.condition == "swapped"
    source = yaml.safe_load((again.run.folder / "settings.yaml").read_text())
    assert (source["from_run"], source["client"], source["face"]) == ("shown", "recorded", "swapped")
    record = json.loads((again.run.folder / "provenance.json").read_text())
    assert record["cast"]["client"]["client"] == "recorded" and record["cast"]["counselor"]["history"] == "recorded"
