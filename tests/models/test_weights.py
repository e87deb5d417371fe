"""Models from the Hub: what is fetched. A stand-in for the Hub speaks its wire format on a loopback port."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from transformers.utils import logging as transformers_logging

from mirror.models.weights import find, model_folder, read_config, read_state_dict, without_progress_bars
from tests import ROOT
from tests.tiny_photomaker import GOLDEN, RECIPE

POCKET = ROOT / "pocket/models"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(folder):
    """A Hub whose one repository `owner/model` holds the files of `folder`; and the list of those that it gave."""
    given = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(False)

        def do_GET(self):
            self.answer(True)

        def answer(self, with_body):
            path = self.path.split("?")[0]
            name = path.partition(f"/resolve/{COMMIT}/")[2] or path.partition("/resolve/main/")[2]
            files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
            if name and (folder / name).is_file():
                body = (folder / name).read_bytes()
                if with_body:
                    given.append(name)
                self.reply(200, body, with_body, {"ETag": f'"{hashlib.sha1(body).hexdigest()}"'})
            elif path.startswith("/api/models/owner/model/tree/"):
                rows = [
                    {
                        "type": "file",
                        "path": file.relative_to(folder).as_posix(),
                        "size": file.stat().st_size,
                        "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                    }
                    for file in files
                ]
                self.reply(200, json.dumps(rows).encode(), with_body)
            elif path.startswith("/api/models/owner/model"):
                names = [{"rfilename": file.relative_to(folder).as_posix()} for file in files]
                body = {"id": "owner/model", "modelId": "owner/model", "sha": COMMIT, "siblings": names, "tags": []}
                self.reply(200, json.dumps(body).encode(), with_body)
            else:
                code = "EntryNotFound" if "/owner/model/" in path else "RepoNotFound"
                self.reply(404, b"{}", with_body, {"X-Error-Code": code})

        def reply(self, status, body, with_body, headers=None):
            self.send_response(status)
            headers = {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT} | (headers or {})
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", given
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def started(code, endpoint, home):
    """A process of its own that runs `code`, and knows another Hub and another cache."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "HF_HUB_DISABLE_XET": "1"}
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        environment.pop(name, None)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", code], **pipes, text=True, env=environment, cwd=ROOT)
    with process:
        yield process
        _, errors = process.communicate()
    assert process.returncode == 0, errors


def found(process):
    """What the process says that it found; "" if it ended before."""
    said = (line for line in process.stdout if line.startswith("found "))
    return next(said, "").removeprefix("found ").strip()


PAINT = f"""
import torch
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
recipe, adapter = {RECIPE!r}, {str(GOLDEN / "photomaker-v1.bin")!r}
for _ in range(2):
    painter = PhotoMaker.load("owner/model", adapter, recipe, dtype=torch.bfloat16, vision_heads=4)
    print("found", painter.facts()["revision"], painter.pipeline.unet.conv_in.weight.float().sum().item(), flush=True)
    input()
"""

FIND = """
from mirror.models.weights import find
try:
    find("owner/other")
except FileNotFoundError as error:
    print("found", find("owner/model")[1], "|", " ".join(str(error).split()))
"""


@pytest.mark.slow
def test_of_sdxl_on_the_hub_one_set_of_weights_is_fetched(tmp_path):
    """As the published repositories are: both precisions, pickles, single files, other frameworks' files."""
    folder = tmp_path / "hub"
    shutil.copytree(GOLDEN / "sdxl-tiny", folder)
    for file in list(folder.rglob("*.safetensors")):
        shutil.copy(file, file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
        file.with_suffix(".bin").write_bytes(b"pickle")
        file.with_name("model.onnx").write_bytes(b"onnx")
    (folder / "sd_xl_base_1.0.safetensors").write_bytes(b"single file")
    with ExitStack() as ended:
        with hub(folder) as (endpoint, given):
            process = ended.enter_context(started(PAINT, endpoint, tmp_path / "cache"))
            first = found(process)
            fetched = sorted(set(given))
        print(file=process.stdin, flush=True)
        assert found(process) == first  # the network is gone
        print(file=process.stdin, flush=True)
    assert first.startswith(COMMIT)
    weights = [name for name in fetched if not name.endswith((".json", ".txt"))]
    assert weights == [
        "text_encoder/model.fp16.safetensors",
        "text_encoder_2/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]


@pytest.mark.slow
def test_of_other_models_one_set_of_weights_is_fetched(tmp_path):
    folder = tmp_path / "hub"
    shutil.copytree(POCKET / "nsfw-pocket", folder)
    (folder / "onnx").mkdir()
    for name in ("pytorch_model.bin", "tf_model.h5", "optimizer.pt", "training_args.bin", "onnx/model.onnx"):
        (folder / name).write_bytes(b"not for us")
    (folder / "onnx/config.json").write_text("{}")
    with hub(folder) as (endpoint, given), started(FIND, endpoint, tmp_path / "cache") as process:
        revision, message = found(process).split(" | ")
    assert sorted(set(given)) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert revision == COMMIT
    assert "owner/other was not found locally or on the Hub" in message
    assert "check the name, the connection and" in message


def test_a_folder_and_what_is_none(tmp_path):
    assert find(str(POCKET / "nsfw-pocket")) == (POCKET / "nsfw-pocket", "")
    assert find("pocket/models/nsfw-pocket") == (POCKET / "nsfw-pocket", "")
    with pytest.raises(FileNotFoundError, match="config.json is a file; give the folder that holds config.json"):
        find(str(POCKET / "nsfw-pocket/config.json"))
    with pytest.raises(FileNotFoundError, match="no model folder ./nowhere"):
        model_folder("./nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config.json is damaged: cannot be read as JSON .*; download it again"),
        ("[1]", "config.json is damaged: must hold one object, found list"),
        ('{"model_type": "qwen2_vl"}', "model_type must be llava or llava_llama, found 'qwen2_vl'"),
    ],
)
def test_a_config_that_is_no_llavas_is_named(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path)


def test_a_clone_without_git_lfs_is_named(tmp_path):
    shutil.copytree(POCKET / "nsfw-pocket", tmp_path / "model")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    (tmp_path / "model/preprocessor_config.json").write_text(pointer)
    with pytest.raises(ValueError, match="preprocessor_config.json is a git-lfs pointer .* run `git lfs pull`"):
        find(str(tmp_path / "model"))


def test_the_weights_of_a_folder_are_those_of_its_chosen_files(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    torch.save({"a": torch.zeros(1)}, tmp_path / "pytorch_model.fp16.bin")
    assert read_state_dict(tmp_path)["a"] == 1 and read_state_dict(tmp_path, half=True)["a"] == 0


@pytest.fixture(params=[True, False])
def shown(request):
    """Whether transformers shows its bars before the test."""
    before = transformers_logging.is_progress_bar_enabled()
    (transformers_logging.enable_progress_bar if request.param else transformers_logging.disable_progress_bar)()
    yield request.param
    (transformers_logging.enable_progress_bar if before else transformers_logging.disable_progress_bar)()


def test_loading_bars_are_hidden_within_the_block_only(shown):
    with pytest.raises(KeyError), without_progress_bars():
        assert not transformers_logging.is_progress_bar_enabled()
        raise KeyError
    assert transformers_logging.is_progress_bar_enabled() == shown
