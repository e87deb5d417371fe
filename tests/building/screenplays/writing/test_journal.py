"""The journal's record: it gives back the answer that it was made of, and only what says something of one request."""

import pytest

from mirror.building.screenplays.writing.journal import WrittenRecord, own_fault
from mirror.chat.endpoint import ChatError
from mirror.chat.messages import Completion

KEY = ("a-no-resistance", 1, "digest", 2**62)


def test_a_completion_is_given_back():
    completion = Completion("Client: [nods]\u2028 “x”", 10, None, "m-2026", "length")
    record = WrittenRecord.of(*KEY, completion)
    assert WrittenRecord.model_validate_json(record.model_dump_json()).answer == completion


@pytest.mark.parametrize(
    "error, fault, is_final",
    [
        (ChatError("x", 400, 1, "too long"), "too_long", True),
        (ChatError("x", 400, 1, "filtered"), "filtered", True),
        (ChatError("x", 200, 1, "filtered"), "no_text", False),
        (ChatError("x", 200, 1), "no_text", False),
        (ChatError("x", 200, 1, garbled=True), "", None),
        (ChatError("x", 400, 1), "", None),
        (ChatError("x", 429, 5), "", None),
        (ChatError("x", None, 5), "", None),
        (RuntimeError("x"), "", None),
    ],
)
def test_errors_of_one_request_are_told_from_those_of_all(error, fault, is_final):
    assert own_fault(error) == fault
    record = WrittenRecord.of(*KEY, error)
    if fault:
        assert (record.answer.fault, record.answer.is_final, str(record.answer)) == (fault, is_final, "x")
    else:
        assert record is None
