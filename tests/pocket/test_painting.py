"""How the pocket painter learns: prompts, the adapter's LoRA, and a loss that falls."""

import copy
from dataclasses import replace

import pytest
import torch

from mirror.faces.photomaker.id_encoder import IdEncoder
from mirror.faces.photomaker.weights import fuse_lora
from pocket.drawing.expressions import EXPRESSIONS
from pocket.painter import training as painting
from pocket.painter.clip import init_weights
from pocket.painter.diffusion import make_encoder_weights, make_pipeline, make_unet, projections
from pocket.painter.latents import make_latents
from pocket.painter.identity_encoder import train_identity_encoder
from pocket.painter.prompts import NEGATIVE, read_prompts
from pocket.painter.training import Denoiser, Painter, denoising_loss, extract_lora
from pocket.pictures.portraits import draw_portraits
from pocket.pictures.unsafe import cover
from pocket.texts.wordings import NEAREST, cues_of, descriptions_of, statements_of


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline()


def test_no_wording_speaks_of_two_expressions():
    for texts in (statements_of, lambda name: {shown for shown, _ in descriptions_of(name)}, cues_of):
        told = [text for name in EXPRESSIONS for text in texts(name)]
        assert len(told) == len(set(told))
    assert set(NEAREST.values()) <= EXPRESSIONS.keys() and not NEAREST.keys() & EXPRESSIONS.keys()


def test_a_picked_prompt_asks_for_its_expression_and_a_refusing_one_refuses_it(pipeline):
    tokenizer = pipeline.tokenizer
    prompts = read_prompts((tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    for number, name in enumerate(EXPRESSIONS):
        shown = {text for text, _ in descriptions_of(name)}
        for kind, word in ((0, "man"), (1, "woman"), (2, "person"), (NEGATIVE, "nsfw")):
            row = prompts.pick(torch.tensor([number]), torch.tensor([kind]), random)
            text = tokenizer.decode(prompts.ids[0][row[0]], skip_special_tokens=True)
            plain = text.replace(" ", "")
            assert word in text and any(one.lower().replace(" ", "") in plain for one in shown), text
            if kind != NEGATIVE:
                assert tokenizer.decode([prompts.ids[0][row[0], prompts.start]]).strip() == word


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


def test_the_encoder_is_saved_by_the_published_names():
    weights = make_encoder_weights()
    encoder = IdEncoder(weights)
    saved = painting.published_names(encoder)
    assert saved.keys() == weights.keys()
    IdEncoder(saved)


@pytest.fixture(scope="module")
def latents(pipeline):
    return make_latents(pipeline.vae, draw_portraits("a few", 3, 4, 128, 1), torch.Generator().manual_seed(0))


def test_another_moment_is_of_the_same_person_and_not_the_same(latents):
    pick = torch.arange(12).repeat(30)
    others = latents.other_moments(pick, torch.Generator().manual_seed(0))
    assert (others // 4 == pick // 4).all() and (others != pick).all()
    assert len({*zip(pick.tolist(), others.tolist(), strict=True)}) == 12 * 3


@pytest.mark.slow
def test_the_identity_encoder_learns_who_is_seen(latents):
    torch.manual_seed(0)
    encoder = IdEncoder(make_encoder_weights())
    init_weights(encoder)
    short = train_identity_encoder(encoder, latents, 1, 24, torch.Generator().manual_seed(0))
    long = train_identity_encoder(encoder, latents, 60, 24, torch.Generator().manual_seed(0))
    assert short < 0.1 and long > short + 0.3
    blind = replace(latents, portraits=torch.zeros_like(latents.portraits))
    assert train_identity_encoder(encoder, blind, 60, 24, torch.Generator().manual_seed(0)) < 0.1


def test_pictures_begin_at_pure_noise_where_the_error_of_the_picture_counts_in_full(pipeline, latents):
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    assert pipeline.scheduler.alphas_cumprod[-1] == 0
    random = torch.Generator().manual_seed(0)
    none = lambda noisy, *_: torch.zeros_like(noisy)  # noqa: E731
    loss = denoising_loss(Painter(pipeline), none, latents, prompts, torch.zeros(1), 48, random)
    assert loss.item() == pytest.approx(latents.clean.square().mean().item(), rel=0.1)


@pytest.mark.slow
def test_the_loss_falls_and_the_identity_encoder_learns_from_it(pipeline, latents):
    torch.manual_seed(0)
    painter = Painter(pipeline).train()
    prompts = read_prompts((pipeline.tokenizer, pipeline.tokenizer_2), torch.device("cpu"))
    signal = pipeline.scheduler.alphas_cumprod

    def loss(seed):
        return denoising_loss(
            painter, Denoiser(painter), latents, prompts, signal, 12, torch.Generator().manual_seed(seed)
        )

    optimizer = torch.optim.AdamW(painter.parameters(), lr=2e-3)
    before = loss(0).item()
    for step in range(14):
        optimizer.zero_grad()
        loss(step % 3).backward()
        optimizer.step()
    assert loss(0).item() < 0.8 * before
    assert painter.id_encoder.visual_projection.weight.grad.abs().sum() > 0


def test_the_board_covers_a_good_part_of_a_picture_and_nothing_else_changes():
    images = torch.full((64, 3, 96, 96), 128.0)
    covered = cover(images, torch.Generator().manual_seed(0))
    share = (covered != images).any(1).float().mean((1, 2))
    assert share.min() > 0.02 and share.mean() > 0.1 and share.max() < 0.5
    assert len(covered.unique()) <= 7  # grey, and three channels of two colours
