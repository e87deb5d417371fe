"""The pocket models of painter and filters: loaded by the calls that load the published ones, made by the code here."""

import torch
from diffusers import StableDiffusionXLPipeline
from insightface.app import FaceAnalysis
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification, AutoTokenizer, CLIPModel

from mirror.clip_text import tokens
from mirror.photomaker.weights import read_adapter
from pocket.clip import CLIP_FOLDER, SAFETY_FOLDER, corpus, train_tokenizer, write_classifier, write_clip
from pocket.diffusion import ADAPTER_FILE, PIPELINE_FOLDER, write_painter

MODELS = PIPELINE_FOLDER.parent


def test_the_libraries_own_loaders_take_the_folders():
    pipeline = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER)
    assert type(pipeline.unet).__name__ == "UNet2DConditionModel" and pipeline.vae_scale_factor == 4
    assert CLIPModel.from_pretrained(CLIP_FOLDER).config.projection_dim == 32
    assert AutoModelForImageClassification.from_pretrained(SAFETY_FOLDER).config.id2label == {0: "normal", 1: "nsfw"}
    pack = FaceAnalysis(name=str(MODELS / "faces-pocket"), providers=["CPUExecutionProvider"])
    assert {"detection", "recognition", "genderage"} <= pack.models.keys()


def test_the_tokenizer_is_clips_kind():
    tokenizer = AutoTokenizer.from_pretrained(CLIP_FOLDER)
    assert type(tokenizer).__name__ == "CLIPTokenizer" and tokenizer.model_max_length == 77
    text = "A facial photo with naïve smile – 感 1"
    ids = tokens(tokenizer, text)
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False).replace(" ", "") == text.lower().replace(" ", "")
    assert all(len(tokens(tokenizer, line)) < 75 for line in corpus())
    assert tokenizer.get_vocab() == train_tokenizer().get_vocab()


def test_the_files_are_what_the_code_makes(tmp_path):
    write_clip(tmp_path / "clip")
    write_classifier(tmp_path / "nsfw")
    write_painter(tmp_path / "sdxl", tmp_path / "adapter.bin")
    made = {
        tmp_path / "clip/model.safetensors": CLIP_FOLDER / "model.safetensors",
        tmp_path / "nsfw/model.safetensors": SAFETY_FOLDER / "model.safetensors",
        tmp_path / "sdxl/unet/diffusion_pytorch_model.safetensors": PIPELINE_FOLDER
        / "unet/diffusion_pytorch_model.safetensors",
        tmp_path / "sdxl/vae/diffusion_pytorch_model.safetensors": PIPELINE_FOLDER
        / "vae/diffusion_pytorch_model.safetensors",
    }
    for new, committed in made.items():
        assert_equal(load_file(new), load_file(committed))
    for new, committed in zip(read_adapter(tmp_path / "adapter.bin"), read_adapter(ADAPTER_FILE), strict=True):
        assert_equal(new, committed)


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=1e-3)
