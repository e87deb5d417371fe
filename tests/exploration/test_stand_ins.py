"""Stand-ins say what begins, in order, and change nothing of the result."""

import pytest

from mirror.counseling.turn import Clock, take_turn
from mirror.exploration.stand_ins import GivenClient, Stopped, watched
from mirror.prompts import Utterance
from tests.scripted_casts import scripted_cast

SAID = GivenClient.typed(Utterance("frowns", "No."))


def taken(cast, exploration):
    (turn,) = take_turn(cast, [exploration.conversation], Clock())
    return turn


def test_what_begins_is_said_in_order_and_the_turn_is_the_same(exploration):
    said = []
    cast = scripted_cast()
    turn = taken(watched(cast, said.append), exploration)
    assert said == [
        "the client thinks",
        "describing the face",
        "painting attempt 1 of at most 3",
        "painting attempt 2 of at most 3",
        "the counselor replies",
    ]
    assert turn.turn == taken(scripted_cast(), exploration).turn


def test_attempts_of_one_batch_are_said_together():
    said, painter = [], watched(scripted_cast(), lambda text: said.append(text)).painter
    painter.tell = said.append
    painter.member.paint = len
    assert painter.paint(["a", "b"]) == 2 and painter.paint(["c"]) == 1
    assert said == ["painting attempts 1 to 2 of at most 3", "painting attempt 3 of at most 3"]


def test_who_tells_may_stop_the_turn_and_what_follows_is_not_asked(exploration):
    cast = scripted_cast()

    def tell(doing):
        if doing.startswith("painting attempt 2"):
            raise Stopped

    with pytest.raises(Stopped):
        taken(watched(cast, tell), exploration)
    assert len(cast.painter.asked) == 1 and cast.counselor.asked == []


def test_members_report_what_they_stand_for():
    cast = scripted_cast()
    stand_ins = watched(cast, print)
    for role in ("client", "describer", "painter", "counselor"):
        assert getattr(stand_ins, role).facts() == getattr(cast, role).facts()
    assert stand_ins.painter.batch_sizes == (1,) and SAID.facts() == {"client": "typed"}
