"""The committed LoRA: loaded by diffusers and by the product, and close to the teacher with a sixth of the work."""

from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file

from mirror.faces.photomaker.distilled import distil
from mirror.faces.rejection_sampling import show_faces
from pocket.painter import pack as painterpack
from pocket.painter.diffusion import PIPELINE_FOLDER
from pocket.painter.distilled import distillation, pack
from pocket.painter.distilled.evaluation import pixels
from pocket.painter.evaluation import make_requests, paint_with, same_person

SEED = 3  # other people than those of the model card


@pytest.fixture(scope="module")
def distilled():
    return pack.load_distilled()


def test_it_is_a_small_lora_by_the_published_names():
    weights = load_file(pack.DISTILLED_FILE)
    assert pack.DISTILLED_FILE.stat().st_size <= 1.5e6
    assert all(key.startswith("unet.") and key.endswith(("lora_A.weight", "lora_B.weight")) for key in weights)
    assert {weight.shape[0] for key, weight in weights.items() if "lora_A" in key} == {distillation.FULL.rank}
    assert all(weight.dtype == torch.float16 and weight.isfinite().all() for weight in weights.values())


def test_diffusers_and_the_product_load_it_alike():
    by_diffusers, by_product = (StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER) for _ in range(2))
    before = {key: value.clone() for key, value in by_product.unet.state_dict().items()}
    by_diffusers.load_lora_weights(str(pack.DISTILLED_FILE))
    by_diffusers.fuse_lora()
    by_diffusers.unload_lora_weights()
    distil(by_product, str(pack.DISTILLED_FILE), torch.float32)
    changed = 0
    for key, value in by_product.unet.state_dict().items():
        torch.testing.assert_close(by_diffusers.unet.state_dict()[key], value, rtol=1e-4, atol=1e-5)
        changed += not torch.equal(value, before[key])
    assert changed == len(load_file(pack.DISTILLED_FILE)) // 2


@pytest.mark.slow
def test_its_faces_are_accepted_and_are_those_of_the_portraits(distilled):
    turns, verifier = make_requests(5, SEED), painterpack.load_verifier()
    faces = show_faces(distilled, verifier, turns, 10)
    assert sum(face.attempts[0].verdict.accepted for face in faces) >= 4
    assert not any(face.exhausted for face in faces)
    portraits = [turn.portraits[0] for turn in turns]
    assert same_person(verifier, [face.image for face in faces], [*portraits[1:], *portraits[:1]]) == 0
    unmerged = paint_with(distilled, replace(pack.fast_recipe(), merge_at=1.0), turns)
    assert same_person(verifier, unmerged, portraits) == 0


@pytest.mark.slow
def test_its_pictures_are_the_teachers_with_a_sixth_of_the_evaluations(distilled):
    teacher = painterpack.load_painter()
    assert (teacher.facts()["evaluations"], distilled.facts()["evaluations"]) == (12, 2)
    asked = [turn.painting(turn.attempt_seed(1)) for turn in make_requests(2, SEED)]
    taught, own, undistilled = (
        pixels(painter.paint(asked)) for painter in (teacher, distilled, pack.load_distilled(""))
    )
    distance, without = (((other - taught) ** 2).mean() ** 0.5 for other in (own, undistilled))
    assert distance <= 9 and distance <= without / 2


@pytest.mark.slow
@pytest.mark.proof
def test_the_seed_decides_what_is_written(tmp_path, few_prompts):
    schedule = replace(distillation.SMALL, people=2, paths=4, batch=2)
    first, second = (pack.write_distilled(schedule, 3, "cpu", tmp_path / f"{name}.safetensors") for name in "ab")
    assert first.read_bytes() == second.read_bytes()
