"""A model's folder is data: code in it never runs, and no option allows it."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tests import ROOT

MODELS = ROOT / "pocket/models"
CODE = """
import os
open(os.environ["MARKER"], "w").close()
from transformers import LlamaTokenizer as OwnTokenizer
from transformers import LlamaConfig, LlamaForCausalLM, ViTForImageClassification, CLIPModel, CLIPConfig, ViTConfig
class OwnConfig(LlamaConfig): model_type = "own"
OwnModel = LlamaForCausalLM
class OwnPipeline: pass
"""
AUTO_MAP = {
    "AutoConfig": "own.OwnConfig",
    "AutoModel": "own.OwnModel",
    "AutoModelForCausalLM": "own.OwnModel",
    "AutoModelForImageClassification": "own.OwnModel",
    "AutoTokenizer": ["own.OwnTokenizer", None],
    "AutoImageProcessor": "own.OwnTokenizer",
    "AutoProcessor": "own.OwnTokenizer",
}
LOADERS = {
    "llava": "from mirror.models.llava import load; load(folder)",
    "chat model": "from mirror.chat.local import LanguageModel; LanguageModel.load(folder, device='cpu')",
    "safety": "from mirror.faces.filters import SafetyFilter; SafetyFilter(folder, 'cpu')",
    "relevance": "from mirror.faces.filters import RelevanceFilter; RelevanceFilter(folder, None, 'cpu')",
    "pipeline": (
        "import torch; from mirror.faces.photomaker.pipeline import load_pipeline; "
        "load_pipeline(folder, '', torch.float32)"
    ),
    "adapter": (
        "from mirror.models.llava import load; from mirror.models.lora import load_adapter; from pathlib import Path; "
        f"load_adapter(load('{MODELS}/llava-v1.5-pocket').model, Path(folder))"
    ),
}
FOLDERS = {
    "llava": "llava-v1.5-pocket",
    "chat model": "llava-v1.5-pocket",  # its tokenizer; the model is a small one without vision
    "safety": "nsfw-pocket",
    "relevance": "clip-pocket",
    "pipeline": "sdxl-pocket",
}


def change(path, **values):
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(found | values))


def trap(folder):
    """Code under every name by which a configuration can ask for it."""
    for path in [folder, *(path for path in folder.iterdir() if path.is_dir())]:
        for name in ("own", "pipeline", "tokenizer", "custom_generate"):
            (path / f"{name}.py").write_text(CODE)
        for name in path.glob("*config.json"):
            change(name, auto_map=AUTO_MAP)


def known_kind(folder, kind):
    """A kind that transformers has itself, with an `auto_map` beside it."""


def unknown_kind(folder, kind):
    """A kind that only the folder's code knows."""
    for name in folder.rglob("config.json"):
        if kind != "llava":
            change(name, model_type="own", architectures=["OwnModel"])
    for name in folder.rglob("tokenizer_config.json"):
        change(name, tokenizer_class="OwnTokenizer")


WAYS = {"known kind": known_kind, "unknown kind": unknown_kind}


LOAD = """
import json, os, sys
typing = os.dup(0)
for given in sys.argv[2:]:
    os.dup2(typing if given == "y" else os.open(os.devnull, os.O_RDONLY), 0)
    for name, (loader, folder) in json.loads(sys.argv[1]).items():
        try:
            exec(loader, {"folder": folder})
            print(json.dumps([given, name, ""]), flush=True)
        except Exception as error:
            print(json.dumps([given, name, f"{type(error).__name__}: {error}"]), flush=True)
"""


