"""Figures and HTML tables. A figure function takes a table and axes and returns the axes.

`mirror.figures.page` shows a run of sessions; the figures of a study are in `mirror.analysis.figures`.
"""

from mirror.figures.faces import identity_scores
from mirror.figures.painters import speed_against_acceptance
from mirror.figures.style import VARIANT_COLORS, color_of, figure, png, save
from mirror.figures.training import loss_curve, replies, templates, token_lengths

__all__ = [
    "VARIANT_COLORS",
    "color_of",
    "figure",
    "identity_scores",
    "loss_curve",
    "png",
    "replies",
    "save",
    "speed_against_acceptance",
    "templates",
    "token_lengths",
]
