"""What is refused before Ray is asked; that it starts and holds workers is in test_pool."""

import socket

import pytest

from mirror.workers.cluster import ClusterError, _connect


def test_a_cluster_that_does_not_answer_is_named_with_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ClusterError, match=rf"no Ray cluster answers at ray_address {address} .*ray start --head"):
        _connect(address)
