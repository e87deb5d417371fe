"""The models of this process: answers with the places of their requests, read when there is room."""

import pytest

from mirror.building.pictures.studio import OwnStudio, answers, describe_here
from mirror.faces.description import DescriptionRequest
from mirror.prompts import Utterance
from tests.painted_dialogues import Describer, Painter, Verifier
from tests.painting_worker import BatchDescriber

REQUESTS = [DescriptionRequest("", Utterance("", f"words {number}")) for number in range(7)]


@pytest.mark.parametrize("describer", [Describer(["words 3"]), BatchDescriber(["words 3"])])
@pytest.mark.parametrize("concurrency", [1, 3, 9])
def test_every_request_is_answered_at_its_place(describer, concurrency):
    found = dict(describe_here(describer, iter(REQUESTS), concurrency))
    assert isinstance(found.pop(3), ConnectionError)
    assert {place: one.expression for place, one in found.items()} == {
        place: f"face of words {place}" for place in (0, 1, 2, 4, 5, 6)
    }


def test_a_request_is_read_when_there_is_room():
    read = []
    requests = (read.append(request) or request for request in REQUESTS)
    next(describe_here(Describer(), requests, 2))
    assert len(read) == 2


def test_a_describer_that_raises_gives_its_error_for_each_request():
    class Broken(Describer):
        def _answer(self, request):
            raise ZeroDivisionError("out of order")

    assert [str(error) for error in answers(Broken(), REQUESTS[:2])] == ["out of order"] * 2


def test_a_studio_tells_its_members_by_role():
    studio = OwnStudio(Describer(), Painter(), Verifier())
    assert studio.facts["painter"] == {"painter": "fast", "device": "cpu"} and [*studio.facts][0] == "describer"
    studio.close()
    for options in ({"width": 0}, {"concurrency": 0}):
        with pytest.raises(ValueError, match="must be 1 or more, found"):
            OwnStudio(Describer(), Painter(), Verifier(), **options)
