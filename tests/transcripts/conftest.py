"""Session folders: a new one, and a complete one."""

import pytest

from mirror.transcripts.session_folder import SessionFolder
from tests.sessions import (
    run_to_the_end,
)


@pytest.fixture
def session(tmp_path):
    return SessionFolder(tmp_path / "7")


@pytest.fixture
def unbroken(tmp_path):
    """A whole session that nothing disturbed."""
    folder = tmp_path / "unbroken"
    run_to_the_end(folder)
    return folder
