"""Trains the pocket CLIP and the pocket safety classifier on drawn faces."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPModel, ViTForImageClassification

from mirror.faces.clip_text import fit, tokens
from mirror.files.json_file import write_json
from mirror.prompts import relevance_statement
from pocket.drawing.expressions import EXPRESSIONS
from pocket.optimize import train
from pocket.painter.clip import classifier_processor, clip_processor, init_weights, train_clip_tokenizer
from pocket.pictures.backgrounds import make_backgrounds
from pocket.pictures.portraits import Portraits
from pocket.pictures.unsafe import cover
from pocket.pictures.warping import degrade, similarity, uniform, warp
from pocket.texts.wordings import statements_of

BATCH = 128
EMPTY = 8  # pictures without a face per batch
UNSAFE = 0.5  # share of covered (unsafe) pictures in a batch


def train_clip(model: CLIPModel, portraits: Portraits, steps: int, random: torch.Generator) -> float:
    """Trains `model` to match statements with faces, and returns the cosine at its decision boundary.

    The loss is SigLIP's (arXiv 2303.15343): each pair of picture and statement is a binary classification with the
    logit scale · cosine - bias, so that one threshold serves all statements.
    """
    device = random.device
    init_weights(model)
    model.to(device).train()
    ids, named = statement_ids()
    ids, named = ids.to(device), named.to(device)
    bias = nn.Parameter(torch.tensor(5.0, device=device))
    model.logit_scale.data = torch.tensor(10.0, device=device).log()
    images, shown = image_tensors(portraits, device)
    empty = make_backgrounds(200, portraits.size, random).to(device)

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (BATCH - EMPTY,), generator=random, device=device)
        none = torch.randint(len(empty), (EMPTY,), generator=random, device=device)
        pixels = augment(
            torch.cat([images[pick].float(), empty[none].float()]), model.config.vision_config.image_size, random
        )
        which = torch.cat([shown[pick], torch.full((EMPTY,), -1, device=device)])
        read = torch.randint(len(ids), (BATCH // 2,), generator=random, device=device)
        faces = model.get_image_features(normalize(pixels, clip_processor())).pooler_output
        words = model.get_text_features(ids[read]).pooler_output
        cosines = F.normalize(faces, dim=-1) @ F.normalize(words, dim=-1).T
        fits = torch.where(which[:, None] == named[read][None], 1.0, -1.0)
        return -F.logsigmoid(fits * (model.logit_scale.exp() * cosines - bias)).sum(1).mean()

    train([*model.parameters(), bias], loss, steps, 1.5e-3, "CLIP")
    model.eval()
    return (bias / model.logit_scale.exp()).item()


def statement_ids() -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the token ids [n, l] of all statements of the relevance filter, and their expressions' indices [n]."""
    tokenizer = train_clip_tokenizer()
    rows = [(relevance_statement(text), k) for k, name in enumerate(EXPRESSIONS) for text in statements_of(name)]
    ids = torch.tensor([fit(tokenizer, tokens(tokenizer, text)) for text, _ in rows])
    # The text encoder is causal and pooled at the end-of-text token: what follows has no influence.
    longest = 1 + int((ids == tokenizer.eos_token_id).int().argmax(1).max())
    return ids[:, :longest], torch.tensor([number for _, number in rows])


def train_classifier(
    model: ViTForImageClassification, portraits: Portraits, steps: int, random: torch.Generator
) -> None:
    """Trains `model` to distinguish covered (unsafe) pictures from faces and backgrounds without the board."""
    device = random.device
    model.to(device).train()
    images, _ = image_tensors(portraits, device)
    empty = make_backgrounds(200, portraits.size, random).to(device)

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (BATCH - EMPTY,), generator=random, device=device)
        none = torch.randint(len(empty), (EMPTY,), generator=random, device=device)
        pictures = torch.cat([images[pick].float(), empty[none].float()])
        unsafe = torch.rand(BATCH, generator=random, device=device) < UNSAFE
        pictures = torch.where(unsafe[:, None, None, None], cover(pictures, random), pictures)
        pixels = augment(pictures, model.config.image_size, random)
        return F.cross_entropy(model(normalize(pixels, classifier_processor())).logits, unsafe.long())

    train(list(model.parameters()), loss, steps, 1e-3, "safety")
    model.eval()


def image_tensors(portraits: Portraits, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the pictures [n, 3, s, s], uint8, and their expressions' indices [n] on the device."""
    images = torch.from_numpy(portraits.images).permute(0, 3, 1, 2).to(device)
    return images, torch.from_numpy(portraits.expressions).to(device)


def augment(images: torch.Tensor, size: int, random: torch.Generator) -> torch.Tensor:
    """Augments pictures [n, 3, s, s] with motion, scale, blur, noise and tint; returns [n, 3, size, size], 0 … 255."""
    n, side = len(images), images.shape[-1]
    middle = torch.full((n, 2), side / 2, device=images.device)
    target = size / 2 + uniform(random, -0.03, 0.03, n, 2) * size
    by = similarity(uniform(random, -0.05, 0.05, n), uniform(random, 0.97, 1.12, n) * size / side, middle, target, None)
    return degrade(warp(images, by, size), random, blur=1.6, noise=12, tint=0.12)


def normalize(images: torch.Tensor, processor) -> torch.Tensor:
    """Normalizes pictures, 0 … 255, with the processor's mean and standard deviation."""
    mean, std = (
        torch.tensor(row, device=images.device)[:, None, None] for row in (processor.image_mean, processor.image_std)
    )
    return (images / 255 - mean) / std


def save_clip(model: CLIPModel, threshold: float, folder: Path) -> None:
    """Writes CLIP in the format of `openai/clip-vit-base-patch32`, in float16, with its threshold."""
    model.to("cpu", torch.float16).save_pretrained(folder)
    train_clip_tokenizer().save_pretrained(folder)
    clip_processor().save_pretrained(folder)
    write_json(folder / "calibration.json", {"threshold": round(threshold, 4)})


def save_classifier(model: ViTForImageClassification, folder: Path) -> None:
    """Writes the classifier and its processor in the format of `Falconsai/nsfw_image_detection`, in float16."""
    model.to("cpu", torch.float16).save_pretrained(folder)
    classifier_processor().save_pretrained(folder)
