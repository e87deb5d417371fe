"""A pocket checkpoint behind a server on the loopback interface."""

import pytest

from tests.openai_server import OpenAIServer
from tests.served import ServedLlava, folders


@pytest.fixture(scope="package")
def place(tmp_path_factory):
    return folders(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="package")
def models(place):
    return ServedLlava(mirror=place.merged, base=place.base)


@pytest.fixture
def server(models):
    with OpenAIServer(default=models) as server:
        yield server
