"""A face pack with random weights at the shapes of insightface's buffalo_l, for benchmarks that need no download.

Every network does its full work on every picture. What the detector reads is then replaced by one face in the middle,
since random weights find none: recognition and attributes do their full work, too.

Source of the shapes: Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021 (SCRFD-10GF
at 640 × 640: 10 GFLOP); Deng et al., "ArcFace", 2019 (IResNet-50 at 112 × 112: 6.3 GFLOP of multiply-adds).
"""

import io
import warnings
from pathlib import Path

import torch
from torch import nn

STRIDES = (8, 16, 32)
ANCHORS = 2  # per cell
KINDS = (1, 4, 10)  # numbers per anchor: score, box, landmarks
DETECTION_SIZE = 640  # side of the detector's input in pixels
RECOGNITION_SIZE, ATTRIBUTE_SIZE = 112, 96
LAYERS = (3, 4, 14, 3)  # blocks of IResNet-50 by stage
NEGLIGIBLE = 1e-9  # weight of what the random network reads, which must not be optimised away


def _conv(inside: int, outside: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    layer = nn.Conv2d(inside, outside, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU())


class _Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inside),
            nn.Conv2d(inside, outside, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.PReLU(outside),
            nn.Conv2d(outside, outside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outside),
        )
        self.side = nn.Conv2d(inside, outside, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.side(x)


class _Recognizer(nn.Module):
    """[n, 3, 112, 112] to embeddings [n, 512]: IResNet-50."""

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 64, 128, 256, 512)
        blocks: list[nn.Module] = [_conv(3, 64)]
        for count, inside, outside in zip(LAYERS, widths, widths[1:], strict=False):
            blocks += [_Block(inside, outside, 2), *(_Block(outside, outside, 1) for _ in range(count - 1))]
        self.trunk = nn.Sequential(*blocks)
        self.embed = nn.Linear(512 * 7 * 7, 512)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.embed(self.trunk(images).flatten(1))


class _Attributes(nn.Module):
    """[n, 3, 96, 96] to logits of woman and man, and the age in centuries: the same for every face."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 64, 2), _conv(64, 128, 2))
        self.reader = nn.Linear(128 * 36, 3)
        self.register_buffer("answer", torch.tensor([1.0, 0.0, 0.4]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return NEGLIGIBLE * self.reader(self.trunk(images).flatten(1)) + self.answer


class _Detector(nn.Module):
    """[1, 3, 640, 640] to scores, boxes and landmarks by stride: one face in the middle of every picture."""

    def __init__(self, side: int = DETECTION_SIZE) -> None:
        super().__init__()
        widths = (48, 80, 88, 192)
        self.stem = nn.Sequential(_conv(3, 28, 2), _conv(28, 28), _conv(28, widths[0], 2))
        levels, inside = [], widths[0]
        for outside, count in zip(widths, (3, 4, 2, 3), strict=True):
            stride = 1 if outside == widths[0] else 2
            levels.append(nn.Sequential(_Block(inside, outside, stride), *(_Block(outside, outside, 1),) * (count - 1)))
            inside = outside
        self.levels = nn.ModuleList(levels)
        self.sides = nn.ModuleList(nn.Conv2d(width, 56, 1) for width in widths[1:])
        self.heads = nn.ModuleList(nn.Sequential(_conv(56, 64), _conv(64, 64)) for _ in STRIDES)
        self.readers = nn.ModuleList(nn.Conv2d(64, sum(KINDS) * ANCHORS, 3, 1, 1) for _ in STRIDES)
        for stride in STRIDES:
            for kind, answer in zip(KINDS, _one_face(side, stride), strict=True):
                self.register_buffer(f"answer_{stride}_{kind}", answer)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, features = self.stem(images), []
        for level in self.levels:
            x = level(x)
            features.append(x)
        parts = [ANCHORS * width for width in KINDS]
        outputs: list[list[torch.Tensor]] = [[], [], []]
        for stride, feature, side, head, reader in zip(
            STRIDES, features[1:], self.sides, self.heads, self.readers, strict=True
        ):
            for place, part in enumerate(reader(head(side(feature))).split(parts, 1)):
                width = KINDS[place]
                read = part.permute(2, 3, 0, 1).reshape(-1, width)
                outputs[place].append(NEGLIGIBLE * torch.tanh(read) + getattr(self, f"answer_{stride}_{width}"))
        return tuple(tensor for kind in outputs for tensor in kind)


def _one_face(side: int, stride: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores [c, 1], boxes [c, 4] and landmarks [c, 10] of all anchors: a face in the middle, of half the side."""
    cells = side // stride
    count = cells * cells * ANCHORS
    scores, half = torch.zeros(count, 1), side / 4 / stride
    if stride == STRIDES[-1]:
        scores[(cells // 2 * cells + cells // 2) * ANCHORS] = 0.9
    landmarks = [-0.4, -0.3, 0.4, -0.3, 0.0, 0.1, -0.3, 0.5, 0.3, 0.5]  # eyes, nose, corners of the mouth
    return scores, torch.full((count, 4), half), half * torch.tensor(landmarks).expand(count, 10).clone()


def write_random_pack(folder: Path) -> None:
    """Writes the three networks of a pack as ONNX files: `det_10g.onnx`, `w600k_r50.onnx`, `genderage.onnx`."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    names = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]
    _write(_Detector(), DETECTION_SIZE, folder / "det_10g.onnx", names, dynamic=False)
    _write(_Recognizer(), RECOGNITION_SIZE, folder / "w600k_r50.onnx", ["embedding"], dynamic=True)
    _write(_Attributes(), ATTRIBUTE_SIZE, folder / "genderage.onnx", ["fc1"], dynamic=True)


def _write(model: nn.Module, side: int, path: Path, outputs: list[str], dynamic: bool) -> None:
    file = io.BytesIO()
    axes = {"input.1": {0: "batch"}, **{name: {0: "batch"} for name in outputs}} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter needs another package; this one works
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 3, side, side),),
            file,  # type: ignore[arg-type]  # it writes to files, too
            dynamo=False,
            opset_version=17,
            input_names=["input.1"],
            output_names=outputs,
            dynamic_axes=axes,
        )
    path.write_bytes(file.getvalue())
