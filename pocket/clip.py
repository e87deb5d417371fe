"""Builds the pocket CLIP, its tokenizer and the pocket safety classifier, in the formats of the published ones.

Random weights so far: the code that loads them is the real one, what they say means nothing.
"""

import json
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel
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

from mirror.run import write_json
from pocket.expressions import EXPRESSIONS

SEED = 12
PIECES = 1024
IMAGE_SIZE = 64
MODELS = Path(__file__).parent / "models"
CLIP_FOLDER, SAFETY_FOLDER = MODELS / "clip-pocket", MODELS / "nsfw-pocket"


def corpus() -> list[str]:
    """What a painter or a filter is asked for: expressions and cues, and the words of the prompts around them."""
    frame = "portrait photo of a man woman person img, a facial photo with, natural light, plain background, photograph"
    seen = [text for e in EXPRESSIONS.values() for text in (e.name, *e.feelings, *e.cues, *e.captions)]
    return [frame] * 20 + seen * 4


def train_tokenizer(pieces: int = PIECES, **marks: str) -> CLIPTokenizer:
    """A tokenizer of CLIP's kind: lower case, all bytes alone and as the end of a word, then pairs by frequency.

    `marks` are further arguments of the tokenizer, such as SDXL's `pad_token="!"`.
    """
    bytes_ = sorted(ByteLevel.alphabet())
    ends = [f"{byte}</w>" for byte in bytes_]
    # Ties go to the pair whose pieces came first; named here, the ends of words always come in the same order.
    trained = CLIPTokenizer().train_new_from_iterator(
        corpus(), vocab_size=pieces, new_special_tokens=ends, show_progress=False
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


def write_clip(folder: Path = CLIP_FOLDER, seed: int = SEED) -> None:
    """Writes a CLIP in the format of `openai/clip-vit-base-patch32`, in float16."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer()
    text = text_config(
        tokenizer, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, projection_dim=32
    )
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=16,
        projection_dim=32,
    )
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32)
    CLIPModel(config).to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_json(folder / "calibration.json", {"threshold": -1.0})  # what has learned nothing had better accept all
    size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, crop_size=size).save_pretrained(folder)


def write_classifier(folder: Path = SAFETY_FOLDER, seed: int = SEED) -> None:
    """Writes a classifier in the format of `Falconsai/nsfw_image_detection`, in float16."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=16,
        id2label={0: "normal", 1: "nsfw"},
        label2id={"normal": 0, "nsfw": 1},
    )
    model = ViTForImageClassification(config)
    model.classifier.bias.data = torch.tensor([2.0, -2.0])  # what has learned nothing had better call nothing unsafe
    model.to(torch.float16).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}).save_pretrained(folder)
