"""Schedulers of few steps: timesteps, evaluations of the network, when the person joins, and whose noise it is."""

import logging
from dataclasses import replace

import pytest
import torch
from diffusers import DDIMScheduler

from mirror.faces.photomaker import PaintRequest
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.recipe import PaintRecipe
from mirror.faces.photomaker.schedulers import make_scheduler, text_steps, timesteps
from mirror.faces.schedule import SCHEDULERS
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.drawing.identities import Identity
from tests.tiny_photomaker import GOLDEN

FAST = PaintRecipe(steps=4, guidance_scale=0, merge_at=0.2, size=64, output_size=32, spacing="trailing")
PORTRAITS = [draw(Identity.from_seed(n), EXPRESSIONS["attentive"], 0, 112) for n in (1, 2)]
SDXL = DDIMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
    steps_offset=1, timestep_spacing="leading",
).config  # fmt: skip


@pytest.fixture(scope="module")
def painter():
    return PhotoMaker.load(str(GOLDEN / "sdxl-tiny"), str(GOLDEN / "photomaker-v1.bin"), FAST, vision_heads=4)


def recipe_of(scheduler, **changes):
    return replace(FAST, scheduler=scheduler, **({"spacing": "model"} if scheduler in ("lcm", "tcd") else {}) | changes)


def request(seed=0, prompt="a man img, sad", portrait=0, negative_prompt="old"):
    return PaintRequest(prompt, negative_prompt, (PORTRAITS[portrait],), seed)


def latents(painter, *requests):
    return painter.denoise(requests, painter.noise(requests), "latent")


