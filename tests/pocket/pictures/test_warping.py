"""Similarity transforms of points and pictures."""

import torch

from pocket.pictures.warping import fit_similarity, transform_points, warp


def test_a_warp_brings_points_and_pixels_to_the_same_place():
    points = torch.tensor([[[10.0, 12.0], [30.0, 11.0], [20.0, 34.0]]])
    target = torch.tensor([[40.0, 22.0], [41.0, 62.0], [-5.0, 42.0]])
    by = fit_similarity(points, target)
    moved = transform_points(points, by)
    assert torch.linalg.norm(moved[0] - target, dim=1).max() < 2.1  # a similarity: nearest, not exact
    image = torch.zeros(1, 1, 48, 48)
    image[0, 0, 10:13, 28:31] = 1.0  # around (29.5, 11.5)
    warped = warp(image, by, 96)[0, 0]
    y, x = (warped == warped.max()).nonzero().float().mean(0) + 0.5
    expected = transform_points(torch.tensor([[[29.5, 11.5]]]), by)[0, 0]
    assert torch.linalg.norm(torch.stack([x, y]) - expected) < 1.0
