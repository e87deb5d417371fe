"""A small network that tells gender and age of a face, in the form of insightface's `genderage`.

Knows nothing of how faces are drawn or found.
"""

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from pocket.facepack.detector import conv
from pocket.pictures.portraits import Portraits
from pocket.pictures.warping import degrade, similarity, uniform, warp

SIZE = 96
MARGIN = 1.5  # insightface cuts out a square of 1.5 times the longer side of the box
MEAN, STD = 127.5, 128.0  # as insightface prepares the input
BATCH = 64


class Attributes(nn.Module):
    """[n, 3, 96, 96] → [n, 3]: the logits of woman and man, and the age in centuries."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(conv(3, 16, 2), conv(16, 24, 2), conv(24, 32, 2), conv(32, 48, 2), conv(48, 48))
        self.reader = nn.Sequential(nn.Flatten(), nn.Linear(48 * 36, 3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.reader(self.trunk(images))


def learn_attributes(portraits: Portraits, steps: int, random: torch.Generator) -> Attributes:
    """A network that learned `steps` batches of portraits; deterministic by torch's and the generator's seeds."""
    device = random.device
    images = torch.from_numpy(portraits.images).permute(0, 3, 1, 2).to(device)
    boxes, men = torch.from_numpy(portraits.boxes).to(device), torch.from_numpy(portraits.men).to(device)
    centuries = torch.from_numpy(portraits.ages).to(device) / 100
    model = Attributes().to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(steps, 2), pct_start=0.15)
    bar = tqdm(range(steps), desc="gender and age", unit="step", mininterval=2)
    for _ in bar:
        pick = torch.randint(len(images), (BATCH,), generator=random, device=device)
        told = model((cut_out(images[pick].float(), boxes[pick], random) - MEAN) / STD)
        gender = F.cross_entropy(told[:, :2], men[pick].long())
        age = F.smooth_l1_loss(told[:, 2], centuries[pick], beta=0.05)
        loss = gender + 5 * age
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval()


def cut_out(images: torch.Tensor, boxes: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """[n, 3, 96, 96] faces cut out by their boxes as insightface does it, as if a detector had missed them a bit."""
    n = len(boxes)
    side = (boxes[:, 2:] - boxes[:, :2]).amax(1)
    middle = torch.full((n, 2), SIZE / 2, device=boxes.device) + uniform(random, -3, 3, n, 2)
    scale = SIZE / (MARGIN * side) * uniform(random, 0.92, 1.08, n)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    by = similarity(uniform(random, -0.05, 0.05, n), scale, centres, middle, uniform(random, 0, 1, n) < 0.5)
    return degrade(warp(images, by, SIZE), random, blur=1.5, noise=12, tint=0.1)
