"""A small face detector in the form of SCRFD: scores, boxes and five points for cells of three strides.

Knows nothing of how faces are drawn. Guo et al., "Sample and Computation Redistribution for Efficient Face Detection",
2021, describe the form: cell (i, j) of stride s stands for the point (s j, s i); a box is told by the distances of its
sides from there, a point by its offset, both in strides.
"""

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from pocket.pictures.scenes import SceneMaker, Scenes

STRIDES = (8, 16, 32)
ANCHORS = 2  # a cell of a stride has one for smaller and one for larger faces
KINDS = (1, 4, 10)  # numbers for score, box, points
# Side of a face (root of its box's area), in pixels, from which on the next anchor is responsible.
BANDS = (0.0, 16.0, 27.0, 40.0, 56.0, 88.0, 1e9)
MEAN, STD = 127.5, 128.0  # as insightface prepares a detector's input
SIZE = 128  # pixels a side of the scenes to learn from
BATCH = 48
CAUTION = 0.6  # taken off the learned logits: doubtful cells are mostly in scenes without a face


def conv(inside: int, outside: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """A convolution, normalised, rectified."""
    layer = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class Detector(nn.Module):
    """[1, 3, h, w] (h and w multiples of 32) → 9 tensors: scores [c, 1], boxes [c, 4], points [c, 10] by stride."""

    def __init__(self, width: int = 32):
        super().__init__()
        stem = [conv(3, 12, 2), conv(12, 24, 2), conv(24, width, 2), conv(width, width)]
        levels = [stem, [conv(width, 48, 2), conv(48, 48)], [conv(48, 56, 2), conv(56, 56)]]
        self.levels = nn.ModuleList(nn.Sequential(*level) for level in levels)
        self.sides = nn.ModuleList(nn.Conv2d(inside, width, 1) for inside in (width, 48, 56))
        # A head a stride: one for all would be normalised by means that are right for none of them.
        self.heads = nn.ModuleList(conv(width, width) for _ in STRIDES)
        self.readers = nn.ModuleList(nn.Conv2d(width, sum(KINDS) * ANCHORS, 1) for _ in STRIDES)
        for reader in self.readers:
            nn.init.constant_(reader.bias[:ANCHORS], -4.0)  # at first no cell sees a face

    def maps(self, images: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
        """Per stride the logits [b, 2, h, w], boxes [b, 8, h, w] and points [b, 20, h, w]."""
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
        maps = self.maps(images)
        # One row an anchor, cells in reading order, as insightface reads them.
        rows = [
            [level[kind].permute(2, 3, 0, 1).reshape(-1, width) for level in maps] for kind, width in enumerate(KINDS)
        ]
        return (*(torch.sigmoid(score) for score in rows[0]), *rows[1], *rows[2])


def learn_detector(maker: SceneMaker, steps: int) -> Detector:
    """A detector that learned `steps` batches of scenes; deterministic by torch's and the maker's seeds."""
    device = maker.random.device
    model = Detector().to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=max(steps, 2), pct_start=0.1)
    bar = tqdm(range(steps), desc="detector", unit="step", mininterval=2)
    for _ in bar:
        loss = detection_loss(model, maker.make(BATCH))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    with torch.no_grad():
        for reader in model.readers:
            reader.bias[:ANCHORS] -= CAUTION
    return model.eval()


def detection_loss(model: Detector, scenes: Scenes) -> torch.Tensor:
    """Focal loss of the scores, and smooth absolute errors of boxes and points, over the anchors of faces."""
    sides = (scenes.boxes[..., 2:] - scenes.boxes[..., :2]).prod(-1).clamp(min=0).sqrt()  # [b, f]
    centres = (scenes.boxes[..., :2] + scenes.boxes[..., 2:]) / 2
    score = box = point = faces = 0.0
    for level, maps in enumerate(model.maps((scenes.images - MEAN) / STD)):
        stride, (height, width) = STRIDES[level], maps[0].shape[2:]
        logits = maps[0]
        boxes = maps[1].unflatten(1, (ANCHORS, 4)).permute(0, 1, 3, 4, 2)  # [b, a, h, w, 4]
        points = maps[2].unflatten(1, (ANCHORS, 10)).permute(0, 1, 3, 4, 2)
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells = stride * torch.stack([x, y], -1).to(logits)  # [h, w, 2]
        away = (cells - centres[:, :, None, None]).abs().amax(-1) / stride  # [b, f, h, w]
        for anchor in range(ANCHORS):
            low, high = BANDS[2 * level + anchor : 2 * level + anchor + 2]
            mine = scenes.shown & (sides >= low) & (sides < high)
            close = scenes.shown & (sides >= low / 1.15) & (sides < high * 1.15)
            yes = mine[..., None, None] & (away <= 0.6)  # [b, f, h, w]
            # Whether the cells around a face, and the neighbouring anchor at the edge of its band, see it, is all one.
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
