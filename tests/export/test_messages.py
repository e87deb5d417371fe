"""Chat messages of a run: one line per session, in order, with pictures that are there and no setting of the run."""

import json

from mirror.export.messages import missing_pictures, write_messages
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn
from tests.rated_exports import rated_run
from tests.rated_runs import write_run


def read(folder):
    return [json.loads(line) for line in write_messages(folder).read_text(encoding="utf-8").splitlines()]


def test_a_session_is_a_line_of_messages_with_pictures_by_relative_path(output):
    folder = rated_run(output)
    first, second = read(folder)
    assert (first["id"], second["id"], first["run"]) == ("60", "61", "llava")
    assert [message["role"] for message in first["messages"]] == ["user", "assistant"] * 2
    opening, said = first["messages"][0]["content"], first["messages"][2]["content"]
    assert [part["type"] for part in opening] == ["image_url"]  # the client opens in silence
    assert [part["type"] for part in said] == ["image_url", "text"]
    assert said[1]["text"] == "Client 60 says 2: I am sad."
    assert said[0]["image_url"]["url"] == "sessions/60/faces/02.png" and (folder / "sessions/60/faces/02.png").is_file()
    assert first["messages"][1]["content"] == "I hear that you are sad. (60, 1)"
    facts = first["metadata"]
    assert facts["status"] == "complete" and [turn["turn"] for turn in facts["turns"]] == [1, 2]
    assert facts["turns"][0]["caption"] == "secret caption" and facts["turns"][0]["face_accepted"] is True


def test_the_client_of_the_table_is_the_system_message(output):
    folder = rated_run(output)
    client = {"idx": "60", "personal_info": "Tess, 64", "reason": "I shout.", "resistance": "none"}
    (folder / "sessions/60/client.json").write_text(json.dumps(client))
    system = read(folder)[0]["messages"][0]
    assert system == {"role": "system", "content": "Client: Tess, 64\nReason for seeking counseling: I shout."}


def test_settings_are_no_part_of_a_line(output):
    folder = rated_run(output)
    with open(folder / "settings.yaml", "a") as settings:
        settings.write("counselor_url: http://inner.example:8000/v1\n")
    assert "inner.example" not in write_messages(folder).read_text()


def test_the_picture_is_what_the_counselor_saw_and_the_cue_what_it_read(output):
    folder = rated_run(output)
    path = folder / "sessions/60/turns.jsonl"
    turns = [json.loads(line) for line in path.read_text().splitlines()]
    turns[1]["seen"] = {"condition": "cue", "file": "faces/02-seen.png", "words": "looks down", "source": ""}
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    (folder / "sessions/60/faces/02-seen.png").write_bytes((folder / "sessions/60/faces/02.png").read_bytes())
    image, text = read(folder)[0]["messages"][2]["content"]
    assert image["image_url"]["url"] == "sessions/60/faces/02-seen.png"
    assert text["text"] == "(looks down) Client 60 says 2: I am sad."


def test_without_pictures_words_stay_and_the_missing_ones_are_counted(output):
    folder = rated_run(output)
    assert missing_pictures(Arm.read(folder)) == 0
    for path in folder.glob("sessions/60/faces/*"):
        path.unlink()
    messages = read(folder)[0]["messages"]
    assert [message["content"] for message in messages[::2]] == ["(silent)", "Client 60 says 2: I am sad."]
    assert missing_pictures(Arm.read(folder)) == 2


def test_an_ending_of_the_client_has_no_reply(output):
    folder = write_run(output, clients=("7",), turns=1, status="failed")
    session = SessionFolder(folder / "sessions/7")
    session.append(Turn(number=2, cue="", words="Bye.", client_raw="Bye.", ended=True), {}, {})
    session.end("complete", "the client ended it")
    messages = read(folder)[0]["messages"]
    assert messages[-1] == {"role": "user", "content": "Bye."}
