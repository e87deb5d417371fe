"""The parts of Ray that its patient start relies on; that it starts is in test_pool."""

from inspect import signature
from pathlib import Path

from ray._private import node, parameter

from mirror.workers.patience import AGENT_PORTS, patient


def test_ray_has_the_switches_and_takes_them_within_the_block_alone():
    names = signature(parameter.RayParams).parameters.keys()
    assert {"no_monitor", "include_log_monitor", "runtime_env_agent_port", *AGENT_PORTS} <= names
    before = parameter.RayParams, node.Node.start_ray_processes
    with patient():
        params = parameter.RayParams(metrics_agent_port=None)
        assert params.no_monitor and params.include_log_monitor is False and params.runtime_env_agent_port > 0
        assert node.Node.start_ray_processes is not before[1]
    assert before == (parameter.RayParams, node.Node.start_ray_processes)


def test_a_port_file_is_named_as_the_raylet_looks_for_it():
    content = (Path(node.__file__).parents[1] / "core/src/ray/raylet/raylet").read_bytes()
    assert all(name.encode() in content for name in AGENT_PORTS)
