"""The painter's training data: other pictures of the same person."""

import torch


def test_another_moment_is_of_the_same_person_and_not_the_same(latents):
    pick = torch.arange(12).repeat(30)
    others = latents.other_moments(pick, torch.Generator().manual_seed(0))
    assert (others // 4 == pick // 4).all() and (others != pick).all()
    assert len({*zip(pick.tolist(), others.tolist(), strict=True)}) == 12 * 3
