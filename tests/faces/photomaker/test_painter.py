"""PhotoMaker against what the published implementation computed (tests/data/photomaker-tiny), and what it refuses."""

import io
import logging
import subprocess
import sys

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mirror.faces.identity import FacePack
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.weights import read_adapter
from mirror.files.image_file import PictureError
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity
from tests import ROOT
from tests.tiny_photomaker import GOLDEN, ONE, RECIPE, TENSORS, TWO, load, request


@pytest.fixture(scope="module")
def photomaker():
    return load()


def latents_of(photomaker, requests):
    return photomaker.denoise(requests, photomaker.noise(requests), "latent")


def largest_difference(a, b):
    return max(abs(x - y) for x, y in zip(a.tobytes(), b.tobytes(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("portraits", ["one", "two", "text_only"])
@pytest.mark.parametrize("version", [1, 2])
def test_the_latents_are_the_published_pipelines(version, portraits):
    given = {"one": (ONE,), "two": (ONE, TWO), "text_only": ()}[portraits]
    latents = load(version).denoise([request(portraits=given)], TENSORS["latents_in"], "latent")
    torch.testing.assert_close(latents, TENSORS[f"v{version}_{portraits}_latents"], atol=1e-4, rtol=0)


def test_a_safetensors_adapter_is_the_same(tmp_path, photomaker):
    encoder, lora = read_adapter(GOLDEN / "photomaker-v1.bin")
    flat = {f"id_encoder.{k}": v for k, v in encoder.items()} | {f"lora_weights.{k}": v for k, v in lora.items()}
    save_file(flat, tmp_path / "adapter.safetensors")
    other = load(adapter=tmp_path / "adapter.safetensors")
    noise = TENSORS["latents_in"]
    assert torch.equal(other.denoise([request()], noise, "latent"), photomaker.denoise([request()], noise, "latent"))


@pytest.mark.slow
def test_an_image_does_not_depend_on_its_batch(photomaker):
    requests = [
        request(seed=1),
        request("a woman img, happy", (ONE, TWO), seed=2),
        request("a portrait of a girl img", (), seed=3, negative_prompt="old"),
        request("portrait photo of a man img, with a long list of words, angry", (TWO,), seed=4),
    ]
    together = latents_of(photomaker, requests)
    alone = torch.cat([latents_of(photomaker, [one]) for one in requests])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    images = photomaker.paint(requests)
    assert [(image.size, image.mode) for image in images] == [((32, 32), "RGB")] * 4
    assert images == [photomaker.paint([one])[0] for one in requests]  # to the bit, on a CPU
    assert all(largest_difference(images[0], other) > 10 for other in images[1:])


def test_the_seed_alone_decides_the_noise(photomaker):
    a, b, c = photomaker.paint([request(seed=7), request(seed=8), request(seed=7)])
    assert a == c
    assert largest_difference(a, b) > 10


def test_portrait_and_contrast_change_the_image(photomaker):
    a, b, c = photomaker.paint([request(), request(portraits=(TWO,)), request(negative_prompt="a beard")])
    assert largest_difference(a, b) > 0
    assert largest_difference(a, c) > 0


@pytest.mark.slow
def test_the_identity_is_merged_in_after_the_merge_step_only():
    noise = TENSORS["latents_in"]
    late = load(recipe=PaintRecipe(6, 5.0, 5, 64, 32)).denoise([request()], noise, "latent")
    text = load().denoise([request(portraits=())], noise, "latent")
    assert torch.equal(late, load(recipe=PaintRecipe(6, 5.0, 99, 64, 32)).denoise([request()], noise, "latent"))
    torch.testing.assert_close(late, text, atol=1e-5, rtol=0)
    early = load(recipe=PaintRecipe(6, 5.0, -1, 64, 32)).denoise([request()], noise, "latent")
    assert not torch.allclose(early, load().denoise([request()], noise, "latent"), atol=1e-3)


def test_the_fast_scheduler_paints_another_way_to_an_image():
    fast = load(recipe=PaintRecipe(4, 5.0, 1, 64, 32, "dpmsolver++"))
    assert type(fast.pipeline.scheduler).__name__ == "DPMSolverMultistepScheduler"
    latents = fast.denoise([request()], TENSORS["latents_in"], "latent")
    assert latents.isfinite().all()
    assert fast.facts()["scheduler"] == "dpmsolver++" and fast.facts()["steps"] == 4


def test_text_that_clip_cannot_read_is_truncated_with_one_warning(photomaker, caplog, monkeypatch):
    monkeypatch.setattr("mirror.faces.clip_text._warned", set())
    long = request(f"a man img, {'very ' * 80}sad")
    other = request(f"a man img, {'quite ' * 80}sad")
    with caplog.at_level(logging.WARNING):
        cut = photomaker.denoise([long], TENSORS["latents_in"], "latent")
        photomaker.denoise([other], TENSORS["latents_in"], "latent")
    assert cut.isfinite().all()
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("CLIP reads 75 tokens; longer texts are truncated, here by '")
    assert "sad' of 'a man , very" in said


@pytest.mark.parametrize("prompt", ["a man, sad", "a man img, a woman img", "img, sad", "imgage of a man"])
def test_a_prompt_without_one_marked_person_is_refused(photomaker, prompt):
    with pytest.raises(ValueError, match="needs the trigger word 'img' once"):
        photomaker.paint([request(prompt)])


def test_a_person_that_clip_would_not_read_is_refused(photomaker):
    with pytest.raises(ValueError, match="put the person first"):
        photomaker.paint([request(f"{'very ' * 80} sad man img")])


def test_a_request_is_checked_without_painting(photomaker):
    photomaker.check(request())
    with pytest.raises(ValueError, match="put the person first"):
        photomaker.check(request(portraits=(ONE,) * 80))
    with pytest.raises(PictureError, match="cannot be decoded to its end"):
        photomaker.check(request(portraits=(broken_picture(),)))


def broken_picture():
    file = io.BytesIO()
    ONE.save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:5000]))


