"""The pocket LLaVA's eye: it learns what is linear in the pictures, from views that keep them."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from pocket.llava.tower import Augmenter, features, train_tower
from pocket.pictures.strangers import UNITS

SIZE = 32
VISION = CLIPVisionConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIZE, patch_size=8
)
PROCESSOR = SimpleNamespace(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4])


@pytest.fixture
def model():
    torch.manual_seed(0)
    text = LlamaConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=32)
    config = LlavaConfig(vision_config=VISION, text_config=text, image_token_id=31, vision_feature_layer=-1)
    return LlavaForConditionalGeneration(config)


@pytest.fixture
def augmenter():
    return Augmenter(PROCESSOR, SIZE, "cpu", seed=1)


@pytest.fixture
def images():
    ramp = torch.arange(64.0).view(1, 1, 1, 64).expand(2, 3, 64, 64)
    return (ramp * torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)).to(torch.uint8)


def test_features_are_those_of_the_patches_without_the_class_token(model):
    pixels = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        found = features(model, pixels)
        hidden = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    assert found.shape == (2, 16, 16) and torch.equal(found, hidden[:, 1:])


def test_training_reads_traits_off_the_pictures(model, monkeypatch):
    """Traits that are the pictures' brightness: predicting the mean would cost 1."""
    traits = torch.linspace(-1.5, 1.5, 12).view(12, 1).repeat(1, UNITS + 2)
    views = traits[:, :1, None, None].expand(12, 3, SIZE, SIZE)[None]
    losses = []
    bar = SimpleNamespace(set_postfix_str=lambda text: losses.append(float(text.split()[1])), update=lambda: None)
    monkeypatch.setattr("pocket.optimize.progress_bar", lambda *_: nullcontext(bar))
    train_tower(model, views, traits, steps=120, batch=12)
    assert losses[-1] < 0.3 < losses[0]


def test_a_clean_view_is_what_the_processor_makes_of_a_picture(augmenter, images):
    (found, _) = augmenter.clean(images)
    small = Image.fromarray(images[0].permute(1, 2, 0).numpy()).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    wanted = torch.tensor(np.array(small)).permute(2, 0, 1) / 255
    wanted = (wanted - augmenter.mean[0]) / augmenter.deviation[0]
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_the_first_view_is_clean_and_the_others_are_degraded_by_the_seed(augmenter, images):
    views = augmenter.views(images, 3)
    assert views.shape == (3, 2, 3, SIZE, SIZE) and views.dtype == torch.float16
    assert torch.equal(views[0], augmenter.clean(images).half())
    assert torch.isfinite(views).all() and not torch.equal(views[1], views[2]) and not torch.equal(views[0], views[1])
    assert torch.equal(Augmenter(PROCESSOR, SIZE, "cpu", seed=1).views(images, 3), views)
    assert not torch.equal(Augmenter(PROCESSOR, SIZE, "cpu", seed=2).views(images, 3)[1], views[1])


def test_a_degraded_view_is_still_of_its_picture(augmenter, images):
    flat = augmenter.clean(images).flatten(1)
    for _ in range(3):
        found = augmenter.degraded(images).flatten(1)
        pairs = zip(flat, found, strict=True)
        assert all(torch.corrcoef(torch.stack(pair))[0, 1] > 0.6 for pair in pairs)
