"""A small network that predicts gender and age of a face, in the format of insightface's `genderage`."""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.facepack.detector import conv
from pocket.optimize import train_one_cycle
from pocket.pictures.portraits import Portraits
from pocket.pictures.warping import degrade, similarity, uniform, warp

SIZE = 96
MARGIN = 1.5  # insightface crops a square of 1.5 times the longer side of the box
MEAN, STD = 127.5, 128.0  # as insightface prepares the input
BATCH = 64


class Attributes(nn.Module):
    """Maps images [n, 3, 96, 96] to [n, 3]: the logits of woman and man, and the age in centuries."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(conv(3, 16, 2), conv(16, 24, 2), conv(24, 32, 2), conv(32, 48, 2), conv(48, 48))
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(48 * 36, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Predicts the attributes of `images`, normalized by `MEAN` and `STD`."""
        return self.reader(self.trunk(images))


def train_attributes(portraits: Portraits, steps: int, random: torch.Generator) -> Attributes:
    """Trains the network on `steps` batches of portraits; deterministic given torch's and the generator's seeds."""
    device = random.device
    images = torch.from_numpy(portraits.images).permute(0, 3, 1, 2).to(device)
    boxes, men = torch.from_numpy(portraits.boxes).to(device), torch.from_numpy(portraits.men).to(device)
    centuries = torch.from_numpy(portraits.ages).to(device) / 100
    model = Attributes().to(device).train()

    def loss(_step: int) -> torch.Tensor:
        pick = torch.randint(len(images), (BATCH,), generator=random, device=device)
        predicted = model((cut_out(images[pick].float(), boxes[pick], random) - MEAN) / STD)
        gender = F.cross_entropy(predicted[:, :2], men[pick].long())
        age = F.smooth_l1_loss(predicted[:, 2], centuries[pick], beta=0.05)
        return gender + 5 * age

    parameters = list(model.parameters())
    train_one_cycle(parameters, loss, steps, 3e-3, "gender and age", weight_decay=0.05, warmup=0.15, max_norm=None)
    return model.eval()


def cut_out(images: torch.Tensor, boxes: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Crops faces by their boxes as insightface does, with jitter for the error of a detector.

    Args:
        images: [n, 3, s, s], 0 … 255.
        boxes: [n, 4] left, top, right, bottom in pixels.
        random: Source of jitter and degradation.

    Returns:
        [n, 3, 96, 96], 0 … 255.
    """
    n = len(boxes)
    side = (boxes[:, 2:] - boxes[:, :2]).amax(1)
    middle = torch.full((n, 2), SIZE / 2, device=boxes.device) + uniform(random, -3, 3, n, 2)
    scale = SIZE / (MARGIN * side) * uniform(random, 0.92, 1.08, n)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    by = similarity(uniform(random, -0.05, 0.05, n), scale, centers, middle, uniform(random, 0, 1, n) < 0.5)
    return degrade(warp(images, by, SIZE), random, blur=1.5, noise=12, tint=0.1)
