"""Invented sessions are complete, can be read, and come out the same again; a client is one person in every arm."""

from mirror.benchmarks.synthetic_runs import write_run
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder


def test_invented_sessions_are_complete_and_the_same_again(tmp_path):
    for name in ("one", "two"):
        write_run(tmp_path / name, ["7"], 5, 3, "ec_planning", pictures=16)
    one, two = (SessionFolder(tmp_path / name / "sessions/7") for name in ("one", "two"))
    assert one.turns() == two.turns() and len(one.turns()) == 5 and one.ended["status"] == "complete"
    assert all((one.folder / file).is_file() for turn in one.turns() for file in turn.face.files)


def test_a_client_is_the_same_person_in_every_arm(tmp_path):
    write_run(tmp_path / "one", ["7", "8"], 2, 3, "base")
    write_run(tmp_path / "two", ["8", "7"], 2, 4, "ec", naming=0.9)
    assert Arm.read(tmp_path / "one").persons == Arm.read(tmp_path / "two").persons
