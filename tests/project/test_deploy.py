"""What `docker/` and `deploy/slurm/` hold, as far as a machine without Docker's daemon and without Slurm can tell."""

import os
import re
import shutil
import subprocess

import pytest
import yaml

from api.description.app import DescriptionSettings
from api.verification.app import VerificationSettings
from mirror.counseling.settings import CounselSettings
from tests import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DOCKER = shutil.which("docker")
HAS_COMPOSE = bool(DOCKER) and subprocess.run([DOCKER, "compose", "version"], capture_output=True).returncode == 0
JOBS = sorted((ROOT / "deploy/slurm").glob("*.sbatch"))
SETTINGS = {"VERIFICATION_": VerificationSettings, "DESCRIPTION_": DescriptionSettings}


# Compose --------------------------------------------------------------------------------------------------------------


def composed(*options, text=None):
    """What Docker Compose says of a file; it needs no daemon for that."""
    environment = os.environ | {"MIRROR_SERVICE_TOKEN": "some-word"}
    command = [DOCKER, "compose", *options, "config", "--quiet"]
    return subprocess.run(command, cwd=ROOT, env=environment, input=text, capture_output=True, text=True)


@pytest.mark.skipif(not HAS_COMPOSE, reason="Docker Compose is not installed")
def test_docker_compose_takes_the_file():
    for profile in ("cpu", "gpu"):
        done = composed("--file", "docker/compose.yaml", "--profile", profile)
        assert done.returncode == 0, done.stderr
    assert composed("--file", "-", text="services: {judge: {image: x, port: ['1:1']}}").returncode != 0


def test_ports_are_open_to_this_machine_alone_and_each_is_used_once():
    ports = [(set(one["profiles"]), port) for one in SERVICES.values() for port in one["ports"]]
    assert len(ports) == len(SERVICES) and all(port.startswith("127.0.0.1:") for _, port in ports)
    for profile in ("cpu", "gpu"):
        hosts = [port.rpartition(":")[0] for profiles, port in ports if profile in profiles]
        assert len(hosts) == len(set(hosts)) == {"cpu": 2, "gpu": 4}[profile]


@pytest.mark.parametrize("name", SERVICES)
def test_variables_are_settings_of_the_service_with_values_that_it_accepts(name):
    environment = SERVICES[name]["environment"]
    for prefix, settings in SETTINGS.items():
        given = {
            key.removeprefix(prefix).lower(): value for key, value in environment.items() if key.startswith(prefix)
        }
        assert given.keys() <= settings.model_fields.keys()
        if given:
            values = {key: filled_in(str(value)) for key, value in given.items()}
            made = settings(**values)
            assert made.host == "0.0.0.0" and SERVICES[name]["ports"][0].endswith(f":{made.port}")
            # A service that other containers can reach has a token.
            assert environment["MIRROR_SERVICE_TOKEN"].startswith("${MIRROR_SERVICE_TOKEN:?")


def filled_in(text):
    """The text with the defaults of its variables."""
    return re.sub(r"\$\{\w+:-([^{}]*)\}", r"\1", text)


def test_secrets_come_from_the_environment():
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search("TOKEN|KEY", name):
                assert re.fullmatch(r"\$\{\w+:(-|\?[\w ]+)\}", value), name


def test_every_gpu_is_of_one_service_and_what_waits_for_another_names_it():
    devices = [one["deploy"]["resources"]["reservations"]["devices"][0] for one in SERVICES.values() if "deploy" in one]
    assert sorted(device["device_ids"][0] for device in devices) == ["0", "1", "2"]
    assert {name for one in SERVICES.values() for name in one.get("depends_on", {})} == {"describer"}
    assert SERVICES["description-gpu"]["environment"]["DESCRIPTION_BASE_URL"] == "http://describer:8000/v1"


def test_the_image_is_built_from_this_checkout_under_its_constraints():
    dockerfile = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    for service in SERVICES.values():
        if "build" in service:
            assert (ROOT / "docker" / service["build"]["context"]).resolve() == ROOT
            assert (ROOT / service["build"]["dockerfile"]).is_file()
            assert service["build"].get("args", {}).keys() <= set(re.findall(r"^ARG (\w+)=", dockerfile, re.MULTILINE))
    installs = re.findall(r"pip install (?:.*\\\n)*.*", dockerfile)
    assert len(installs) == 2 and all("--constraint constraints.txt" in one for one in installs)
    sources = re.findall(r"^COPY (.+) \./?$", dockerfile, re.MULTILINE)
    assert all((ROOT / name).exists() for line in sources for name in line.split())
    assert re.search(r"^USER mirror$", dockerfile, re.MULTILINE)
    version = re.search(r"^FROM python:(3\.\d+)-", dockerfile, re.MULTILINE)[1]
    assert version in ("3.11", "3.12", "3.13", "3.14")
    left_out = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".env", ".venv", "data", "checkpoints", "results"} <= set(left_out)


