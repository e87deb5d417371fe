"""Contact sheets: the same clients and expressions side by side, the portrait first, then each painter's face."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from mirror.files.image_file import open_picture
from mirror.painting.attempts import AttemptRecord, Place, chosen
from mirror.painting.sitting import Sitting

LABEL, GAP, TEXT, FONT = 120, 10, 16, 13  # pixels: width of the row names, between pictures, a line, its letters
SMALLEST, LARGEST = 96, 168  # sides of a picture in pixels: the words below it need as much
REJECTED = "#D55E00"
LETTERS = 6.6  # pixels of a letter


@dataclass(frozen=True)
class Sheet:
    """What a sheet shows.

    Attributes:
        painters: the columns.
        sittings: the rows.
        searches: the attempts by painter, client and expression.
        folder: that the attempts' files are relative to.
    """

    painters: Sequence[str]
    sittings: Sequence[Sitting]
    searches: Mapping[Place, Sequence[AttemptRecord]]
    folder: Path

    def draw(self, side: int) -> Image.Image:
        """Draws the sheet.

        A face has its attempt below it if it is not the first. One that was still rejected at the last attempt is
        framed, with the reason; where all attempts were unsafe, there is no picture.

        Args:
            side: of a picture in pixels, changed to one from `SMALLEST` to `LARGEST`.
        """
        side = min(max(side, SMALLEST), LARGEST)
        heads = [textwrap.wrap(name, int(side / LETTERS)) or [""] for name in ("portrait", *self.painters)]
        top, height = GAP + TEXT * max(map(len, heads)), side + TEXT + GAP
        width = LABEL + len(heads) * (side + GAP) + GAP
        sheet = Image.new("RGB", (width, top + height * len(self.sittings) + GAP), "white")
        pen = ImageDraw.Draw(sheet)
        for column, lines in enumerate(heads):
            _write(pen, (_left(column, side), GAP // 2), lines)
        for row, sitting in enumerate(self.sittings):
            y = top + row * height
            label = [sitting.client, *textwrap.wrap(sitting.expression, int((LABEL - GAP) / LETTERS))]
            _write(pen, (GAP, y + side // 2 - TEXT), label)
            _paste(sheet, sitting.portrait, (_left(0, side), y), side)
            for column, painter in enumerate(self.painters, 1):
                self._face(sheet, pen, (painter, *sitting.key), (_left(column, side), y), side)
        return sheet

    def _face(
        self,
        sheet: Image.Image,
        pen: ImageDraw.ImageDraw,
        place: Place,
        at: tuple[int, int],
        side: int,
    ) -> None:
        shown = chosen(self.searches[place])
        if shown is None or shown.file is None:
            pen.rectangle((*at, at[0] + side, at[1] + side), outline=REJECTED, width=3)
            _write(pen, (at[0], at[1] + side), ["all unsafe"], REJECTED)
            return
        _paste(sheet, open_picture(self.folder / shown.file), at, side)
        outcome = shown.verdict.outcome
        if not shown.verdict.accepted:
            pen.rectangle((*at, at[0] + side - 1, at[1] + side - 1), outline=REJECTED, width=3)
            _write(pen, (at[0], at[1] + side), [outcome.replace("_", " ")], REJECTED)
        elif shown.number > 1:
            _write(pen, (at[0], at[1] + side), [f"attempt {shown.number}"], "#555555")


def spread(sittings: Sequence[Sitting], most: int) -> list[Sitting]:
    """At most so many sittings, evenly over the clients and, from client to client, over the expressions."""
    clients = list(dict.fromkeys(sitting.client for sitting in sittings))
    cues = list(dict.fromkeys(sitting.expression for sitting in sittings))
    number = min(most, len(sittings))
    wanted = [(clients[place * len(clients) // number], cues[place % len(cues)]) for place in range(number)]
    return [sitting for sitting in sittings if sitting.key in wanted]


def _left(column: int, side: int) -> int:
    return LABEL + column * (side + GAP)


def _paste(sheet: Image.Image, picture: Image.Image, at: tuple[int, int], side: int) -> None:
    sheet.paste(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), at)


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], lines: Sequence[str], color: str = "black") -> None:
    font = ImageFont.load_default(FONT)
    for number, line in enumerate(lines):
        pen.text((at[0], at[1] + number * TEXT), line, fill=color, font=font)
