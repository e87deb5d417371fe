"""Reading recorded conversations: two forms, and every fault with its place."""

import json

import pytest
from PIL import Image

from mirror.building.screenplays.columns import ColumnsError
from mirror.building.screenplays.table_file import TableError
from mirror.paths import input_path
from mirror.replay.recording import RecordedTurn, RecordingError
from mirror.replay.table import read_recordings
from tests.replays import utterances


def read(path, form="utterances", columns="", speakers="", pictures=None):
    return read_recordings(path, form, columns, speakers, pictures)


def test_the_table_of_utterances_of_this_repository():
    found = read(input_path("pocket/recordings/utterances.csv"))
    assert [(one.profile.idx, len(one.turns)) for one in found] == [("0", 3), ("1", 3), ("2", 2)]
    first, second = found[0], found[1]
    assert first.opening.startswith("Hello.") and second.opening == ""
    assert first.profile.reason == "sleeping badly since a new job" and first.profile.resistance is None
    assert (
        first.turns[0].reply == "Since spring. That is a long time to be tired. What goes through your mind at night?"
    )
    assert first.turns[0].cue == "rubs the eyes, looks tired" and first.turns[2].reply == ""


def test_the_table_of_screenplays_of_this_repository():
    folder = input_path("pocket/data/images")
    found = read(input_path("pocket/recordings/screenplays.json"), "screenplays", "", "", folder)
    assert [len(one.turns) for one in found] == [3, 3] and found[0].profile.resistance == "emotional"
    turn = found[0].turns[1]
    assert (turn.cue, turn.words[:11], turn.reply[:11]) == ("tears come to the eyes", "My boss wan", "That sounds")
    assert turn.picture == folder / "pocket-000-emotional-resistance/turn-2_140-attentive.png"


def test_utterances_are_ordered_by_position_and_read_once_for_all_annotators(tmp_path):
    rows = [("7", 10, "Therapist", "Ten."), ("7", 9, "CLIENT", "Nine."), ("7", 10, "therapist", "Ten.")]
    rows[2] = ("7", 10, "Therapist", "Ten.")
    [one] = read(utterances(tmp_path, rows))
    assert one.turns == (RecordedTurn("Nine.", reply="Ten."),)


def test_columns_and_speakers_are_declared(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("session,line,who,said\na,1,patient,Hm.\na,2,doctor,Yes?\n", encoding="utf-8")
    columns = "conversation=session, position=line, speaker=who, words=said"
    [one] = read(path, columns=columns, speakers="client=patient, counselor=doctor")
    assert one.turns == (RecordedTurn("Hm.", reply="Yes?"),)
    with pytest.raises(ColumnsError) as told:
        read(path, columns="conversation=session, position=line, speaker=woh")
    assert "column 'woh' (speaker) is missing; is it 'who'?" in str(told.value)
    assert "column 'utterance_text' (words) is missing" in str(told.value)
    assert "the columns found are session, line, who, said" in str(told.value)


FAULTS = {
    "speaker": ([("0", 1, "judge", "Order!")], "record 1: speaks 'judge', and speakers names client and therapist"),
    "nothing": ([("0", 1, "client", " ")], "record 1: the client says and shows nothing"),
    "no client": ([("0", 1, "therapist", "Hello?")], "record 1: conversation 0 has no utterance of a client"),
    "differs": (
        [("0", 1, "client", "A"), ("0", 1, "client", "B")],
        "record 2: utterance 1 of 0 differs from the one in",
    ),
    "name": ([("a/b", 1, "client", "A")], "record 1: the conversation must be usable as a folder name"),
    "control": ([("0", 1, "client", "A\x07")], "record 1: utterance_text holds"),
    "no folder": ([("0", 1, "client", "A", "", "a.png")], "names the picture 'a.png', and pictures names no folder"),
}


@pytest.mark.parametrize(("rows", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_place(rows, fault, tmp_path):
    with pytest.raises(RecordingError) as told:
        read(utterances(tmp_path, rows))
    assert fault in told.value.faults[0] and "table.json: record" in told.value.faults[0]


def test_all_faults_are_reported_at_once(tmp_path):
    rows = [("0", 1, "judge", "Order!"), ("0", 2, "client", "Hm."), ("1", 1, "therapist", "Hello?")]
    with pytest.raises(RecordingError) as told:
        read(utterances(tmp_path, rows))
    assert len(told.value.faults) == 2


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("Hello")
    with pytest.raises(TableError, match="tables are .csv or .json files"):
        read(tmp_path / "a.txt")
    with pytest.raises(RecordingError, match="has no conversations"):
        (tmp_path / "b.csv").write_text("transcript_id,utterance_id,interlocutor,utterance_text\n")
        read(tmp_path / "b.csv")


def test_pictures_are_found_below_their_folder_and_have_to_be_pictures(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    rows = [("0", 1, "client", "A", "", "/elsewhere/a.png"), ("0", 2, "therapist", "Hm.", "", "b.png")]
    [one] = read(utterances(tmp_path, rows), pictures=tmp_path)
    assert one.turns[0].picture == tmp_path / "a.png"  # the counselor's picture is none of the client's
    with pytest.raises(RecordingError, match="no such file") as told:
        read(utterances(tmp_path, [("0", 1, "client", "A", "", "c.png")]), pictures=tmp_path)
    assert "record 1" in str(told.value)
    with pytest.raises(RecordingError, match="b.png"):
        read(utterances(tmp_path, [("0", 1, "client", "A", "", "b.png")]), pictures=tmp_path)


SCREENPLAYS = {
    "odd line": ({"dialogue": "Client: Hm.\nNarrator: It rains."}, "'Narrator' speaks, who is neither"),
    "pictures": ({"dialogue": "Client: Hm.", "images": "a.png;b.png"}, "has 2 pictures for 1 utterances"),
    "personality": ({"dialogue": "Client: Hm.", "personality": "Stubborn"}, "names no kind of resistance"),
    "empty": ({"dialogue": ""}, "has no utterance of a client"),
}


@pytest.mark.parametrize(("row", "fault"), SCREENPLAYS.values(), ids=SCREENPLAYS)
def test_a_fault_of_a_screenplay_is_named(row, fault, tmp_path):
    (tmp_path / "table.json").write_text(json.dumps([{"idx": "0"} | row]))
    with pytest.raises(RecordingError) as told:
        read(tmp_path / "table.json", "screenplays", pictures=tmp_path)
    assert fault in str(told.value)


def test_a_conversation_has_one_screenplay(tmp_path):
    (tmp_path / "table.json").write_text(json.dumps([{"idx": "0", "dialogue": "Client: Hm."}] * 2))
    with pytest.raises(RecordingError, match="record 2: 0 is the conversation of record 1; keep one"):
        read(tmp_path / "table.json", "screenplays")
