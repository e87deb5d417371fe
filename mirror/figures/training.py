"""Figures and tables of a training run: losses, lengths of records, replies, prompt templates."""

import html
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from mirror.figures.html_table import escaped, face, html_table
from mirror.figures.style import VARIANT_COLORS
from mirror.prompts import PromptSet

KIND_COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]


def loss_curve(losses: pd.DataFrame, ax: Axes, cot: str) -> Axes:
    """Draws the loss over epochs: a line for training (every step), points for held-out records (end of each epoch).

    Args:
        losses: epoch, train, held_out (in nats per answer token), one row per step.
        ax: where to draw.
        cot: the variant, which decides the color.
    """
    color = VARIANT_COLORS[cot]
    train, held_out = losses.dropna(subset=["train"]), losses.dropna(subset=["held_out"])
    ax.plot(train["epoch"], train["train"], color=color, alpha=0.45, linewidth=1.2, label="trained on, each step")
    if len(held_out):
        ax.plot(held_out["epoch"], held_out["held_out"], "o-", color=color, markersize=6, label="held out")
    curve, name = (held_out["held_out"], "held-out") if len(held_out) else (train["train"], "training")
    first, last = curve.iloc[0], curve.iloc[-1]
    verb = "falls" if last < first else "does not fall"
    ax.set_title(f"The {name} loss {verb}: {first:.2f} → {last:.2f}", loc="left")
    ax.set_xlabel("epochs")
    ax.set_ylabel("loss, nats per answer token\n(lower is better)")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def token_lengths(lengths: pd.DataFrame, ax: Axes, max_length: int) -> Axes:
    """Draws a histogram of the lengths of the records by kind.

    Args:
        lengths: kind, tokens (image tokens included), one row per record.
        ax: where to draw.
        max_length: the longest length that is trained on, in tokens.
    """
    kinds = sorted(lengths["kind"].unique())
    groups = [lengths.loc[lengths["kind"] == kind, "tokens"] for kind in kinds]
    colors = [KIND_COLORS[i % len(KIND_COLORS)] for i in range(len(kinds))]
    ax.hist(groups, bins=30, stacked=True, color=colors, label=kinds)
    longest = lengths["tokens"].max()
    ax.set_title(f"The longest record has {longest:,} of at most {max_length:,} tokens", loc="left")
    ax.set_xlabel("tokens in a record, with the image's")
    ax.set_ylabel("records")
    ax.legend(frameon=False)
    return ax


def replies(table: pd.DataFrame) -> str:
    """Builds an HTML table of replies side by side, all text escaped.

    Args:
        table: image (a path), kind, prompt, expected, before, after; of the prompt, the last utterance is shown.
    """
    heads = ("the client's face", "last said", "in the data", "before training", "after training")
    columns = (table[name].tolist() for name in ("image", "kind", "prompt", "expected", "before", "after"))
    rows = [
        (f"{face(Path(image))}<br>{html.escape(kind)}", *map(escaped, (_last_utterance(prompt), *texts)))
        for image, kind, prompt, *texts in zip(*columns, strict=True)
    ]
    return html_table(heads, rows)


def _last_utterance(prompt: str) -> str:
    utterances = [line for line in prompt.splitlines() if line.startswith(("Client:", "Therapist:"))]
    return utterances[-1] if utterances else "(nothing yet)"


def templates(prompts: PromptSet) -> str:
    """Builds an HTML table of the prompt templates, one row per kind.

    Columns: kind, who worded it, number of records, share of the records that the templates reproduce, number of
    templates, the most common one.
    """
    heads = ("kind", "worded by", "records", "reproduced", "templates", "the most common one")
    rows = [
        (
            html.escape(kind),
            "the data" if prompts.records[kind] else "this project",
            str(prompts.records[kind]),
            f"{prompts.share[kind]:.1%}" if prompts.records[kind] else "–",
            str(len(counted)),
            f"<pre>{html.escape(counted[0].template.text)}</pre>",
        )
        for kind, counted in prompts.templates.items()
        if counted
    ]
    return html_table(heads, rows)
