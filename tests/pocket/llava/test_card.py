"""The fine-tuned pocket LLaVA: captions of held-out faces and replies to held-out clients."""

import pytest

from pocket.llava.card import evaluate_tuned, make_counselor, tune
from pocket.llava.counselor_evaluation import counsel, write_evaluation_dialogues
from pocket.llava.evaluation import SEED, Rate


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The ec variant, tuned as its params file says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_OUTPUT", str(tmp_path_factory.mktemp("tuned")))
        llava, seconds = tune("ec")
    return llava, evaluate_tuned(llava, "ec", seconds, faces=12, clients=3)


@pytest.mark.slow
@pytest.mark.proof
def test_captions_of_painted_faces_never_seen_are_right(tuned):
    _, scores = tuned
    assert scores.captions.share >= 0.85


@pytest.mark.slow
@pytest.mark.proof
def test_replies_are_wellformed_and_name_the_feeling(tuned):
    _, scores = tuned
    assert scores.wellformed.share >= 0.85, [answer.faults for answer in scores.answers if answer.faults]
    assert scores.named.share >= 0.6


@pytest.mark.slow
@pytest.mark.proof
def test_a_reply_speaks_of_the_caption(tuned):
    _, scores = tuned
    taken_up = [a.reply.caption.removeprefix("Looks ") in a.reply.words for a in scores.answers]
    assert Rate.of(taken_up).share >= 0.8


@pytest.mark.slow
@pytest.mark.proof
def test_a_session_goes_on_with_the_counselors_own_words(tuned):
    llava, _ = tuned
    (dialogue,) = write_evaluation_dialogues(1)
    answers = counsel(make_counselor(llava, "ec"), [dialogue])
    assert (
        [a.exchange for a in answers]
        == list(dialogue.exchanges)
        == list(write_evaluation_dialogues(1, SEED)[0].exchanges)
    )
    assert [a.reply.words for a in answers] == [a.reply.words for a in counsel(make_counselor(llava, "ec"), [dialogue])]
