"""Reads the expression of a face; learned from drawings only. The exam's judge, unknown to painter and filters."""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.drawing.expressions import EXPRESSIONS
from pocket.optimize import train
from pocket.painter.filters import image_tensors, augment
from pocket.pictures.portraits import Portraits

SIZE = 80
MEAN, STD = 127.5, 64.0


class Reader(nn.Module):
    """[n, 3, 80, 80] pictures, 0 … 255, to [n, 12] logits, in the order of `EXPRESSIONS`."""

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
        return self.head(self.trunk((images - MEAN) / STD))

    @torch.inference_mode()
    def read(self, images: torch.Tensor) -> torch.Tensor:
        """[n] numbers of the expressions of pictures [n, 3, s, s] uint8, on any device."""
        device = next(self.parameters()).device
        small = F.interpolate(images.to(device).float(), size=(SIZE, SIZE), mode="bilinear", antialias=True)
        return self(small).argmax(-1)


def train_reader(portraits: Portraits, steps: int, random: torch.Generator, batch: int = 128) -> Reader:
    """A reader that learned from drawn faces, moved, blurred and tinted a little."""
    device = random.device
    images, shown = image_tensors(portraits, device)
    reader = Reader().to(device).train()

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (batch,), generator=random, device=device)
        return F.cross_entropy(reader(augment(images[pick].float(), SIZE, random)), shown[pick])

    train(list(reader.parameters()), loss, steps, 3e-3, "reader")
    return reader.eval()
