"""Well-formed replies of the pocket language."""

import pytest

from pocket.llava.counselor_evaluation import write_evaluation_dialogues
from pocket.llava.wellformed import faults
from pocket.texts.dialogues import write_dialogue


@pytest.mark.slow
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
