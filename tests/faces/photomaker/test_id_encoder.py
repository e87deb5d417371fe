"""The identity encoder: its sizes are those of its weights, and identities reach the words that carry them alone."""

import pytest
import torch
from transformers import CLIPVisionConfig

from mirror.faces.photomaker.id_encoder import FuseModule, IdEncoder, PerceiverAttention, random_weights, vision_config
from mirror.faces.photomaker.weights import read_adapter
from tests.tiny_photomaker import GOLDEN

VISION = CLIPVisionConfig(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, patch_size=7, image_size=28
)
WIDTHS = (12, 20)


@pytest.fixture(scope="module")
def weights():
    return random_weights(VISION, WIDTHS)


@pytest.fixture(scope="module")
def encoder(weights):
    return IdEncoder(weights, vision_heads=4).eval()


def test_the_transformers_sizes_are_read_from_its_weights(weights):
    found = vision_config(weights, None)
    for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "patch_size", "image_size"):
        assert getattr(found, name) == getattr(VISION, name), name
    assert found.num_attention_heads == 1 and vision_config(weights, 4).num_attention_heads == 4


def test_random_weights_are_the_same_at_every_call_and_disturb_no_other(weights):
    before = torch.random.get_rng_state()
    again = random_weights(VISION, WIDTHS)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert again.keys() == weights.keys() and all(torch.equal(again[name], weights[name]) for name in weights)


def test_version_1_gives_one_embedding_as_wide_as_both_text_encoders(encoder):
    assert (encoder.tokens, encoder.width, encoder.needs_faces, encoder.face_width) == (1, sum(WIDTHS), False, 0)
    with torch.no_grad():
        found = encoder(torch.zeros(3, 3, 28, 28))
    assert found.shape == (3, 1, sum(WIDTHS))


def test_version_2_takes_the_faces_embedding_and_gives_two():
    encoder = IdEncoder(read_adapter(GOLDEN / "photomaker-v2.bin")[0], vision_heads=4)
    assert encoder.needs_faces and encoder.tokens == 2
    encoder.require_width(encoder.face_width)
    with pytest.raises(
        ValueError, match=f"reads face embeddings of {encoder.face_width} numbers, and the pack gives 7"
    ):
        encoder.require_width(7)


def test_identities_are_fused_into_their_words_and_nowhere_else(encoder):
    prompts, identity = torch.randn(2, 9, sum(WIDTHS)), torch.randn(2, sum(WIDTHS))
    with torch.no_grad():
        merged = encoder.merge(prompts, [identity[:1], identity], [3, 6])
        fused = encoder.fuse_module(prompts[1, 6:8], identity)
    changed = (merged != prompts).any(-1)
    assert changed.nonzero().tolist() == [[0, 3], [1, 6], [1, 7]]
    assert torch.equal(merged[1, 6:8], fused)


def test_a_fused_word_is_that_of_the_formula(weights):
    module = FuseModule(weights)
    module.load_state_dict({k.removeprefix("fuse_module."): v for k, v in weights.items() if k.startswith("fuse_")})
    word, identity = torch.randn(1, 32), torch.randn(1, 32)
    first, second = module.mlp1, module.mlp2
    with torch.no_grad():
        inner = first.fc2(torch.nn.functional.gelu(first.fc1(first.layernorm(torch.cat([word, identity], -1))))) + word
        inner = inner + second.fc2(torch.nn.functional.gelu(second.fc1(second.layernorm(inner))))
        torch.testing.assert_close(module(word, identity), module.layer_norm(inner))


def test_queries_attend_to_all_patches_and_queries_in_any_order():
    attention = PerceiverAttention(8, 256)
    patches, queries = torch.randn(2, 5, 8), torch.randn(2, 3, 8)
    with torch.no_grad():
        found = attention(patches, queries)
        assert found.shape == (2, 3, 8)
        torch.testing.assert_close(attention(patches[:, [4, 2, 0, 1, 3]], queries), found, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(attention(patches, queries.flip(1)), found.flip(1), atol=1e-6, rtol=1e-5)
        assert not torch.allclose(attention(patches[:, :4], queries), found)
