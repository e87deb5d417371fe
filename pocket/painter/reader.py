"""A classifier of facial expressions for the painter's evaluation, independent of painter and filters."""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.drawing.expressions import EXPRESSIONS
from pocket.optimize import train
from pocket.painter.filters import augment, image_tensors
from pocket.pictures.portraits import Portraits

SIZE = 80
MEAN, STD = 127.5, 64.0


class Reader(nn.Module):
    """Maps pictures [n, 3, 80, 80], 0 … 255, to logits [n, 12] in the order of `EXPRESSIONS`."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 96)
        self.trunk = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b in zip(widths, widths[1:], strict=False)
            )
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(96 * 25, len(EXPRESSIONS)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Computes the logits of the expressions."""
        return self.head(self.trunk((images - MEAN) / STD))

    @torch.inference_mode()
    def read(self, images: torch.Tensor) -> torch.Tensor:
        """Predicts the expressions' indices [n] of pictures [n, 3, s, s] uint8, on any device."""
        device = next(self.parameters()).device
        small = F.interpolate(images.to(device).float(), size=(SIZE, SIZE), mode="bilinear", antialias=True)
        return self(small).argmax(-1)


def train_reader(portraits: Portraits, steps: int, random: torch.Generator, batch: int = 128) -> Reader:
    """Trains a classifier on augmented drawn faces."""
    device = random.device
    images, shown = image_tensors(portraits, device)
    reader = Reader().to(device).train()

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (batch,), generator=random, device=device)
        return F.cross_entropy(reader(augment(images[pick].float(), SIZE, random)), shown[pick])

    train(list(reader.parameters()), loss, steps, 3e-3, "reader")
    return reader.eval()
