"""A small face detector in the format of SCRFD: scores, boxes and five landmarks per anchor at three strides.

The format is that of Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021: the anchor
of cell (i, j) at stride s is centered at (s j, s i); a box is encoded as the distances of its sides from that center, a
landmark as its offset, both in units of the stride.
"""

import torch
from torch import nn
from torch.nn import functional as F

from pocket.optimize import train_one_cycle
from pocket.pictures.scenes import SceneMaker, Scenes

STRIDES = (8, 16, 32)
ANCHORS = 2  # per cell: one for smaller and one for larger faces
KINDS = (1, 4, 10)  # channels per anchor of score, box, points
# The size ranges of the anchors: bounds of a face's side (root of its box's area) in pixels.
BANDS = (0.0, 16.0, 27.0, 40.0, 56.0, 88.0, 1e9)
MEAN, STD = 127.5, 128.0  # as insightface prepares a detector's input
SIZE = 128  # side of the training scenes in pixels
BATCH = 48
SCORE_BIAS = 0.6  # subtracted from the trained logits: uncertain cells are mostly in scenes without a face


def conv(inside: int, outside: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """Returns a convolution with batch normalization and ReLU."""
    layer = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Detector(nn.Module):
    """Maps [1, 3, h, w], h and w multiples of 32, to scores [c, 1], boxes [c, 4] and points [c, 10] for each stride."""

    def __init__(self, width: int = 32):
        super().__init__()
        stem = [conv(3, 12, 2), conv(12, 24, 2), conv(24, width, 2), conv(width, width)]
        levels = [stem, [conv(width, 48, 2), conv(48, 48)], [conv(48, 56, 2), conv(56, 56)]]
        self.levels = nn.ModuleList(nn.Sequential(*level) for level in levels)
        self.sides = nn.ModuleList(nn.Conv2d(inside, width, 1) for inside in (width, 48, 56))
        # One head per stride: batch statistics shared between strides would fit none of them.
        self.heads = nn.ModuleList(conv(width, width) for _ in STRIDES)
        self.readers = nn.ModuleList(nn.Conv2d(width, sum(KINDS) * ANCHORS, 1) for _ in STRIDES)
        for reader in self.readers:
            nn.init.constant_(reader.bias[:ANCHORS], -4.0)  # initially no cell predicts a face

    def maps(self, images: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        """Returns for each stride the logits [b, 2, h, w], boxes [b, 8, h, w] and points [b, 20, h, w]."""
        features, x = [], images
        for level, side in zip(self.levels, self.sides, strict=True):
            x = level(x)
            features.append(side(x))
        for k in (1, 0):
            features[k] = features[k] + F.interpolate(features[k + 1], scale_factor=2.0, mode="nearest")
        parts = [ANCHORS * width for width in KINDS]
        heads = zip(features, self.heads, self.readers, strict=True)
        return [reader(head(feature)).split(parts, 1) for feature, head, reader in heads]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Predicts the faces of `images`, normalized by `MEAN` and `STD`, as insightface expects them."""
        maps = self.maps(images)
        # One row per anchor, cells in row-major order, as insightface expects.
        rows = [
            [level[kind].permute(2, 3, 0, 1).reshape(-1, width) for level in maps] for kind, width in enumerate(KINDS)
        ]
        return (*(torch.sigmoid(score) for score in rows[0]), *rows[1], *rows[2])


def train_detector(maker: SceneMaker, steps: int) -> Detector:
    """Trains a detector on `steps` batches of scenes; deterministic given torch's and the maker's seeds."""
    device = maker.random.device
    model = Detector().to(device).train()

    def loss(_step: int) -> torch.Tensor:
        return detection_loss(model, maker.make(BATCH))

    train_one_cycle(list(model.parameters()), loss, steps, 4e-3, "detector", weight_decay=0.01)
    with torch.no_grad():
        for reader in model.readers:
            reader.bias[:ANCHORS] -= SCORE_BIAS
    return model.eval()


def detection_loss(model: Detector, scenes: Scenes) -> torch.Tensor:
    """Returns the focal loss of the scores plus smooth L1 losses of boxes and points, per positive anchor."""
    sides = (scenes.boxes[..., 2:] - scenes.boxes[..., :2]).prod(-1).clamp(min=0).sqrt()  # [b, f]
    centers = (scenes.boxes[..., :2] + scenes.boxes[..., 2:]) / 2
    score = box = point = faces = 0.0
    for level, maps in enumerate(model.maps((scenes.images - MEAN) / STD)):
        stride, (height, width) = STRIDES[level], maps[0].shape[2:]
        logits = maps[0]
        boxes = maps[1].unflatten(1, (ANCHORS, 4)).permute(0, 1, 3, 4, 2)  # [b, a, h, w, 4]
        points = maps[2].unflatten(1, (ANCHORS, 10)).permute(0, 1, 3, 4, 2)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells = stride * torch.stack([x, y], -1).to(logits)  # [h, w, 2]
        away = (cells - centers[:, :, None, None]).abs().amax(-1) / stride  # [b, f, h, w]
        for anchor in range(ANCHORS):
            low, high = BANDS[2 * level + anchor : 2 * level + anchor + 2]
            mine = scenes.shown & (sides >= low) & (sides < high)
            close = scenes.shown & (sides >= low / 1.15) & (sides < high * 1.15)
            yes = mine[..., None, None] & (away <= 0.6)  # [b, f, h, w]
            # Ignored: cells next to a face, and the neighboring anchor near the bound of its size range.
            maybe = close[..., None, None] & (away <= 1.1) & ~yes.any(1, keepdim=True)
            target = yes.any(1).float()
            chance = torch.sigmoid(logits[:, anchor])
            wrong = (chance - target).abs() ** 2
            cost = F.binary_cross_entropy_with_logits(logits[:, anchor], target, reduction="none") * wrong
            score = score + (cost * ~maybe.any(1)).sum()
            image, face, i, j = yes.nonzero(as_tuple=True)
            faces += len(image)
            at, true = cells[i, j], scenes.boxes[image, face]
            distances = torch.cat([at - true[:, :2], true[:, 2:] - at], 1) / stride
            offsets = (scenes.points[image, face] - at[:, None]).flatten(1) / stride
            box = box + F.smooth_l1_loss(boxes[image, anchor, i, j], distances, reduction="sum", beta=0.1)
            point = point + F.smooth_l1_loss(points[image, anchor, i, j], offsets, reduction="sum", beta=0.1)
    return (4 * score + box + point) / max(faces, 1)
