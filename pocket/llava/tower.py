"""Trains the pocket LLaVA's vision tower to see what moves in a face, also in a soft, smeared or tinted picture of it.

Knows no feeling and no word.
"""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.optimize import train
from pocket.pictures.strangers import UNITS
from pocket.pictures.warping import degrade, uniform

MARKS = 0.3  # the weight of what tells people apart, beside that of their movements


def features(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """[n, patches, hidden]: what the projector of a LLaVA is given for `pixels` [n, 3, size, size]."""
    layer = model.config.vision_feature_layer
    return model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[layer][:, 1:]


def train_tower(model: nn.Module, views: torch.Tensor, traits: torch.Tensor, steps: int, batch: int) -> None:
    """Makes movements and marks readable from the mean of the tower's patch features.

    `views` [v, n, 3, size, size] of n faces, `traits` [n, t]. The loss is a mean squared error: 1 is knowing nothing.
    """
    tower = model.model.vision_tower
    _start(tower)
    reader = nn.Linear(model.config.vision_config.hidden_size, traits.shape[1]).to(views.device)
    weights = torch.full((traits.shape[1],), MARKS, device=views.device)
    weights[:UNITS] = 1
    weights /= weights.mean()
    picks = torch.Generator().manual_seed(0)

    def loss(step: int) -> torch.Tensor:
        view = torch.randint(len(views), (batch,), generator=picks).to(views.device)
        chosen = torch.randint(len(traits), (batch,), generator=picks).to(views.device)
        found = reader(features(model, views[view, chosen].float()).mean(1))
        return ((found - traits[chosen]) ** 2 * weights).mean()

    train([*tower.parameters(), *reader.parameters()], loss, steps, 2e-3, "vision tower")


class Augmenter:
    """Pictures as the tower gets them: clean, or worn as those of a small painter are."""

    def __init__(self, processor, size: int, device: str, seed: int) -> None:
        """`processor` is the image processor whose mean and deviation count; `size` the pixels a side."""
        self.size, self.random = size, torch.Generator(device).manual_seed(seed)
        self.mean = torch.tensor(processor.image_mean, device=device).view(1, 3, 1, 1)
        self.deviation = torch.tensor(processor.image_std, device=device).view(1, 3, 1, 1)

    def views(self, images: torch.Tensor, count: int) -> torch.Tensor:
        """[count, n, 3, size, size] float16 of [n, 3, s, s]: clean, then worn again and again."""
        parts = images.split(256)
        seen = [torch.cat([(self.worn if view else self.clean)(p).half() for p in parts]) for view in range(count)]
        return torch.stack(seen)

    def clean(self, images: torch.Tensor) -> torch.Tensor:
        """[n, 3, s, s] 0 … 255 → [n, 3, size, size] as the processor gives them, up to rounding."""
        small = F.interpolate(images.float(), (self.size, self.size), mode="bicubic", antialias=True)
        return (small.clamp(0, 255) / 255 - self.mean) / self.deviation

    def worn(self, images: torch.Tensor) -> torch.Tensor:
        """The same with the frame moved, features smeared, softened, noisy, tinted; each picture in its own way."""
        worn = degrade(self._moved(images.float()), self.random, 1.8, 9, 0.1)
        few = int(uniform(self.random, 40, 90, 1))
        soft = F.interpolate(worn, (few, few), mode="bilinear", antialias=True)
        soft = F.interpolate(soft, worn.shape[2:], mode="bicubic")
        is_soft = uniform(self.random, 0, 1, len(worn), 1, 1, 1) < 0.35
        return self.clean(torch.where(is_soft, soft, worn))

    def _moved(self, images: torch.Tensor) -> torch.Tensor:
        """Turned by up to 4 degrees, 93 … 109 % large, shifted by up to 4 %, and bent a little like a bad drawing."""
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


def _start(tower: nn.Module) -> None:
    """Weights that so short a training can start from: positions as loud as patches, and layers that pass things on."""
    for name, parameter in tower.named_parameters():
        if "position_embedding" in name:
            nn.init.normal_(parameter, 0.0, 0.5)
        elif name.endswith(("out_proj.weight", "fc2.weight")):
            nn.init.normal_(parameter, 0.0, 0.5 * parameter.shape[1] ** -0.5)
        elif name.endswith(("proj.weight", "fc1.weight")):
            nn.init.normal_(parameter, 0.0, parameter.shape[1] ** -0.5)