def test_paths_count_from_the_repository_and_a_folder_has_no_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    painter = PhotoMaker.load("pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin", RECIPE)
    facts = painter.facts()
    assert (facts["base_model"], facts["revision"], facts["version"]) == ("pocket/models/sdxl-pocket", "", 1)
    assert (facts["device"], facts["compile"], facts["steps"]) == ("cpu", "none", 6)


def test_version_2_needs_faces():
    with pytest.raises(ValueError, match="v2 needs face embeddings; give the folder of an insightface pack"):
        PhotoMaker.load(str(GOLDEN / "sdxl-tiny"), str(GOLDEN / "photomaker-v2.bin"), RECIPE, vision_heads=4)


def test_version_2_takes_the_embedding_of_the_face_that_a_pack_finds():
    pack = FacePack.load("pocket/models/faces-pocket")
    weights = str(GOLDEN / "photomaker-v2.bin")
    painter = PhotoMaker.load(str(GOLDEN / "sdxl-tiny"), weights, RECIPE, embed_face=pack.embed, vision_heads=4)
    portraits = [draw(Identity.from_seed(n), EXPRESSIONS["attentive"], 0, 112) for n in (1, 2)]
    one, other = painter.paint([request(portraits=(portrait,)) for portrait in portraits])
    assert one != other
    with pytest.raises(ValueError, match="no face found in a portrait of 64×64; give another one"):
        painter.paint([request(portraits=(Image.new("RGB", (64, 64)),))])


def test_a_file_that_is_no_adapter_is_refused(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "x.bin")
    with pytest.raises(ValueError, match="is no PhotoMaker file: it holds no id_encoder"):
        load(adapter=tmp_path / "x.bin")
    with pytest.raises(FileNotFoundError, match="no PhotoMaker weights .*missing.bin; give a file, or one of the Hub"):
        load(adapter=tmp_path / "missing.bin")


def test_weights_of_another_family_are_refused(tmp_path):
    encoder, lora = read_adapter(GOLDEN / "photomaker-v1.bin")
    weights = dict(encoder)
    weights |= {k: torch.zeros(96 if v.dim() == 1 else (96, 96)) for k, v in encoder.items() if "fuse_module" in k}
    for key in ("layernorm.weight", "layernorm.bias"):
        weights[f"fuse_module.mlp1.{key}"] = torch.zeros(192)
    weights["fuse_module.mlp1.fc1.weight"] = torch.zeros(96, 192)
    torch.save({"id_encoder": weights, "lora_weights": lora}, tmp_path / "other.bin")
    with pytest.raises(ValueError, match="text embeddings of 96 channels, and this SDXL model has 128"):
        load(adapter=tmp_path / "other.bin")


@pytest.mark.slow
def test_nothing_is_printed_on_import_or_load():
    code = (
        "from mirror.faces.photomaker.painter import PhotoMaker; from tests.tiny_photomaker import GOLDEN, RECIPE; "
        "files = str(GOLDEN / 'sdxl-tiny'), str(GOLDEN / 'photomaker-v1.bin'); "
        "PhotoMaker.load(*files, RECIPE, embed_face=None, vision_heads=4)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
