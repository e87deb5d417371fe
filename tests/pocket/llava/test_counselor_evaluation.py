"""The clients of the counselor's evaluation are held out."""

from pocket.llava.counselor_evaluation import write_evaluation_dialogues
from pocket.tables.profiles import make_clients
from pocket.texts.screenplays import make_dialogues


def test_the_exams_clients_are_in_no_training_or_test_set():
    known = {d.client.identity for d in make_dialogues()} | {client.identity for client in make_clients()}
    assert not known & {dialogue.client.identity for dialogue in write_evaluation_dialogues(60)}
