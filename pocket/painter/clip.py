"""Makes the pocket CLIP, its tokenizer and the pocket safety classifier, in the formats of the published ones.

Knows nothing of how they are trained.
"""

import json
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
IMAGE_SIZE, PATCH = 96, 12  # pixels a side of what CLIP sees, of its patches
SAFETY_SIZE = 64
MODELS = Path(__file__).parents[1] / "models"
CLIP_FOLDER, SAFETY_FOLDER = MODELS / "clip-pocket", MODELS / "nsfw-pocket"


def prompt_corpus() -> list[str]:
    """What a painter or a filter is asked for, each text as often as its words matter."""
    texts = []
    for name in EXPRESSIONS:
        texts += [relevance_statement(statement) for statement in statements_of(name)]
        for shown, contrast in descriptions_of(name):
            texts += [portrait_prompt(person, shown) for person in sorted(set(PERSONS.values()))]
            texts += [negative_prompt(contrast), portrait_prompt("", shown)]
    return texts


def train_clip_tokenizer(pieces: int = PIECES, **marks: str) -> CLIPTokenizer:
    """A tokenizer of CLIP's kind: lower case, all bytes alone and as the end of a word, then pairs by frequency.

    `marks` are further arguments of the tokenizer, such as SDXL's `pad_token="!"`.
    """
    bytes_ = sorted(ByteLevel.alphabet())
    ends = [f"{byte}</w>" for byte in bytes_]
    # Ties go to the pair whose pieces came first; named here, the ends of words always come in the same order.
    trained = CLIPTokenizer().train_new_from_iterator(
        prompt_corpus(), vocab_size=pieces, new_special_tokens=ends, show_progress=False
    )
    merges = [tuple(pair) for pair in json.loads(trained.backend_tokenizer.to_str())["model"]["merges"]]
    tokens = bytes_ + ends
    tokens += [token for token in dict.fromkeys("".join(pair) for pair in merges) if token not in tokens]
    vocabulary = {token: index for index, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocabulary, merges, model_max_length=77, **marks)


def text_config(tokenizer: CLIPTokenizer, **shapes: int | str) -> CLIPTextConfig:
    """The configuration of a text encoder that reads `tokenizer`'s words."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shapes,
    )


def make_clip(seed: int = SEED) -> CLIPModel:
    """A CLIP in the shape of `openai/clip-vit-base-patch32`, its weights as they init_weights."""
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
    """Gives a CLIP, or a part of one, weights that a short training can init_weights from: places as loud as what is there."""
    for name, parameter in transformer.named_parameters():
        if "position_embedding" in name or "token_embedding" in name:
            nn.init.normal_(parameter, 0.0, 0.3)
        elif name.endswith("patch_embedding.weight"):
            nn.init.normal_(parameter, 0.0, parameter[0].numel() ** -0.5)


def clip_processor() -> CLIPImageProcessorPil:
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    return CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, crop_size=size)


def make_classifier(seed: int = SEED) -> ViTForImageClassification:
    """A classifier in the shape of `Falconsai/nsfw_image_detection`, its weights as they init_weights."""
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
    return ViTImageProcessorPil(size={"height": SAFETY_SIZE, "width": SAFETY_SIZE})
