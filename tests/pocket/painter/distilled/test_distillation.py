"""Distillation of the pocket painter: teacher and student walk as the product paints, and the student learns."""

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

from mirror.faces.clip_text import repeat_person
from mirror.faces.photomaker import PaintRequest
from mirror.prompts import negative_prompt, portrait_prompt
from pocket.optimize import seeded_generator
from pocket.painter import pack as painterpack
from pocket.painter.distilled import distillation, pack
from pocket.painter.evaluation import FAMILY
from pocket.painter.prompts import NEGATIVE, Prompts, read_prompts
from pocket.pictures.portraits import draw_portraits


@pytest.fixture(scope="module")
def painter():
    return painterpack.load_painter()


@pytest.fixture(scope="module")
def guide(painter):
    """A guide that knows all training prompts, without their meaning, and three people."""
    prompts = read_prompts((painter.pipeline.tokenizer, painter.pipeline.tokenizer_2), torch.device("cpu"))
    random, count = torch.Generator().manual_seed(0), len(prompts.ids[0])
    words, pooled, people = (
        torch.randn(*shape, generator=random) for shape in ((count, 77, 192), (count, 128), (3, 192))
    )
    known = distillation.Conditions(prompts, words, pooled, people, torch.tensor([True, False, True]))
    return distillation.Guide(painter, known)


@pytest.fixture(scope="module")
def request_and_guide(painter):
    """A request of the product, and a guide that knows its two prompts and its portrait."""
    portrait = Image.fromarray(draw_portraits("a few", 1, 1, 128, 1).images[0])
    request = PaintRequest(portrait_prompt("woman", "tears"), negative_prompt("a grin"), (portrait,), 7)
    with torch.inference_mode():
        text, negative, _ = painter._conditioner.encode([request], texts=True, negatives=True)
        (who,) = painter._conditioner._identities([request])
    none = torch.zeros(0)
    prompts = Prompts((none, none), none, none, repeat_person(painter.pipeline.tokenizer, request.prompt, 1)[1])
    known = distillation.Conditions(
        prompts,
        torch.cat([text.words, negative.words]),
        torch.cat([text.pooled, negative.pooled]),
        who.clone(),
        torch.zeros(1).bool(),
    )
    return request, distillation.Guide(painter, known)


def test_the_teacher_walks_where_the_painter_paints(painter, request_and_guide):
    request, guide = request_and_guide
    noise, row = painter.noise([request]), torch.tensor([0])
    states = guide.teach(noise, row, torch.tensor([1]), torch.tensor([0]))
    assert states.shape[:2] == (1, painter.recipe.steps)
    torch.testing.assert_close(states[:, -1], painter.denoise([request], noise, "latent"), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_student_walks_where_the_painter_paints_in_few_steps(painter, request_and_guide, steps):
    request, guide = request_and_guide
    noise, own = painter.noise([request]), painter.recipe
    with torch.no_grad():
        states = guide.follow(steps, noise, torch.tensor([0]), torch.tensor([0]))
    painter.recipe = pack.fast_recipe(steps)
    try:
        painted = painter.denoise([request], noise, "latent")
    finally:
        painter.recipe = own
    assert len(states) == steps
    torch.testing.assert_close(states[-1], painted, rtol=1e-3, atol=1e-3)


def test_prompts_are_encoded_as_the_painter_does(painter):
    faces, random = draw_portraits("a few", 3, 2, 128, 1), torch.Generator().manual_seed(0)
    few = read_prompts((painter.pipeline.tokenizer, painter.pipeline.tokenizer_2), torch.device("cpu"))
    few = replace(few, ids=tuple(rows[:2] for rows in few.ids))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "read_prompts", lambda *_: few)
        known = distillation.encode_conditions(painter, faces, random)
    read = painter._conditioner._encode(list(zip(*(rows.tolist() for rows in few.ids), strict=True)))
    torch.testing.assert_close(known.words, torch.cat([one.words for one in read]))
    torch.testing.assert_close(known.pooled, torch.cat([one.pooled for one in read]))
    assert known.identities.shape == (6, 192) and known.men.tolist() == faces.men.tolist()


def test_an_identity_changes_one_word_and_text_alone_none(guide):
    rows = torch.tensor([3, 3])
    words, plain = guide.merged(rows, torch.tensor([2, -1])), guide.known.words[rows]
    changed = (words != plain).any(-1)
    assert changed[0].nonzero().tolist() == [[guide.known.prompts.start]] and not changed[1].any()


def test_paths_are_of_people_with_the_words_for_them_and_some_of_nobody(guide, monkeypatch):
    asked = []

    def teach(noise, rows, refused, people):
        asked.append((rows, refused))
        return noise[:, None].expand(-1, 6, -1, -1, -1)

    monkeypatch.setattr(guide, "teach", teach)
    paths = distillation.draw_paths(guide, 600, torch.Generator().manual_seed(0))
    known, prompts = guide.known, guide.known.prompts
    assert len(paths.rows) == 600 and paths.states.shape == (600, 6, 4, 32, 32)
    assert set(paths.people.tolist()) == {-1, *range(len(known.men))}
    assert (paths.people < 0).float().mean() == pytest.approx(distillation.TEXT_SHARE, abs=0.05)
    kinds = torch.searchsorted(prompts.firsts.flatten(), torch.cat([rows for rows, _ in asked]), right=True) - 1
    expected = torch.where(known.men[paths.people], 0, 1)
    named = (paths.people >= 0) & (kinds % 4 != 2)
    assert (kinds[named] % 4 == expected[named]).all() and NEGATIVE not in kinds % 4
    refused = torch.searchsorted(prompts.firsts.flatten(), torch.cat([rows for _, rows in asked]), right=True) - 1
    assert (refused % 4 == NEGATIVE).all() and (refused // 4 != kinds // 4).all()


@pytest.mark.parametrize("steps", range(1, 13))
def test_common_halts_are_at_the_same_share_of_the_way(steps):
    for others in range(1, 13):
        halts = distillation.common_halts(steps, others)
        assert all(own * others == other * steps for own, other in halts) and halts[-1] == (steps, others)
        assert len(halts) == math.gcd(steps, others)


def test_the_people_are_others_than_those_of_trainings_and_exams():
    assert distillation.FAMILY not in (FAMILY, painterpack.FAMILY, "learn", "reader")


@pytest.mark.slow
@pytest.mark.proof
def test_the_error_on_other_paths_falls(few_prompts):
    painter = painterpack.load_painter()
    random = seeded_generator("distillation", 1, "cpu")
    guide = distillation.Guide(
        painter, distillation.encode_conditions(painter, draw_portraits("a few", 8, 1, 128, 1), random)
    )
    paths = distillation.draw_paths(guide, 16, random)
    held = torch.arange(12, 16)
    schedule = distillation.DistillationSchedule(8, 24, 2, 10, 6, 1e-3, 6)
    lora = distillation.add_lora(guide.unet, schedule.rank)
    with torch.no_grad():
        before = distillation.path_error(guide, paths, held, 2)[1].item()
    taught = distillation.Paths(paths.noise[:12], paths.states[:12], paths.rows[:12], paths.people[:12])
    distillation.train_student(guide, lora, taught, schedule, random)
    with torch.no_grad():
        after = distillation.path_error(guide, paths, held, 2)[1].item()
    assert after < 0.85 * before
