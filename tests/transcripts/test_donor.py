"""Runs whose faces are shown in place of others, and those that have none to show."""

from mirror.transcripts.donor import complete_sessions, donor_faults, last_face
from tests.donors import write_donors, write_settings
from tests.sessions import full_turn, last_turn


def test_complete_sessions_with_faces_lend_them(tmp_path):
    assert [one.folder.name for one in complete_sessions(write_donors(tmp_path / "shown"))] == ["1", "2", "3"]


def test_a_turn_without_a_face_has_that_of_the_turn_before():
    turns = (full_turn(1), full_turn(2), last_turn(3))
    assert last_face(turns, 1) == (1, "faces/01.png") and last_face(turns, 3) == (2, "faces/02.png")


def test_a_run_that_can_lend_no_faces_is_refused(tmp_path):
    donors = write_donors(tmp_path / "shown")
    assert donor_faults(donors) == []
    assert "no such folder" in donor_faults(tmp_path / "none")[0]
    write_settings(donors, face="blank")
    assert donor_faults(donors) == ["shown is itself a run with face blank; name one with face shown"]
    write_settings(donors)
    for idx in "12":
        (donors / "sessions" / idx / "end.json").unlink()
    assert "shown has complete sessions with faces of 1 clients, and 2 are needed" in donor_faults(donors)[0]


def test_two_sessions_of_one_client_are_no_two_clients(tmp_path):
    donors = write_donors(tmp_path / "shown")
    for name in "34":
        (donors / f"sessions/{name}/end.json").unlink()
    assert donor_faults(donors) == []
    (donors / "sessions/2").rename(donors / "sessions/1+s2")
    assert "of 1 clients, and 2 are needed" in donor_faults(donors)[0]
