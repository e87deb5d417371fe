"""A small face recognizer in the format of ArcFace: an aligned face of 112×112 pixels to a 512-dimensional embedding.

The loss is an additive-margin softmax (Wang et al., "CosFace", 2018) over the people of a batch; it compares pictures
with each other and so needs no weights per person.
"""

import torch
from insightface.utils.face_align import arcface_dst
from torch import nn
from torch.nn import functional as F

from pocket.facepack.detector import conv
from pocket.optimize import train_one_cycle
from pocket.pictures.portraits import Portraits
from pocket.pictures.warping import degrade, fit_similarity, similarity, uniform, warp

SIZE = 112
DIMENSIONS = 512
MEAN = STD = 127.5  # as insightface prepares a recognizer's input
PERSONS = 40  # per batch, two pictures each
SCALE, MARGIN = 20.0, 0.2


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(conv(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False))
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps features [n, width, h, w] to features of the same shape."""
        return F.relu(x + self.norm(self.body(x)))


class Recognizer(nn.Module):
    """Maps images [n, 3, 112, 112] to embeddings [n, 512], which are compared by cosine similarity."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            conv(3, 32, 4, size=7), conv(32, 64, 2), conv(64, 64), conv(64, 96, 2), Residual(96)
        )  # [n, 96, 7, 7]
        # Weights per position instead of average pooling: the position of a feature distinguishes people.
        self.places = nn.Conv2d(96, 192, 7, groups=96, bias=False)
        self.norm = nn.BatchNorm1d(192)
        self.embed = nn.Sequential(nn.Linear(192, DIMENSIONS), nn.BatchNorm1d(DIMENSIONS, affine=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Computes the embeddings of `images`, normalized by `MEAN` and `STD`."""
        return self.embed(self.norm(self.places(self.trunk(images)).flatten(1)))


def train_recognizer(portraits: Portraits, steps: int, random: torch.Generator) -> Recognizer:
    """Trains a recognizer on `steps` batches of portraits; deterministic given torch's and the generator's seeds."""
    device = random.device
    images, points = torch.from_numpy(portraits.images).permute(0, 3, 1, 2), torch.from_numpy(portraits.points)
    images, points, persons = images.to(device), points.to(device), torch.from_numpy(portraits.persons).to(device)
    model = Recognizer().to(device).train()

    def loss(_step: int) -> torch.Tensor:
        pick = pick_pairs(persons, random)
        faces = align(images[pick].float(), points[pick], random)
        return pair_loss(*F.normalize(model((faces - MEAN) / STD)).chunk(2))

    train_one_cycle(list(model.parameters()), loss, steps, 4e-3, "recognizer", weight_decay=0.02)
    return model.eval()


def pick_pairs(persons: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Draws two different pictures of each of `PERSONS` people.

    Args:
        persons: [n] the person of each picture, sorted, each person equally often.
        random: Source of the draws.

    Returns:
        [2 PERSONS] indices of pictures: the first ones of all people, then the second ones in the same order.
    """
    count = int(persons[-1]) + 1
    moments = len(persons) // count
    who = torch.randperm(count, generator=random, device=random.device)[:PERSONS]
    first = torch.randint(moments, (len(who),), generator=random, device=random.device)
    step = torch.randint(1, moments, (len(who),), generator=random, device=random.device)
    return torch.cat([who * moments + first, who * moments + (first + step) % moments])


def pair_loss(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Returns the symmetric margin softmax loss of normalized embeddings, each [n, d], of the same n people."""
    cosines = one @ other.T
    right = torch.arange(len(one), device=one.device)
    logits = SCALE * (cosines - MARGIN * torch.eye(len(one), device=one.device))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def align(images: torch.Tensor, points: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Aligns faces by their landmarks as insightface does, with jitter for the error of a detector.

    Args:
        images: [n, 3, s, s], 0 … 255.
        points: [n, 5, 2] eyes, nose and corners of the mouth in pixels.
        random: Source of jitter and degradation.

    Returns:
        [n, 3, 112, 112], 0 … 255.
    """
    target = torch.from_numpy(arcface_dst).to(points)
    n, side = len(points), points[:, :, 0].amax(1) - points[:, :, 0].amin(1)
    missed = points + 0.05 * side[:, None, None] * torch.randn(points.shape, generator=random, device=random.device)
    by = fit_similarity(missed, target)
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