def evaluations(painter, monkeypatch, *requests):
    """The batch of each evaluation of the network while `requests` are painted."""
    seen, forward = [], painter.pipeline.unet.forward

    def counted(sample, *args, **options):
        seen.append(len(sample))
        return forward(sample, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(painter.pipeline.unet, "forward", counted)
        latents(painter, *requests)
    return seen


# Timesteps as the publishers of SDXL-Lightning and Hyper-SD (trailing), LCM and TCD have them.
TIMES = {
    ("ddim", "model", 4): [751, 501, 251, 1],
    ("ddim", "trailing", 4): [999, 749, 499, 249],
    ("ddim", "trailing", 1): [999],
    ("euler", "trailing", 4): [999, 749, 499, 249],
    ("euler", "trailing", 2): [999, 499],
    ("euler", "linspace", 4): [999, 666, 333, 0],
    ("lcm", "model", 4): [999, 759, 499, 259],
    ("tcd", "model", 4): [999, 759, 499, 259],
    ("tcd", "model", 1): [999],
    ("dpmsolver++", "trailing", 4): [999, 749, 499, 249],
}


@pytest.mark.parametrize(("given", "expected"), TIMES.items())
def test_the_timesteps_are_the_published_ones(given, expected):
    scheduler, spacing, steps = given
    assert timesteps(make_scheduler(scheduler, SDXL, spacing), steps) == pytest.approx(expected, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_few_steps_paint(scheduler, steps, painter):
    painter.recipe = recipe_of(scheduler, steps=steps)
    first, second = latents(painter, request(0)), latents(painter, request(1))
    assert first.isfinite().all()
    assert not torch.allclose(first, second, atol=1e-3)
    assert torch.equal(first, latents(painter, request(0)))


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("guidance_scale", [0.0, 3.0])
def test_an_image_depends_on_its_request_and_not_on_its_batch(scheduler, guidance_scale, painter):
    """Also where the scheduler draws noise between the steps (LCM); of whole pictures, test_painter says the same."""
    painter.recipe = recipe_of(scheduler, guidance_scale=guidance_scale, steps=3)
    requests = [request(1), request(2, "a woman img, happy", 1), request(3, "a girl img", 1, "sad")]
    together = latents(painter, *requests)
    torch.testing.assert_close(together, torch.cat([latents(painter, one) for one in requests]), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.flip(0), latents(painter, *reversed(requests)), atol=1e-4, rtol=0)


def test_the_noise_between_steps_is_the_requests_own(painter):
    """The same beginning, and other seeds: LCM ends elsewhere, the deterministic ones at the same image."""
    one, other = request(1), request(2)
    noise = painter.noise([one])
    for scheduler in SCHEDULERS:
        painter.recipe = recipe_of(scheduler)
        same = torch.equal(painter.denoise([one], noise, "latent"), painter.denoise([other], noise, "latent"))
        assert same == (scheduler != "lcm"), scheduler


@pytest.mark.parametrize(("guidance_scale", "batch"), [(0, 2), (1, 2), (1.0001, 4), (5, 4)])
def test_without_guidance_a_step_is_one_evaluation(guidance_scale, batch, painter, monkeypatch):
    painter.recipe = recipe_of("euler", guidance_scale=guidance_scale)
    assert evaluations(painter, monkeypatch, request(0), request(1)) == [batch] * 4
    assert painter.facts()["evaluations"] == 4 * batch // 2
    assert painter.facts()["negative_prompt"] == ("used" if batch == 4 else "not used")
    plain, contrast = (latents(painter, request(negative_prompt=text)) for text in ("old", "a beard"))
    assert torch.equal(plain, contrast) == (batch == 2)


def test_guidance_0_and_1_are_the_same(painter):
    found = []
    for guidance_scale in (0, 1):
        painter.recipe = recipe_of("ddim", guidance_scale=guidance_scale)
        found.append(latents(painter, request()))
    assert torch.equal(*found)


@pytest.mark.slow
def test_the_published_merge_step_is_a_fifth_of_the_noise(painter):
    """For the published 50 steps, to the bit; both ways are the step callback of the same pipeline."""
    published = PaintRecipe(steps=50, guidance_scale=5.0, merge_step=10, size=64, output_size=32)
    painter.recipe = published
    wanted = latents(painter, request())
    painter.recipe = replace(published, merge_step=0, merge_at=0.2)
    assert torch.equal(latents(painter, request()), wanted)
    painter.recipe = replace(published, merge_step=9)
    assert not torch.equal(latents(painter, request()), wanted)


# (scheduler, spacing, steps) → steps from the text alone at 0.2 of the noise schedule
AT_A_FIFTH = {
    ("ddim", "leading", 50): 11,
    ("ddim", "trailing", 50): 11,
    ("dpmsolver++", "leading", 25): 6,
    ("tcd", "model", 50): 11,
    ("ddim", "trailing", 10): 3,
    ("euler", "trailing", 8): 2,
    ("euler", "trailing", 4): 1,
    ("lcm", "model", 4): 1,
    ("tcd", "model", 4): 1,
    ("euler", "trailing", 2): 1,
    ("euler", "trailing", 1): 0,
    ("tcd", "model", 1): 0,
}


@pytest.mark.parametrize(("given", "expected"), AT_A_FIFTH.items())
def test_a_share_of_the_noise_means_the_same_for_any_number_of_steps(given, expected):
    scheduler, spacing, steps = given
    recipe = recipe_of(scheduler, steps=steps, spacing=spacing)
    assert text_steps(make_scheduler(scheduler, SDXL, spacing), recipe) == expected


@pytest.mark.parametrize("steps", [1, 2, 4, 50])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_share_goes_from_always_to_never(scheduler, steps):
    made = make_scheduler(scheduler, SDXL)
    found = [text_steps(made, recipe_of(scheduler, steps=steps, merge_at=n / 20)) for n in range(21)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, steps)
    assert text_steps(made, recipe_of(scheduler, steps=steps, merge_at=0.999)) == steps - 1  # never the last step


def test_with_one_step_the_person_is_there_from_the_beginning(painter):
    painter.recipe = recipe_of("ddim", steps=1)
    assert painter.facts()["text_steps"] == 0
    assert not torch.equal(latents(painter, request(portrait=0)), latents(painter, request(portrait=1)))
    painter.recipe = recipe_of("ddim", steps=1, merge_at=1.0)
    assert torch.equal(latents(painter, request(portrait=0)), latents(painter, request(portrait=1)))


def test_a_start_in_the_middle_of_the_noise_is_warned_of(painter, caplog):
    with caplog.at_level(logging.WARNING):
        painter.recipe = recipe_of("ddim", steps=1, spacing="trailing")
        painter.recipe = recipe_of("ddim", steps=2, spacing="leading")
        assert not caplog.records
        painter.recipe = recipe_of("ddim", steps=1, spacing="leading")
    assert "the first of 1 steps is at timestep 1 of 999" in caplog.text


@pytest.mark.parametrize("size", [32, 64, 96])
def test_the_size_is_that_of_the_painting_and_not_of_the_face(size, painter):
    painter.recipe = recipe_of("euler", size=size)
    assert painter.noise([request()]).shape[-1] == size // painter.pipeline.vae_scale_factor
    (image,) = painter.paint([request()])
    assert image.size == (32, 32)


def test_the_fast_scheduler_draws_no_noise_whatever_the_model_says():
    scheduler = make_scheduler("dpmsolver++", {"algorithm_type": "sde-dpmsolver++", "num_train_timesteps": 1000})
    assert scheduler.config.algorithm_type == "dpmsolver++"
