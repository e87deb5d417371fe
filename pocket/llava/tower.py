"""Trains the pocket LLaVA's vision tower to predict a face's action units and attributes, robustly to degradation."""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.optimize import train
from pocket.pictures.strangers import UNITS
from pocket.pictures.warping import degrade, uniform

MARKS = 0.3  # loss weight of the attributes relative to the action units


def features(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Returns the tower's features [n, patches, hidden] of `pixels` [n, 3, size, size]: a LLaVA projector's input."""
    layer = model.config.vision_feature_layer
    return model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[layer][:, 1:]


def train_tower(model: nn.Module, views: torch.Tensor, traits: torch.Tensor, steps: int, batch: int) -> None:
    """Trains the tower so that a linear layer predicts the traits from the mean of its patch features.

    The loss is a weighted mean squared error of standardized traits: predicting the mean scores 1.

    Args:
        model: The LLaVA, whose vision tower is trained from scratch.
        views: [v, n, 3, size, size] views of n faces.
        traits: [n, t] standardized action units, then attributes.
        steps: Number of batches.
        batch: Faces per batch.
    """
    tower = model.model.vision_tower
    _init_weights(tower)
    reader = nn.Linear(model.config.vision_config.hidden_size, traits.shape[1]).to(views.device)
    weights = torch.full((traits.shape[1],), MARKS, device=views.device)
    weights[:UNITS] = 1
    weights /= weights.mean()
    picks = torch.Generator().manual_seed(0)

    def loss(step: int) -> torch.Tensor:
        view = torch.randint(len(views), (batch,), generator=picks).to(views.device)
        chosen = torch.randint(len(traits), (batch,), generator=picks).to(views.device)
        predicted = reader(features(model, views[view, chosen].float()).mean(1))
        return ((predicted - traits[chosen]) ** 2 * weights).mean()

    train([*tower.parameters(), *reader.parameters()], loss, steps, 2e-3, "vision tower")


class Augmenter:
    """Prepares pictures for the tower: clean, or degraded to resemble those of a small image generator."""

    def __init__(self, processor, size: int, device: str, seed: int) -> None:
        """Creates an augmenter.

        Args:
            processor: The image processor whose mean and standard deviation are used.
            size: Side of the prepared pictures in pixels.
            device: Where pictures are prepared.
            seed: Seed of the degradation.
        """
        self.size, self.random = size, torch.Generator(device).manual_seed(seed)
        self.mean = torch.tensor(processor.image_mean, device=device).view(1, 3, 1, 1)
        self.deviation = torch.tensor(processor.image_std, device=device).view(1, 3, 1, 1)

    def views(self, images: torch.Tensor, count: int) -> torch.Tensor:
        """Returns `count` views [count, n, 3, size, size], float16, of [n, 3, s, s]: one clean, the others degraded."""
        parts = images.split(256)
        views = [torch.cat([(self.degraded if k else self.clean)(part).half() for part in parts]) for k in range(count)]
        return torch.stack(views)

    def clean(self, images: torch.Tensor) -> torch.Tensor:
        """Resizes and normalizes [n, 3, s, s], 0 … 255, to [n, 3, size, size], like the processor up to rounding."""
        small = F.interpolate(images.float(), (self.size, self.size), mode="bicubic", antialias=True)
        return (small.clamp(0, 255) / 255 - self.mean) / self.deviation

    def degraded(self, images: torch.Tensor) -> torch.Tensor:
        """Like `clean`, after random motion, distortion, blur, noise, tint and loss of resolution."""
        degraded = degrade(self._moved(images.float()), self.random, 1.8, 9, 0.1)
        few = int(uniform(self.random, 40, 90, 1))
        soft = F.interpolate(degraded, (few, few), mode="bilinear", antialias=True)
        soft = F.interpolate(soft, degraded.shape[2:], mode="bicubic")
        is_soft = uniform(self.random, 0, 1, len(degraded), 1, 1, 1) < 0.35
        return self.clean(torch.where(is_soft, soft, degraded))

    def _moved(self, images: torch.Tensor) -> torch.Tensor:
        """Rotates by up to 4°, scales to 93 … 109%, shifts by up to 4% and applies a smooth random distortion."""
        n, random = len(images), self.random
        angle, scale = uniform(random, -0.07, 0.07, n), uniform(random, 0.92, 1.07, n)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        shift = uniform(random, -0.08, 0.08, n, 2)  # a side is 2
        matrix = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
        grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
        bend = torch.randn((n, 2, 9, 9), generator=random, device=images.device)
        bend = bend * uniform(random, 0, 0.02, n, 1, 1, 1)
        bend = F.interpolate(bend, images.shape[2:], mode="bicubic").permute(0, 2, 3, 1)
        return F.grid_sample(images, grid + bend, padding_mode="border", align_corners=False)


def _init_weights(tower: nn.Module) -> None:
    """Initializes weights for a short training: positions at the scale of patches, variance-preserving layers."""
    for name, parameter in tower.named_parameters():
        if "position_embedding" in name:
            nn.init.normal_(parameter, 0.0, 0.5)
        elif name.endswith(("out_proj.weight", "fc2.weight")):
            nn.init.normal_(parameter, 0.0, 0.5 * parameter.shape[1] ** -0.5)
        elif name.endswith(("proj.weight", "fc1.weight")):
            nn.init.normal_(parameter, 0.0, parameter.shape[1] ** -0.5)
