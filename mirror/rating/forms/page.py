"""The HTML form of one rater: one file that needs no network, keeps answers in the browser, and exports them as JSON.

The content security policy forbids network access and any script but the page's own. Texts are data in an inert
element; the script only ever sets them as text.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from mirror.html_page import NOTICE, content_policy, inert_json
from mirror.rating.forms.answers import FORMAT, VERSION
from mirror.rating.forms.form import RESEARCH, Form

HERE = Path(__file__).parent


def form_page(form: Form) -> str:
    """Renders the form."""
    style, script = ((HERE / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(
        title=form.instrument.title,
        task=form.instrument.task.strip(),
        source=form.instrument.source.strip(),
        research=RESEARCH,
        care=NOTICE,
        legend=form.legend,
        items=form.instrument.items,
        anchors=sorted(form.instrument.scale.anchors.items()),
        digits=[value for value in form.instrument.scale.values if 0 <= value <= 9],
        rater=form.rater,
        count=len(form.sessions),
        data=inert_json(form_data(form)),
        style=style,
        script=script,
        policy=content_policy(style, script),
    )


def form_data(form: Form) -> dict[str, Any]:
    """Returns what the script of the page works on; every face is there once, however many parts show it."""
    scale = form.instrument.scale
    return {
        "format": FORMAT,
        "version": VERSION,
        "form": form.id,
        "rater": form.rater,
        "instrument_sha256": form.instrument_sha256,
        "title": form.instrument.title,
        "items": [{"id": item.id, "text": (item.text or item.id).strip()} for item in form.instrument.items],
        "values": list(scale.values),
        "anchors": {str(value): words for value, words in sorted(scale.anchors.items())},
        "sessions": [
            {"code": code, "parts": list(parts), "turns": [asdict(turn) for turn in turns]}
            for code, (parts, turns) in form.sessions.items()
        ],
    }
