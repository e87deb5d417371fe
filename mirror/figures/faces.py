"""Figures of the faces: how well a threshold separates persons."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

SAME, DIFFERENT = "#0072B2", "#E69F00"


def identity_scores(scores: pd.DataFrame, ax: Axes, threshold: float) -> Axes:
    """Draws histograms of the cosines of same and of different persons, and the threshold between them.

    Args:
        scores: score (the cosine of two face embeddings, from -1 to 1), same (whether both images show one person);
            one row per pair.
        ax: where to draw.
        threshold: pairs at or above it are taken for one person.
    """
    same, different = scores.loc[scores["same"], "score"], scores.loc[~scores["same"], "score"]
    bins = np.linspace(scores["score"].min(), scores["score"].max(), 61).tolist()
    for values, color, name in ((different, DIFFERENT, "different persons"), (same, SAME, "the same person")):
        weights = np.full(len(values), 100 / len(values))
        ax.hist(values, bins, weights=weights, color=color, alpha=0.6, label=f"{name} (n = {len(values):,})")
    ax.axvline(threshold, color="0.2", linestyle="--", linewidth=1.2)
    ax.set_title(
        f"Above {threshold:.2f}: {100 * (same >= threshold).mean():.1f}% of pairs of one person, "
        f"{100 * (different >= threshold).mean():.1f}% of two",
        loc="left",
    )
    ax.set_xlabel("cosine of the face embeddings (higher: more alike)")
    ax.set_ylabel("pairs, % of their kind")
    ax.legend(frameon=False)
    return ax
