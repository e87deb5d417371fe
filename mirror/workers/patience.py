"""How Ray 2.60 is started on this machine alone: reachable from it alone, and patient with its own parts.

Ray takes the loopback address where it is not to be part of a cluster, which is a constant of its modules; elsewhere it
would listen on all interfaces, and replace the loopback address where it is given as an option.

A raylet ends itself where its agents have not said their ports within 15 s, a limit that no option of Ray changes. So
the agents of metrics and of the dashboard are taken to have none, and the port of the runtime agent is chosen here.
Two monitors, of logs and of further machines, are not started: each takes seconds of a CPU.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ray._private.node import Node
from ray._private.parameter import RayParams

AGENT_PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
NO_PORT = "-1"  # what an agent without these services says


@contextmanager
def patient() -> Iterator[None]:
    """Within the block, `ray.init` starts Ray on the loopback address, without a wait for its agents."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    changes: dict[str, Any] = {"no_monitor": True, "include_log_monitor": False, "runtime_env_agent_port": port}
    params = partial(RayParams, **changes)
    start = Node.start_ray_processes

    def told(node: Node) -> None:
        for name in AGENT_PORTS:
            Path(node.get_session_dir_path(), f"{name}_{node.node_id}").write_text(NO_PORT, encoding="utf-8")
        start(node)

    alone = patch("ray._private.ray_constants.ENABLE_RAY_CLUSTER", False)
    with alone, patch("ray._private.parameter.RayParams", params), patch.object(Node, "start_ray_processes", told):
        yield