def load_all(folders, tmp_path, *inputs):
    """What came of each folder, "" or its error, for each of the inputs.

    One process loads all; its standard input says "y" again and again, or is at its end, for "nothing".
    """
    environment = os.environ | {"MARKER": str(tmp_path / "ran"), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_MODULES_CACHE": str(tmp_path / "modules")}
    wanted = {name: [LOADERS[kind], str(folder)] for name, (kind, folder) in folders.items()}
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n" * 100)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(wanted), *inputs],
        stdin=theirs,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    os.close(ours), os.close(theirs)
    assert not (tmp_path / "ran").exists(), "code of a folder ran"
    assert "[y/N]" not in done.stdout + done.stderr, "somebody was asked"
    outcomes = {given: {} for given in inputs}
    for line in done.stdout.splitlines():
        if line.startswith("["):
            given, name, error = json.loads(line)
            outcomes[given][name] = error
    assert all(of_one.keys() == wanted.keys() for of_one in outcomes.values()), done.stderr
    return list(outcomes.values())


def copy(tmp_path, kind, name):
    folder = tmp_path / "folders" / name
    shutil.copytree(MODELS / FOLDERS[kind], folder)
    if kind == "chat model":
        (folder / "processor_config.json").unlink()
        (folder / "generation_config.json").unlink()
        shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        LlamaForCausalLM(LlamaConfig(vocab_size=4096, **shape)).save_pretrained(folder)
    return folder


PIPELINES = {
    "own class": {"_class_name": ["pipeline", "OwnPipeline"]},
    "module": {"_module": "own", "_class_name": "OwnPipeline"},
    "custom pipeline": {"custom_pipeline": "pipeline"},
    "own scheduler": {"scheduler": ["own", "OwnPipeline"]},
    "own tokenizer": {"tokenizer": ["own", "OwnTokenizer"]},
    "own file": {"tokenizer_2": ["pipeline", "OwnTokenizer"]},
}
PICKLES = {
    "chat model": "pytorch_model.bin",
    "llava": "pytorch_model.bin",
    "safety": "pytorch_model.bin",
    "relevance": "pytorch_model.bin",
    "pipeline": "unet/diffusion_pytorch_model.bin",
}


class Trap:
    """A pickle that writes the marker when it is read."""

    def __reduce__(self):
        return (Path.touch, (Path(os.environ["MARKER"]),))


def coded_folders(tmp_path):
    """Models with code beside them: name → kind and folder."""
    folders = {}
    for kind in FOLDERS:
        for way, change_folder in WAYS.items():
            name = f"{kind}, {way}"
            folders[name] = kind, copy(tmp_path, kind, name)
            trap(folders[name][1])
            change_folder(folders[name][1], kind)
    for name, values in PIPELINES.items():
        folders[name] = "pipeline", copy(tmp_path, "pipeline", name)
        trap(folders[name][1])
        change(folders[name][1] / "model_index.json", **values)
    return folders


def pickled_folders(tmp_path):
    """Models and adapters whose weights are pickles that run code."""
    folders = {}
    for kind, file in PICKLES.items():
        for is_zip in (True, False):
            name = f"pickle {kind} {is_zip}"
            folders[name] = kind, copy(tmp_path, kind, name)
            path = folders[name][1] / file
            for weights in path.parent.glob("*.safetensors"):
                weights.unlink()
            torch.save({"weight": Trap()}, path, _use_new_zipfile_serialization=is_zip)
    for file in ("adapter_model.bin", "non_lora_trainables.bin"):
        name = f"pickle {file}"
        folder = tmp_path / "folders" / name
        folder.mkdir()
        change(folder / "adapter_config.json", peft_type="LORA", r=4, auto_mapping={"parent_library": "own"})
        (folder / "own.py").write_text(CODE)
        torch.save({"weight": Trap()}, folder / file)
        folders[name] = "adapter", folder
    return folders


@pytest.mark.slow
def test_neither_code_in_a_models_folder_nor_in_its_weights_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MARKER", str(tmp_path / "ran"))
    folders = coded_folders(tmp_path) | pickled_folders(tmp_path)
    for outcomes in load_all(folders, tmp_path, "nothing", "y"):
        assert {name for name, error in outcomes.items() if not error} >= {f"{kind}, known kind" for kind in FOLDERS}
        for name, error in outcomes.items():
            assert not error or name.startswith("pickle") or str(folders[name][1]) in error
        for kind in ("chat model", "safety", "relevance"):
            error = outcomes[f"{kind}, unknown kind"]
            assert "needs the Python code in it (auto_map), and code of a model's folder is never run" in error
        refused = {name for name, error in outcomes.items() if error}
        assert refused >= {name for name in folders if name.startswith("pickle") or name.startswith("own")}
        for file in ("adapter_model.bin", "non_lora_trainables.bin"):
            assert f"{file} holds more than weights" in outcomes[f"pickle {file}"]
