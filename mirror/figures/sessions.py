"""The figure of a run: the faces that its clients showed, turn by turn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from mirror.files.image_file import open_picture
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

CELL = 100  # pixels, the side of a face
GAP = 6  # pixels between two faces
EMPTY = "white"
NOT_ACCEPTED = "#D55E00"


def faces_by_turn(sessions: Sequence[SessionFolder], ax: Axes, most: int = 12) -> Axes:
    """Draws the faces of each session in a row, turn by turn; those that no attempt was accepted for have a frame.

    Args:
        sessions: of a run, with at least one turn in all.
        ax: where to draw.
        most: the number of sessions that are shown, the first ones.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    shown = {session: session.turns() for session in sessions[:most]}
    columns = max(len(turns) for turns in shown.values())
    step = CELL + GAP
    canvas = Image.new("RGB", (columns * step, len(shown) * step), EMPTY)
    for row, (session, turns) in enumerate(shown.items()):
        for column, turn in enumerate(turns):
            if turn.face:
                face = open_picture(session.folder / turn.face.file).convert("RGB").resize((CELL, CELL))
                canvas.paste(face, (column * step, row * step))
                if turn.face.exhausted:
                    frame = (column * step, row * step), CELL, CELL
                    ax.add_patch(Rectangle(*frame, fill=False, edgecolor=NOT_ACCEPTED, linewidth=2.5))
    ax.imshow(np.asarray(canvas))
    middles = [place * step + CELL / 2 for place in range(max(columns, len(shown)))]
    ax.set_xticks(middles[:columns], [str(number) for number in range(1, columns + 1)])
    ax.set_yticks(middles[: len(shown)], [_client(session) for session in shown])
    ax.set_xlabel("turn")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    more = f" (the first {most} of {len(sessions):,} sessions are shown)" if len(sessions) > most else ""
    ax.set_title(_claim([turn for session in sessions for turn in session.turns()]) + more, loc="left", fontsize=11)
    return ax


def _client(session: SessionFolder) -> str:
    """The client's name, or the session's, and the resistance: `Tess, no resistance`."""
    client = session.client or {}
    resistance = {"none": "no resistance"}.get(client.get("resistance", ""), client.get("resistance") or "")
    return ", ".join(filter(None, (client.get("name") or session.folder.name, resistance)))


def _claim(turns: Sequence[Turn]) -> str:
    painted = [turn.face for turn in turns if turn.face and turn.face.is_painted]
    if not painted:
        return "No face was painted: these were recorded"
    accepted = [face for face in painted if not face.exhausted]
    at_once = sum(face.chosen == 1 for face in accepted)
    return f"{len(accepted):,} of {len(painted):,} faces were accepted, {at_once:,} at the first attempt"
