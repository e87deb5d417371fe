"""Aya Vision as the counselor: a family whose record and tests are a file each."""

import pytest

from tests.family_proofs import prove_briefly
from tests.tiny_families import SIGLIP, TILES, Tiny, parts

TURN, USER, CHATBOT = "<|START_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"
TEMPLATE = (
    f"{{{{ bos_token }}}}{{% for message in messages %}}{{% if message['role'] == 'user' %}}{TURN}{USER}"
    f"{parts('<image>')}{{% else %}}{TURN}{CHATBOT}<|START_RESPONSE|>{parts('<image>')}<|END_RESPONSE|>{{% endif %}}"
    f"<|END_OF_TURN_TOKEN|>{{% endfor %}}{{% if add_generation_prompt %}}{TURN}{CHATBOT}<|START_RESPONSE|>{{% endif %}}"
)
AYA = Tiny(
    "AyaVisionConfig",
    TEMPLATE,
    {
        "bos_token": "<BOS_TOKEN>",
        "eos_token": "<|END_OF_TURN_TOKEN|>",
        "pad_token": "<PAD>",
        "others": [TURN, USER, CHATBOT, "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_OF_IMG|>", "<|END_OF_IMG|>"]
        + ["<|IMG_PATCH|>", "<|IMG_LINE_BREAK|>", "TILE", "TILE_GLOBAL"],
    },
    ("GotOcr2ImageProcessorPil", TILES | {"crop_to_patches": True, "min_patches": 1, "max_patches": 4}),
    {"patch_size": 14, "img_size": 28, "downsample_factor": 2},
    {"image_token_index": "<|IMG_PATCH|>"},
    text={"layer_types": ["full_attention", "full_attention"]},
    vision=SIGLIP | {"vision_use_head": False},
    text_type="cohere2",
)


@pytest.mark.slow
@pytest.mark.proof
def test_it_can_be_the_counselor(output):
    prove_briefly("aya_vision", output, AYA)
