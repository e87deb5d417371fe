"""A fault says what happened with the whole message, and what to do; a kind that nobody raises on purpose is marked."""

import pytest

from mirror.counseling.reply import CounselorError, TooLong
from mirror.exploration.fault import KEPT, UNEXPECTED, Fault
from mirror.exploration.portrait import ClientError
from mirror.faces.rejection_sampling import FaceError, PortraitUnusable
from mirror.services.service import ServiceError

LONG = "http://127.0.0.1:1/verify gave no answer after 4 tries: " + "x" * 3000


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (ServiceError(LONG), "A service gave no answer"),
        (FaceError("none of 3 attempts was safe", []), "No face"),
        (PortraitUnusable("the face cannot be painted: no face", []), "The portrait cannot be used"),
        (CounselorError("an empty reply twice"), "The counselor gave no reply"),
        (TooLong("no tokens left"), "Too long for the counselor"),
        (ClientError("no picture"), "This client cannot be used"),
        (OSError(28, "No space left on device"), "A file or a connection failed"),
        (MemoryError(), "Out of memory"),
        (ValueError("the table has no client 7"), "That cannot be done"),
    ],
)
def test_what_the_project_raises_is_told_whole_with_what_to_do(error, title):
    fault = Fault.of(error)
    assert (fault.title, fault.message) == (title, str(error) or "MemoryError")
    assert fault.advice.endswith(KEPT) and fault.is_expected


@pytest.mark.parametrize("error", [KeyError("turn"), RuntimeError("CUDA error: device-side assert"), AssertionError()])
def test_anything_else_is_a_fault_of_the_program_with_the_log_as_its_place(error):
    fault = Fault.of(error)
    assert fault.title == UNEXPECTED and fault.message.startswith(type(error).__name__) and not fault.is_expected
    assert "log" in fault.advice and fault.advice.endswith(KEPT)
