"""The style of all figures, and figures as files."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
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
DPI = 200  # of figures as files


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
