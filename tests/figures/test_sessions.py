"""The figure of a run: one row per session, one column per turn, frames around faces that were not accepted."""

import numpy as np
import pytest

from mirror.figures import figure
from mirror.figures.sessions import NOT_ACCEPTED, faces_by_turn
from mirror.transcripts.session_folder import SessionFolder
from tests.sessions import append, full_turn, run_to_the_end


@pytest.fixture
def sessions(tmp_path):
    for name in ("60", "61"):
        run_to_the_end(tmp_path / name)
    third = SessionFolder(tmp_path / "62")
    face = full_turn(1).face
    append(third, full_turn(1, face=face.model_copy(update={"exhausted": True})))
    return [SessionFolder(tmp_path / name) for name in ("60", "61", "62")]


def test_a_row_per_session_and_a_column_per_turn_with_the_faces_in_their_places(sessions):
    ax = faces_by_turn(sessions, figure()[1])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len(names) == 3 and names[2] == "62"
    (picture,) = ax.get_images()
    cells = np.asarray(picture.get_array())
    is_face = [[bool((cells[50 + 106 * row, 50 + 106 * turn] < 250).any()) for turn in range(4)] for row in range(3)]
    assert is_face == [[True, True, True, False]] * 2 + [[True, False, False, False]]


def test_the_title_counts_accepted_faces_and_a_frame_marks_the_one_that_was_not(sessions):
    ax = faces_by_turn(sessions, figure()[1])
    assert ax.get_title(loc="left") == "6 of 7 faces were accepted, 0 at the first attempt"
    (frame,) = ax.patches
    assert (frame.get_x(), frame.get_y()) == (0, 212)
    assert tuple(round(255 * part) for part in frame.get_edgecolor()[:3]) == tuple(bytes.fromhex(NOT_ACCEPTED[1:]))


def test_of_many_sessions_the_first_are_shown(sessions):
    ax = faces_by_turn(sessions, figure()[1], most=2)
    assert len(ax.get_yticklabels()) == 2
    assert "6 of 7 faces" in ax.get_title(loc="left") and "first 2 of 3 sessions" in ax.get_title(loc="left")
