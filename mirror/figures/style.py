"""The style of all figures, and figures as files."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

# One color per variant in every figure: the palette of Okabe and Ito, which color-blind readers can tell apart.
VARIANT_COLORS = {
    "untuned": "#000000",
    "base": "#0072B2",
    "planning": "#E69F00",
    "ec": "#009E73",
    "ec_planning": "#CC79A7",
    "chat model": "#D55E00",
}
# What was seen in place of the client's face: how much of which other color is mixed into the variant's.
SHADES = {
    "swapped": (0.5, "black"),
    "neutral": (0.45, "white"),
    "blank": (0.7, "white"),
    "cue": (0.75, "black"),
}
DPI = 200  # of figures as files


def color_of(variant: str) -> str:
    """Returns the color of a variant, or its shade where the counselor saw something else than the client's face.

    Args:
        variant: as `mirror.transcripts.arm.Arm.variant` has it, such as `ec_planning` or `ec_planning, swapped`.
    """
    name, _, seen = variant.partition(", ")
    if not seen:
        return VARIANT_COLORS[name]
    share, other = SHADES[seen]
    mixed = zip(to_rgb(VARIANT_COLORS[name]), to_rgb(other), strict=True)
    return to_hex([(1 - share) * own + share * added for own, added in mixed])


def figure(width: float = 7.0, height: float = 3.6) -> tuple[Figure, Axes]:
    """Creates an empty figure in the style of this project.

    Args:
        width, height: in inches.
    """
    fig, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    return fig, ax


def save(fig: Figure, folder: Path, name: str) -> None:
    """Writes `<name>.png` (200 dots per inch) and `<name>.pdf` into `folder`, which is created if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    _lay_out(fig)
    for ending in ("png", "pdf"):
        fig.savefig(folder / f"{name}.{ending}", dpi=DPI)


def png(fig: Figure) -> bytes:
    """Renders the figure as PNG (110 dots per inch) and closes it, so that a notebook does not show it again."""
    buffer = io.BytesIO()
    _lay_out(fig)
    fig.savefig(buffer, format="png", dpi=110)
    plt.close(fig)
    return buffer.getvalue()


def _lay_out(fig: Figure) -> None:
    """Places all parts for good; else each file is drawn twice, once for its layout, which takes as long."""
    if (layout := fig.get_layout_engine()) is None:
        return
    shown, fig.dpi = fig.dpi, DPI
    layout.execute(fig)
    fig.dpi = shown
    fig.set_layout_engine(None)
