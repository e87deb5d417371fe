"""Models on this machine and on a Hub, which is a server on the loopback interface with the Hub's answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import save_file

from mirror.terminal.doctor.hub import Hub, HubModel, copy_of, models
from mirror.terminal.doctor.targets import TARGETS

FILES = {"config.json": 1_000, "model.safetensors": 14_000_000_000, "pytorch_model.bin": 28_000_000_000}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        name = "/".join(self.path.split("?")[0].removeprefix("/api/models/").split("/")[:2])
        if name == "some/broken":
            return self._answer(503, {})
        if name == "some/unknown":
            return self._answer(404, {}, "RepoNotFound")
        siblings = [{"rfilename": file, "size": size} for file, size in FILES.items()]
        info = {"id": name, "modelId": name, "siblings": siblings, "gated": "manual" if name == "meta/gated" else False}
        self._answer(200, info)

    def do_HEAD(self):
        self._answer(403, {}, "GatedRepo")

    def _answer(self, status, body, code=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    return Hub(HfApi(endpoint=endpoint, token=False), is_offline=False, cache=tmp_path)


def check(hub, name, **more):
    (found,) = hub.checks([HubModel("base model", name, **more)])
    return found


def test_a_model_that_can_be_had_is_told_with_its_size(hub):
    found = check(hub, "some/model")
    assert found.is_met and "14.0 GB; hf download some/model" in found.found
    assert hub.to_download == 14_000_001_000 and hub.absent == 1


def test_a_file_of_a_repository_counts_alone(hub):
    found = check(hub, "some/model/config.json")
    assert found.is_met and hub.to_download == 1_000 and "hf download some/model config.json" in found.found


@pytest.mark.parametrize(
    "name, found, mend",
    [
        ("meta/gated", "gated", "/meta/gated, then: hf auth login"),
        ("some/unknown", "not on the Hub", "correct the name"),
        ("some/broken", "answered 503", "try again later"),
        ("./nowhere", "no such folder", "give a folder or a Hub id"),
    ],
)
def test_a_model_that_cannot_be_had_is_told_with_what_mends_it(hub, name, found, mend):
    result = check(hub, name)
    assert found in result.found and mend in result.mend and hub.to_download == 0


def test_a_hub_that_must_not_be_asked_is_not(hub, server):
    hub.is_offline = True
    result = check(hub, "some/model")
    assert "HF_HUB_OFFLINE is set" in result.found and "unset HF_HUB_OFFLINE" in result.mend and server.asked == []


def test_a_hub_that_cannot_be_reached_is_tried_once(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    hub = Hub(HfApi(endpoint="http://127.0.0.1:9", token=False), is_offline=False, cache=tmp_path)
    first = check(hub, "some/model")
    hub.api = None
    assert "cannot be reached (ConnectError)" in first.found and check(hub, "some/other").mend.startswith("connect")


def is_here(model, cache=None):
    found = copy_of(model, cache)
    return found.is_here and not found.fault


@pytest.fixture
def snapshot(tmp_path):
    """The folder of a model in the Hub's cache, with no more than a config."""
    folder = tmp_path / "models--some--model/snapshots/0123456789012345678901234567890123456789"
    folder.mkdir(parents=True)
    (tmp_path / "models--some--model/refs").mkdir()
    (tmp_path / "models--some--model/refs/main").write_text(folder.name)
    (folder / "config.json").write_text("{}")
    return folder


def test_a_model_in_the_cache_is_here_once_its_weights_are(hub, tmp_path, server, snapshot):
    assert not is_here(HubModel("base model", "some/model"), tmp_path)
    save_file({"weight": torch.zeros(4)}, snapshot / "model.safetensors")
    assert is_here(HubModel("base model", "some/model"), tmp_path) and check(hub, "some/model").found == "here"
    assert hub.absent == 0
    assert not is_here(HubModel("painter", "some/model", parts=("unet",)), tmp_path)
    assert is_here(HubModel("PhotoMaker", "some/model/model.safetensors"), tmp_path)
    assert not is_here(HubModel("PhotoMaker", "some/model/other.bin"), tmp_path)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_model_in_the_cache_that_lacks_a_file_is_to_be_downloaded(hub, snapshot, file):
    save_file({"weight": torch.zeros(4)}, snapshot / "model.safetensors")
    (snapshot / file).unlink()
    assert "to be downloaded" in check(hub, "some/model").found and hub.to_download


@pytest.mark.parametrize(
    "file, content, fault",
    [
        ("model.safetensors", None, "is truncated"),
        ("model.safetensors", b"", "is empty"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1", "git-lfs pointer"),
        ("config.json", b"<!doctype html>", "is a web page"),
    ],
)
def test_a_damaged_file_in_the_cache_is_told_with_what_replaces_it(hub, server, snapshot, file, content, fault):
    weights = snapshot / "model.safetensors"
    save_file({"weight": torch.zeros(4)}, weights)
    (snapshot / file).write_bytes(weights.read_bytes()[:-3] if content is None else content)
    for name in ("some/model", f"some/model/{file}"):
        found = check(hub, name)
        assert fault in found.found and file in found.found and server.asked == []
        assert found.mend == f"hf download {name.replace('model/', 'model ')} --force-download"


def test_a_folder_is_here_with_config_and_weights(hub, tmp_path):
    model = HubModel("base model", str(tmp_path))
    assert "no complete set of weights" in copy_of(model).fault and not is_here(HubModel("x", str(tmp_path / "x")))
    save_file({"weight": torch.zeros(4)}, tmp_path / "model.safetensors")
    assert "no config.json" in check(hub, str(tmp_path)).found
    (tmp_path / "config.json").write_text("{}")
    assert is_here(model)
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    found = check(hub, str(tmp_path))
    assert "git-lfs pointer" in found.found and "git lfs pull" in found.mend


def test_the_models_of_the_published_runs():
    target = TARGETS["80gb"]
    found = {model.role: model.name for model in models(target.training, target.counseling)}
    assert found["base model"] == "llava-hf/llava-1.5-7b-hf" and len(found) == 6
    small = TARGETS["24gb"]
    assert "describer" not in {model.role for model in models(small.training, small.counseling)}
    built = {model.role: model.name for model in models(small.training, small.counseling, small.building)}
    assert built["describer"] == "meta-llama/Meta-Llama-3-8B-Instruct" and len(built) == 6
