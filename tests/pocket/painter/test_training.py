"""Training of the pocket painter: the adapter's LoRA and the denoising loss."""

import copy

import pytest
import torch

from mirror.faces.photomaker.weights import fuse_lora
from pocket.painter.diffusion import make_unet, projections
from pocket.painter.prompts import read_prompts
from pocket.painter.training import Denoiser, Painter, denoising_loss, extract_lora


def test_pipeline_and_adapter_together_are_what_was_learned():
    torch.manual_seed(0)
    learned = make_unet()
    early = {name: layer.weight.detach().clone() for name, layer in projections(learned).items()}
    with torch.no_grad():
        for layer in projections(learned).values():
            layer.weight += 0.01 * torch.randn_like(layer.weight)
    split = copy.deepcopy(learned)
    lora = extract_lora(split, early)
    moved = [
        (a.weight - b.weight).norm()
        for a, b in zip(projections(split).values(), projections(learned).values(), strict=True)
    ]
    assert min(moved) > 0
    fuse_lora(split, lora)
    for one, other in zip(split.parameters(), learned.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_pictures_begin_at_pure_noise_where_the_error_of_the_picture_counts_in_full(pipeline, latents):
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    assert pipeline.scheduler.alphas_cumprod[-1] == 0
    random = torch.Generator().manual_seed(0)
    none = lambda noisy, *_: torch.zeros_like(noisy)  # noqa: E731
    loss = denoising_loss(Painter(pipeline), none, latents, prompts, torch.zeros(1), 48, random)
    assert loss.item() == pytest.approx(latents.clean.square().mean().item(), rel=0.1)


@pytest.mark.slow
@pytest.mark.proof
def test_the_loss_falls_and_the_identity_encoder_learns_from_it(pipeline, latents, few_prompts):
    torch.manual_seed(0)
    painter = Painter(pipeline).train()
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    signal = pipeline.scheduler.alphas_cumprod

    def loss(seed):
        return denoising_loss(
            painter, Denoiser(painter), latents, prompts, signal, 8, torch.Generator().manual_seed(seed)
        )

    optimizer = torch.optim.AdamW(painter.parameters(), lr=4e-3)
    before = loss(0).item()
    for step in range(6):
        optimizer.zero_grad()
        loss(step % 3).backward()
        optimizer.step()
    assert loss(0).item() < 0.8 * before
    assert painter.id_encoder.visual_projection.weight.grad.abs().sum() > 0