# Slurm ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def slurm(tmp_path):
    """Runs a job as Slurm would, where `srun` starts one process and Python only says what it was told."""
    (tmp_path / "bin").mkdir()
    commands = {
        "srun": 'while [[ $1 == --* ]]; do shift; done\nexec "$@"',
        "scontrol": "printf 'node7\\nnode8\\n'",
        "python": 'printf "%s\\n" "$@"',
    }
    for name, body in commands.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    known = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHON": "python", "MIRROR_OUTPUT": str(tmp_path)}

    def run(job, *words, **variables):
        command = ["bash", str(ROOT / "deploy/slurm" / job), *words]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=clean | known | {"SLURM_SUBMIT_DIR": "."} | variables
        )

    return run


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_a_job_is_sound_bash(path):
    subprocess.run(["bash", "-n", path], check=True)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, path], check=True)
    lines = path.read_text(encoding="utf-8").splitlines()
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH ")]
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert options and max(options) < first_command  # sbatch reads none behind the first command
    assert "set -euo pipefail" in lines


def test_an_array_counsels_every_share_once_and_the_merge_finds_them(slurm, tmp_path):
    file = "params/counsel/mirror-7b-planning.yaml"
    shares = set()
    for task in ("1", "2", "3"):
        array = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MAX": "3"}
        done = slurm("counsel.sbatch", file, "-p", "concurrency", "16", **array)
        module, program, notebook, output, *options = done.stdout.split()
        assert (module, program, notebook) == ("-m", "papermill", "notebooks/counsel.ipynb") and not done.returncode
        assert output == f"{tmp_path}/results/mirror-7b-planning-notebooks/counsel-{task}of3.ipynb"
        assert options == ["-f", file, "-p", "shard", f"{task}/3", "-p", "concurrency", "16"]
        settings = CounselSettings.from_file(ROOT / file, check_files=False, shard=options[4])
        shares.add(settings.shard)
    assert shares == {"1/3", "2/3", "3/3"}
    merged = slurm("merge.sbatch", settings.run)
    assert merged.stdout.split() == ["-m", "mirror.counseling.shards", settings.run]
    again = slurm("counsel.sbatch", file, SLURM_ARRAY_TASK_ID="2", SLURM_ARRAY_TASK_MAX="2", SHARES="3")
    assert "shard\n2/3\n" in again.stdout  # one share alone, of those there were


@pytest.mark.parametrize("gpus", ["4", "h100:4"])
def test_a_training_is_one_torchrun_per_node(slurm, gpus):
    job = {"SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_PER_NODE": gpus, "SLURM_JOB_NODELIST": "node[7-8]"}
    done = slurm(
        "train.sbatch", "params/train/mirror-13b-planning.yaml", "-p", "seed", "7", SLURM_JOB_ID="31234", **job
    )
    assert done.returncode == 0
    assert (
        done.stdout.split()
        == (
            "-m torch.distributed.run --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint node7:31234 "
            "--rdzv-id 31234 -m mirror.training -f params/train/mirror-13b-planning.yaml -p seed 7"
        ).split()
    )


@pytest.mark.parametrize(
    ("job", "words", "message"),
    [
        ("counsel.sbatch", [], "which params file? sbatch --array=1-8"),
        ("counsel.sbatch", ["params/counsel/llava-7b.yaml"], "this job is an array: sbatch --array=1-8"),
        ("merge.sbatch", [], "which run? sbatch deploy/slurm/merge.sbatch mirror-7b-planning"),
        ("train.sbatch", [], "which params file? sbatch deploy/slurm/train.sbatch"),
        ("train.sbatch", ["params/train/mirror-7b-base.yaml"], "this is a job of Slurm"),
    ],
)
def test_a_job_started_in_a_wrong_way_says_how(slurm, job, words, message):
    done = slurm(job, *words)
    assert done.returncode != 0 and message in done.stderr and not done.stdout
