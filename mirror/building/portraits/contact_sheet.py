"""Contact sheets: portraits side by side, and clients with the faces that were painted of them. All text is escaped."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from mirror.building.portrait import Portrait
from mirror.building.screenplays import Screenplay
from mirror.files.image_file import PictureError, data_url, open_picture

PORTRAIT, FACE = 112, 72  # pixels, the side of a picture
MOST = 24
Shown = TypeVar("Shown")
STYLE = f"""<style>
.sheet {{display: flex; flex-wrap: wrap; gap: 1em 1.2em; align-items: flex-start; line-height: 1.35; font-size: 90%}}
.sheet figure {{margin: 0; width: {PORTRAIT + 16}px; overflow-wrap: anywhere}}
.sheet figure.face {{width: {FACE}px; font-size: 85%; text-align: center}}
.sheet img, .sheet .none {{display: block; border-radius: 5px; margin: 0 0 .3em; object-fit: cover}}
.sheet .none {{border: 1px dashed; opacity: .6; padding: .4em; box-sizing: border-box; overflow: hidden}}
.sheet section {{display: flex; gap: .8em; flex: 1 1 100%; border-top: 1px solid #8884; padding-top: .8em}}
.sheet .faces {{display: flex; flex-wrap: wrap; gap: .5em; align-content: flex-start; flex: 1}}
</style>"""


def portrait_sheet(portraits: Sequence[Portrait], most: int = MOST) -> str:
    """Shows portraits with name, gender and age.

    Args:
        portraits: in the order in which they are shown.
        most: at most so many are shown, spread evenly over all.
    """
    shown = _spread(portraits, most)
    figures = "".join(_figure(one, []) for one in shown)
    return _sheet(figures, len(shown), len(portraits), "portraits")


def client_sheet(screenplays: Sequence[Screenplay], most: int = MOST) -> str:
    """Shows clients: portrait, name, gender and age, and beside them the painted faces by position of their line.

    Args:
        screenplays: with portraits, in the order in which they are shown; without pictures there are no faces yet.
        most: at most so many are shown, spread evenly over all.
    """
    shown = _spread(screenplays, most)
    return _sheet("".join(map(_client, shown)), len(shown), len(screenplays), "clients")


def _client(screenplay: Screenplay) -> str:
    said = [screenplay.idx, _described(screenplay.info.gender, screenplay.info.age, "the client")]
    portrait = _figure(screenplay.portrait, said) if screenplay.portrait else _caption(said)
    faces = "".join(
        f"<figure class='face'>{_picture(path, FACE)}line {line}</figure>"
        for line, path in sorted(screenplay.pictures.items())
    )
    return f"<section>{portrait}<div class='faces'>{faces}</div></section>" if faces else portrait


def _figure(portrait: Portrait, above: Sequence[str]) -> str:
    name = portrait.name if portrait.person == portrait.name else f"{portrait.name}, person {portrait.person}"
    described = _described(portrait.gender, portrait.age, "the portrait" if above else "")
    return f"<figure>{_picture(portrait.files[0], PORTRAIT)}{_caption([*above, name, described])}</figure>"


def _described(gender: str, age: int | None, whose: str) -> str:
    known = ", ".join([gender or "gender unknown", "age unknown" if age is None else str(age)])
    return f"{whose}: {known}" if whose else known


def _caption(lines: Sequence[str]) -> str:
    first, *rest = map(html.escape, lines)
    return "<br>".join([f"<b>{first}</b>", *rest])


def _picture(path: Path, side: int) -> str:
    size = f"style='width:{side}px;height:{side}px'"
    try:
        return f"<img src='{data_url(open_picture(path), side)}' {size} alt='{html.escape(path.name, quote=True)}'>"
    except PictureError as error:
        return f"<div class='none' {size}>{html.escape(error.fault)}</div>"


def _spread(items: Sequence[Shown], most: int) -> list[Shown]:
    number = min(most, len(items))
    return [items[place * len(items) // number] for place in range(number)]


def _sheet(content: str, shown: int, number: int, what: str) -> str:
    note = f"<p>{shown} of {number:,} {what}</p>" if shown < number else ""
    return f"{STYLE}<div class='sheet'>{content}</div>{note}"
