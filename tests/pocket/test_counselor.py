"""What fine-tuning gives the pocket LLaVA: captions of faces and replies to clients, none of them seen before."""

import pytest

from pocket.llava.card import evaluate_tuned, make_counselor, tune
from pocket.llava.counselor_evaluation import counsel, write_evaluation_dialogues
from pocket.llava.evaluation import SEED, Rate
from pocket.llava.wellformed import faults
from pocket.texts.dataset import make_dialogues
from pocket.texts.dialogues import write_dialogue
from pocket.texts.profiles import make_clients


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The ec variant, tuned as its params file says: less than a minute and a half of one core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(tmp_path_factory.mktemp("tuned")))
        llava, seconds = tune("ec")
    return llava, evaluate_tuned(llava, "ec", seconds, faces=120, clients=15)


@pytest.mark.slow
def test_captions_of_faces_never_seen_are_right(tuned):
    _, exam = tuned
    assert exam.captions.share >= 0.85


@pytest.mark.slow
def test_fine_tuning_takes_less_than_ninety_seconds_of_two_cores(tuned):
    _, exam = tuned
    assert exam.seconds < 180


@pytest.mark.slow
def test_replies_are_wellformed_and_name_the_feeling(tuned):
    _, exam = tuned
    assert exam.wellformed.share >= 0.85, [answer.faults for answer in exam.answers if answer.faults]
    assert exam.named.share >= 0.6


@pytest.mark.slow
def test_a_reply_speaks_of_the_caption(tuned):
    _, exam = tuned
    taken_up = [a.reply.caption.removeprefix("Looks ") in a.reply.words for a in exam.answers]
    assert Rate.of(taken_up).share >= 0.8


def test_the_exams_clients_are_in_no_training_or_test_set():
    known = {d.client.identity for d in make_dialogues()} | {client.identity for client in make_clients()}
    assert not known & {dialogue.client.identity for dialogue in write_evaluation_dialogues(60)}


@pytest.mark.slow
def test_a_session_goes_on_with_the_counselors_own_words(tuned):
    llava, _ = tuned
    (dialogue,) = write_evaluation_dialogues(1)
    answers = counsel(make_counselor(llava, "ec"), [dialogue])
    assert [a.exchange for a in answers] == list(dialogue.exchanges) == list(write_evaluation_dialogues(1, SEED)[0].exchanges)
    assert [a.reply.words for a in answers] == [a.reply.words for a in counsel(make_counselor(llava, "ec"), [dialogue])]


def test_the_exact_interval():
    rate = Rate(17, 20)
    low, high = rate.interval
    assert (round(low, 3), round(high, 3)) == (0.621, 0.968)  # Clopper and Pearson's, as tables have it


@pytest.mark.parametrize(
    "reply",
    [
        "You look tired me Monday the.",
        "You look tir. This is a heavy time.",
        "You look sad. this is a heavy time.",
        "You look sad. This is a heavy time",
        "You look sad. This is a heavy time. This is a heavy time.",
        'Is it true that "it was all my fault?',
        "",
    ],
)
def test_what_is_not_wellformed(reply):
    assert faults(reply)


def test_the_dialogues_own_replies_are_wellformed():
    for number in range(40):
        for exchange in write_dialogue(write_evaluation_dialogues(40)[number].client, 12).exchanges:
            assert not faults(exchange.therapist), exchange.therapist
