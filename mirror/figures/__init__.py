"""Figures and HTML tables: a table and axes in, the axes out.

Here are style and training; `mirror.figures.page` shows a run of sessions, `mirror.analysis.figures` a study.
"""

import html
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mirror.files.image_file import data_url, open_picture
from mirror.prompts import PromptSet

# One colour a variant everywhere (Okabe and Ito's palette, told apart by colour-blind readers).
COLOURS = {"untuned": "#000000", "base": "#0072B2", "planning": "#E69F00", "ec": "#009E73", "ec_planning": "#CC79A7"}
KIND_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]
TABLE_STYLE = (
    "<style>.wide td, .wide th {text-align: left !important; vertical-align: top; max-width: 24em; "
    "white-space: normal; padding: .5em .8em} "
    ".wide pre {text-align: left; white-space: pre-wrap; margin: 0; font-size: 90%}</style>"
)
FACE = 112  # pixels, the side of a face in a table


def figure(width: float = 7.0, height: float = 3.6) -> tuple[Figure, Axes]:
    """An empty figure (inches) in this project's style."""
    fig, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    return fig, ax


def save(fig: Figure, folder: Path, name: str) -> None:
    """Writes `<name>.png` (200 dots an inch) and `<name>.pdf` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ("png", "pdf"):
        fig.savefig(folder / f"{name}.{ending}", dpi=200)


def png(fig: Figure) -> bytes:
    """The figure as a picture, for a page; a notebook does not show it a second time."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=110)
    plt.close(fig)
    return buffer.getvalue()


def loss_curve(losses: pd.DataFrame, ax: Axes, cot: str) -> Axes:
    """Loss over epochs, train (a line, every step) and held-out (points, each epoch's end).

    `losses` has the columns epoch, train and held_out, in nats per answer token, one row per step.
    """
    colour = COLOURS[cot]
    train, held_out = losses.dropna(subset="train"), losses.dropna(subset="held_out")
    ax.plot(train.epoch, train.train, color=colour, alpha=0.45, linewidth=1.2, label="trained on, each step")
    if len(held_out):
        ax.plot(held_out.epoch, held_out.held_out, "o-", color=colour, markersize=6, label="held out")
    curve, name = (held_out.held_out, "held-out") if len(held_out) else (train.train, "training")
    first, last = curve.iloc[0], curve.iloc[-1]
    verb = "falls" if last < first else "does not fall"
    ax.set_title(f"The {name} loss {verb}: {first:.2f} → {last:.2f}", loc="left")
    ax.set_xlabel("epochs")
    ax.set_ylabel("loss, nats per answer token\n(lower is better)")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def token_lengths(lengths: pd.DataFrame, ax: Axes, max_length: int) -> Axes:
    """Histogram of the records' lengths by kind. `lengths` has the columns kind and tokens (with the image's)."""
    kinds = sorted(lengths.kind.unique())
    groups = [lengths.tokens[lengths.kind == kind] for kind in kinds]
    ax.hist(
        groups,
        bins=30,
        stacked=True,
        color=[KIND_COLOURS[i % len(KIND_COLOURS)] for i in range(len(kinds))],
        label=kinds,
    )
    longest = lengths.tokens.max()
    ax.set_title(f"The longest record has {longest:,} of at most {max_length:,} tokens", loc="left")
    ax.set_xlabel("tokens in a record, with the image's")
    ax.set_ylabel("records")
    ax.legend(frameon=False)
    return ax


def replies(table: pd.DataFrame) -> str:
    """An HTML table of answers side by side, all text escaped.

    `table` has the columns image (a path), kind, prompt, expected, before and after. Of the prompt, the last line
    that somebody said is shown.
    """
    rows = ""
    for row in table.itertuples():
        face = f"<img src='{face_url(Path(row.image))}' width={FACE} alt='face'><br>{html.escape(row.kind)}"
        texts = (_last_words(row.prompt), row.expected, row.before, row.after)
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in (face, *map(escaped, texts))) + "</tr>"
    heads = ("the client's face", "last said", "in the data", "before training", "after training")
    return f"{TABLE_STYLE}<table class='wide'><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"


def _last_words(prompt: str) -> str:
    said = [line for line in prompt.splitlines() if line.startswith(("Client:", "Therapist:"))]
    return said[-1] if said else "(nothing yet)"


def templates(prompts: PromptSet) -> str:
    """An HTML table of the prompt templates: kind, whose words, records, the share reproduced, the most common one."""
    share = prompts.share
    rows = "".join(
        f"<tr><td>{html.escape(kind)}</td><td>{'the data' if prompts.records[kind] else 'this project'}</td>"
        f"<td>{prompts.records[kind]}</td><td>{f'{share[kind]:.1%}' if prompts.records[kind] else '–'}</td>"
        f"<td>{len(counted)}</td><td><pre>{html.escape(counted[0].template.text)}</pre></td></tr>"
        for kind, counted in prompts.templates.items()
        if counted
    )
    heads = ("kind", "worded by", "records", "reproduced", "templates", "the most common one")
    return f"{TABLE_STYLE}<table class='wide'><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"


def escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def face_url(path: Path) -> str:
    return data_url(open_picture(path), 2 * FACE)


def identity_scores(scores: pd.DataFrame, ax: Axes, threshold: float) -> Axes:
    """Histograms of the cosines of same and of different persons, with the threshold between them.

    `scores` has the columns score (a cosine) and same (whether both pictures show one person), one row per pair.
    """
    same, different = scores.score[scores.same], scores.score[~scores.same]
    bins = np.linspace(scores.score.min(), scores.score.max(), 61)
    for values, colour, name in ((different, "#E69F00", "different persons"), (same, "#0072B2", "the same person")):
        weights = np.full(len(values), 100 / len(values))
        ax.hist(values, bins, weights=weights, color=colour, alpha=0.6, label=f"{name} (n = {len(values):,})")
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
