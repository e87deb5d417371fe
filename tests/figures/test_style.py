"""The style of all figures, and figures as files."""

from typing import get_args

import matplotlib.pyplot as plt
from PIL import Image

from mirror import figures
from mirror.figures.style import VARIANT_COLORS, color_of
from mirror.figures.training import KIND_COLORS
from mirror.transcripts.turn import Condition


def test_an_empty_figure_has_the_size_and_the_style():
    fig, ax = figures.figure(5, 2)
    assert tuple(fig.get_size_inches()) == (5, 2)
    assert not ax.spines["top"].get_visible() and not ax.spines["right"].get_visible()
    assert ax.spines["left"].get_visible()
    plt.close(fig)


def test_a_figure_is_saved_as_png_and_pdf(tmp_path, ax):
    ax.plot([0, 1])
    figures.save(ax.figure, tmp_path / "results/figures", "losses")
    assert sorted(p.name for p in (tmp_path / "results/figures").iterdir()) == ["losses.pdf", "losses.png"]
    with Image.open(tmp_path / "results/figures/losses.png") as image:
        assert image.format == "PNG" and image.size == (1400, 720)  # 7 × 3.6 inches, 200 dots each
        assert image.convert("L").getextrema() != (255, 255)
    content = (tmp_path / "results/figures/losses.pdf").read_bytes()
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


def test_what_was_seen_shades_the_color_of_the_variant():
    seen = ["ec", *(f"ec, {condition}" for condition in get_args(Condition))]
    assert len({color_of(variant) for variant in seen}) == len(seen) == 5
    assert color_of("ec") == VARIANT_COLORS["ec"] and color_of("base, swapped") == "#003959"


def test_colours_tell_all_variants_apart():
    assert set(VARIANT_COLORS) == {"untuned", "base", "planning", "ec", "ec_planning", "chat model"}
    assert len(set(VARIANT_COLORS.values())) == 6
    assert len(set(KIND_COLORS)) == len(KIND_COLORS)
