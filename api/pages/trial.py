"""`/`: a page to try the service with: its fields, a place for the token, and the answer with its reasons."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import jinja2

from mirror.html_page import NOTICE, content_policy, inert_json

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Field:
    """A field of the form.

    Attributes:
        name: in the request.
        label: for people.
        kind: how it is given: a picture by choosing, dragging or pasting a file; text in one line or several; a number.
        hint: what it should hold, or an example.
        most: characters of a text, or the largest number.
        required: whether the service asks for it.
    """

    name: str
    label: str
    kind: Literal["picture", "line", "text", "number"]
    hint: str
    most: int = 0
    required: bool = True


@dataclass(frozen=True)
class Trial:
    """What a service's page lets people try.

    Attributes:
        path: where the form is sent.
        button: its label.
        fields: in order.
        answer: which kind of answer is shown.
    """

    path: str
    button: str
    fields: Sequence[Field]
    answer: Literal["verdict", "description"]


@dataclass(frozen=True)
class TrialPage:
    """A rendered page, and the content policy that it is sent with."""

    html: str
    policy: str


def trial_page(title: str, what: str, trial: Trial, asks_token: bool) -> TrialPage:
    """Renders the page.

    Args:
        title: of the service.
        what: the service in one sentence.
        trial: what people can try.
        asks_token: whether the service requires a bearer token; the page keeps it in memory only.
    """
    style, script = ((HERE / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.get_template("page.html").render(
        title=title,
        what=what,
        trial=trial,
        asks_token=asks_token,
        notice=NOTICE,
        style=style,
        script=script,
        data=inert_json(
            {"path": trial.path.lstrip("/"), "answer": trial.answer, "fields": list(map(asdict, trial.fields))}
        ),
    )
    policy = content_policy(style, script).replace("img-src data:", "img-src data: blob:")
    return TrialPage(html, f"{policy}; connect-src 'self'; frame-ancestors 'none'")
