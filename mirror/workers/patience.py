"""Patience of Ray 2.60 with its own parts, for a local start on a busy machine.

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
    """Within the block, `ray.init` starts Ray on this machine without a wait for its agents."""
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    changes: dict[str, Any] = {"no_monitor": True, "include_log_monitor": False, "runtime_env_agent_port": port}
    params = partial(RayParams, **changes)
    start = Node.start_ray_processes

    def told(node: Node) -> None:
        for name in AGENT_PORTS:
            Path(node.get_session_dir_path(), f"{name}_{node.node_id}").write_text(NO_PORT, encoding="utf-8")
        start(node)

    with patch("ray._private.parameter.RayParams", params), patch.object(Node, "start_ray_processes", told):
        yield
