"""The committed pocket LLaVA, loaded once."""

import pytest

from mirror.models.llava import load
from pocket.llava.model import FOLDER


@pytest.fixture(scope="module")
def llava():
    return load(str(FOLDER))
