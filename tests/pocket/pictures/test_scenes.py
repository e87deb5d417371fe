"""Scenes: boxes and landmarks of their faces."""

import torch

from pocket.pictures.portraits import draw_portraits
from pocket.pictures.scenes import SceneMaker


def test_scenes_know_where_their_faces_are():
    portraits = draw_portraits("test", 30, 2, 112, 1)
    maker = SceneMaker(portraits, 128, torch.Generator().manual_seed(5), 4)
    scenes = maker.make(32)
    assert set(scenes.shown.sum(1).tolist()) == {0, 1, 2, 3}
    boxes, points = scenes.boxes[scenes.shown], scenes.points[scenes.shown]
    inside = (points >= boxes[:, None, :2] - 2) & (points <= boxes[:, None, 2:] + 2)
    assert inside.all()
    assert (points[:, 0, 0] < points[:, 1, 0]).all() and (points[:, 3, 0] < points[:, 4, 0]).all()
    assert maker.make(4, faces=2).shown.sum(1).tolist() == [2] * 4
