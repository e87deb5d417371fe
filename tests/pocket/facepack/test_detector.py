"""The small detector: its outputs lie as insightface reads them, and its loss is least where it is right."""

import pytest
import torch

from pocket.facepack.detector import ANCHORS, BANDS, MEAN, STRIDES, Detector, detection_loss, train_detector
from pocket.pictures.scenes import Scenes

SIDE = 64


def scene(box, points=None):
    """One picture with one face."""
    left, top, right, bottom = box
    middle = torch.tensor([(left + right) / 2, (top + bottom) / 2])
    points = middle.expand(5, 2) if points is None else points
    images, shown = torch.full((1, 3, SIDE, SIDE), MEAN), torch.ones(1, 1, dtype=bool)
    return Scenes(images, torch.tensor([[box]]), points[None, None], shown)


def loss(model, scenes):
    with torch.no_grad():
        return detection_loss(model, scenes).item()


class Told(torch.nn.Module):
    """Predicts `score` at one cell of one stride's anchor, with these distances and offsets, and nothing elsewhere."""

    def __init__(self, level, anchor, cell, box=(0.0,) * 4, points=(0.0,) * 10, sure=20.0):
        super().__init__()
        self.told = level, anchor, cell, torch.tensor(box), torch.tensor(points)
        self.sure = sure

    def maps(self, images):
        found = []
        for number, stride in enumerate(STRIDES):
            side = images.shape[-1] // stride
            fills = ((1, -self.sure), (4, 0.0), (10, 0.0))
            maps = [torch.full((1, ANCHORS * width, side, side), fill) for width, fill in fills]
            level, anchor, (i, j), box, points = self.told
            if number == level:
                maps[0][0, anchor, i, j] = self.sure
                maps[1][0, 4 * anchor : 4 * anchor + 4, i, j] = box
                maps[2][0, 10 * anchor : 10 * anchor + 10, i, j] = points
            found.append(tuple(maps))
        return found


def test_outputs_are_a_row_an_anchor_of_each_stride():
    torch.manual_seed(0)
    model = Detector(8).eval()
    with torch.no_grad():
        outputs = model(torch.zeros(1, 3, SIDE, 96))
        maps = model.maps(torch.zeros(1, 3, SIDE, 96))
    cells = [SIDE // stride * (96 // stride) for stride in STRIDES]
    assert [tuple(one.shape) for one in outputs] == [
        (ANCHORS * count, width) for width in (1, 4, 10) for count in cells
    ]
    scores, boxes = outputs[0].view(8, 12, ANCHORS), outputs[3].view(8, 12, ANCHORS, 4)
    torch.testing.assert_close(scores, maps[0][0][0].permute(1, 2, 0).sigmoid())
    torch.testing.assert_close(boxes, maps[0][1][0].unflatten(0, (ANCHORS, 4)).permute(2, 3, 0, 1))
    assert outputs[0].max() < 0.2, "at first no cell predicts a face"


@pytest.mark.parametrize(("side", "level", "anchor"), [(12, 0, 0), (20, 0, 1), (30, 1, 0), (50, 1, 1), (60, 2, 0)])
def test_a_face_is_predicted_by_the_anchor_of_its_size_alone(side, level, anchor):
    low, high = BANDS[2 * level + anchor : 2 * level + anchor + 2]
    assert low <= side < high
    box = (32 - side / 2, 32 - side / 2, 32 + side / 2, 32 + side / 2)
    stride = STRIDES[level]
    cell, half = (32 // stride, 32 // stride), side / 2 / stride
    right = loss(Told(level, anchor, cell, (half,) * 4), scene(box))
    assert right < 0.05
    assert loss(Told(level, 1 - anchor, cell, (half,) * 4), scene(box)) > 1
    assert loss(Told(level, anchor, cell, (half + 1,) * 4), scene(box)) == pytest.approx(right + 4 * 0.95, abs=0.02)


def test_landmarks_are_offsets_from_the_cell_in_strides():
    box = (22.0, 22.0, 42.0, 42.0)
    points = torch.tensor([[32.0 + 8 * n, 32.0 - 8 * n] for n in range(5)])
    told = [float(sign * n) for n in range(5) for sign in (1, -1)]
    model = Told(0, 1, (4, 4), (1.25,) * 4, told)
    assert loss(model, scene(box, points)) < 0.05
    assert loss(model, scene(box)) > 5


def test_without_a_face_every_score_costs():
    empty = scene((22.0, 22.0, 42.0, 42.0))
    empty.shown[:] = False
    assert loss(Told(0, 0, (0, 0), sure=20.0), empty) == pytest.approx(4 * 20, rel=1e-3)
    assert loss(Told(9, 0, (0, 0)), empty) < 1e-3


def test_training_lowers_the_loss():
    class Maker:
        random = torch.Generator()

        def make(self, count):
            return scene((22.0, 22.0, 42.0, 42.0))

    torch.manual_seed(0)
    before = loss(Detector().train(), Maker().make(1))
    torch.manual_seed(0)
    model = train_detector(Maker(), 12)
    assert not model.training
    assert loss(model.train(), Maker().make(1)) < 0.9 * before
