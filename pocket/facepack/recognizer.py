"""A small face recogniser in the form of ArcFace: an aligned face of 112×112 pixels to 512 numbers.

Knows nothing of how faces are drawn or found. The loss is a softmax over the people of a batch of the
scaled cosines, the right one less a margin (Wang et al., "CosFace", 2018), which needs no weights for persons.
"""

import torch
from insightface.utils.face_align import arcface_dst
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from pocket.facepack.detector import conv
from pocket.pictures.portraits import Portraits
from pocket.pictures.warping import degrade, fit, similarity, uniform, warp

SIZE = 112
DIMENSIONS = 512
MEAN = STD = 127.5  # as insightface prepares a recogniser's input
PERSONS = 40  # a batch, two pictures each
SCALE, MARGIN = 20.0, 0.2


class Residual(nn.Module):
    """Two convolutions added to what came in."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(conv(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False))
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.norm(self.body(x)))


class Recognizer(nn.Module):
    """[n, 3, 112, 112] → [n, 512]; the cosine of two embeddings says how alike two persons are."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            conv(3, 32, 4, size=7), conv(32, 64, 2), conv(64, 64), conv(64, 96, 2), Residual(96)
        )  # [n, 96, 7, 7]
        # A weight for every place instead of a mean over places: where something is tells persons apart.
        self.places = nn.Conv2d(96, 192, 7, groups=96, bias=False)
        self.norm = nn.BatchNorm1d(192)
        self.embed = nn.Sequential(nn.Linear(192, DIMENSIONS), nn.BatchNorm1d(DIMENSIONS, affine=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.embed(self.norm(self.places(self.trunk(images)).flatten(1)))


def learn_recognizer(portraits: Portraits, steps: int, random: torch.Generator) -> Recognizer:
    """A recogniser that learned `steps` batches of portraits; deterministic by torch's and the generator's seeds."""
    device = random.device
    images, points = torch.from_numpy(portraits.images).permute(0, 3, 1, 2), torch.from_numpy(portraits.points)
    images, points, persons = images.to(device), points.to(device), torch.from_numpy(portraits.persons).to(device)
    model = Recognizer().to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=max(steps, 2), pct_start=0.1)
    bar = tqdm(range(steps), desc="recogniser", unit="step", mininterval=2)
    for _ in bar:
        pick = pick_pairs(persons, random)
        faces = align(images[pick].float(), points[pick], random)
        loss = pair_loss(*F.normalize(model((faces - MEAN) / STD)).chunk(2))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval()


def pick_pairs(persons: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """[2 PERSONS] numbers of pictures: one each of different people, then another one each of the same people.

    `persons` [n] are the pictures' persons, every person as many times as the others, in order.
    """
    count = int(persons[-1]) + 1
    moments = len(persons) // count
    who = torch.randperm(count, generator=random, device=random.device)[:PERSONS]
    first = torch.randint(moments, (len(who),), generator=random, device=random.device)
    step = torch.randint(1, moments, (len(who),), generator=random, device=random.device)
    return torch.cat([who * moments + first, who * moments + (first + step) % moments])


def pair_loss(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Softmax over a batch: each picture [n, d] is to be nearest to its person's other one, by a margin."""
    cosines = one @ other.T
    right = torch.arange(len(one), device=one.device)
    logits = SCALE * (cosines - MARGIN * torch.eye(len(one), device=one.device))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def align(images: torch.Tensor, points: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """[n, 3, 112, 112] faces cut out by their points as insightface does it, as if a detector had missed them a bit."""
    target = torch.from_numpy(arcface_dst).to(points)
    n, side = len(points), points[:, :, 0].amax(1) - points[:, :, 0].amin(1)
    missed = points + 0.05 * side[:, None, None] * torch.randn(points.shape, generator=random, device=random.device)
    by = fit(missed, target)
    middle = torch.full((n, 2), SIZE / 2, device=points.device)
    shake = similarity(
        uniform(random, -0.05, 0.05, n),
        uniform(random, 0.95, 1.05, n),
        middle,
        middle + uniform(random, -2, 2, n, 2),
        None,
    )
    turn = shake[:, :, :2] @ by[:, :, :2]
    by = torch.cat([turn, shake[:, :, :2] @ by[:, :, 2:] + shake[:, :, 2:]], -1)
    return degrade(warp(images, by, SIZE), random, blur=2.2, noise=16, tint=0.1)
