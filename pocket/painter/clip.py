"""Builds the untrained pocket CLIP, its tokenizer and the pocket safety classifier, in the published formats."""

import json
from functools import cache
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from mirror.prompts import negative_prompt, portrait_prompt, relevance_statement
from mirror.prompts.portrait import PERSONS
from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.wordings import descriptions_of, statements_of

SEED = 12
PIECES = 1536
IMAGE_SIZE, PATCH = 96, 12  # sides of CLIP's input and patches in pixels
SAFETY_SIZE = 64
MODELS = Path(__file__).parents[1] / "models"
CLIP_FOLDER, SAFETY_FOLDER = MODELS / "clip-pocket", MODELS / "nsfw-pocket"


def prompt_corpus() -> list[str]:
    """Returns the prompts of painter and filters, with repetitions, to train the tokenizer on."""
    texts = []
    for name in EXPRESSIONS:
        texts += [relevance_statement(statement) for statement in statements_of(name)]
        for shown, contrast in descriptions_of(name):
            texts += [portrait_prompt(person, shown) for person in sorted(set(PERSONS.values()))]
            texts += [negative_prompt(contrast), portrait_prompt("", shown)]
    return texts


def train_clip_tokenizer(pieces: int = PIECES, **special_tokens: str) -> CLIPTokenizer:
    """Trains a byte-pair tokenizer like CLIP's: lower case, with separate end-of-word pieces.

    Args:
        pieces: Size of the vocabulary.
        special_tokens: Further arguments of the tokenizer, such as SDXL's `pad_token="!"`.
    """
    bytes_ = sorted(ByteLevel.alphabet())
    merges = list(_merges(pieces))
    tokens = bytes_ + [f"{byte}</w>" for byte in bytes_]
    tokens += [token for token in dict.fromkeys("".join(pair) for pair in merges) if token not in tokens]
    vocabulary = {token: index for index, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocabulary, merges, model_max_length=77, **special_tokens)


@cache  # CLIP and both text encoders of SDXL have the same
def _merges(pieces: int) -> tuple[tuple[str, str], ...]:
    # Ties go to the pair whose pieces come first; listing the end-of-word pieces here fixes their order.
    ends = [f"{byte}</w>" for byte in sorted(ByteLevel.alphabet())]
    trained = CLIPTokenizer().train_new_from_iterator(
        prompt_corpus(), vocab_size=pieces, new_special_tokens=ends, show_progress=False
    )
    return tuple((first, second) for first, second in json.loads(trained.backend_tokenizer.to_str())["model"]["merges"])


def text_config(tokenizer: CLIPTokenizer, **shapes: int | str) -> CLIPTextConfig:
    """Returns the configuration of a text encoder for `tokenizer`, with further arguments `shapes`."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shapes,
    )


def make_clip(seed: int = SEED) -> CLIPModel:
    """Returns a small, untrained CLIP in the format of `openai/clip-vit-base-patch32`."""
    torch.manual_seed(seed)
    text = text_config(
        train_clip_tokenizer(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=64,
    )
    vision = CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=PATCH,
        projection_dim=64,
    )
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=64))


def init_weights(transformer: nn.Module) -> None:
    """Initializes a CLIP, or a part of one, for a short training: position embeddings at the scale of the content."""
    for name, parameter in transformer.named_parameters():
        if "position_embedding" in name or "token_embedding" in name:
            nn.init.normal_(parameter, 0.0, 0.3)
        elif name.endswith("patch_embedding.weight"):
            nn.init.normal_(parameter, 0.0, parameter[0].numel() ** -0.5)


def clip_processor() -> CLIPImageProcessorPil:
    """Returns the pocket CLIP's image processor."""
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    return CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, crop_size=size)


def make_classifier(seed: int = SEED) -> ViTForImageClassification:
    """Returns a small, untrained classifier in the format of `Falconsai/nsfw_image_detection`."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SAFETY_SIZE,
        patch_size=8,
        id2label={0: "normal", 1: "nsfw"},
        label2id={"normal": 0, "nsfw": 1},
    )
    return ViTForImageClassification(config)


def classifier_processor() -> ViTImageProcessorPil:
    """Returns the safety classifier's image processor."""
    return ViTImageProcessorPil(size={"height": SAFETY_SIZE, "width": SAFETY_SIZE})
