"""The panel as a page of its own, for a browser on this machine.

A small page over starlette, which the services use already, not Voilà, Panel or Solara: one file of HTML, style and
script that a test can drive, works without any network, and needs no further package. The notebook has widgets instead
of this page in a frame, because a remote hub opens no port to the browser: its widgets talk through the kernel. Both
show the same `mirror.exploration.chat.Chat`, and the same HTML of every exchange.
"""

from pathlib import Path

import jinja2

from mirror.clients.lexicon import lexicon
from mirror.exploration import view
from mirror.exploration.chat import Chat
from mirror.exploration.comparison import question
from mirror.html_page import NOTICE, content_policy

HERE = Path(__file__).parent
CUES = tuple(f"looks {name}" for name in lexicon().entries)  # that the lexicon can read


def chat_page(chat: Chat) -> tuple[str, str]:
    """The page, and its content security policy: it asks nobody but its own server."""
    style = (Path(view.__file__).with_name("page.css").read_text(encoding="utf-8")) + _read("page.css")
    script = _read("page.js")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    explored = chat.exploration
    page = environment.get_template("page.html").render(
        style=style,
        script=script,
        notice=NOTICE,
        cues=CUES,
        clients=[(p.idx, f"{p.name or 'Client'} · {p.idx} · {p.resistance}") for p in explored.profiles.values()],
        rater=explored.explored.rater,
        question=question() if explored.is_comparison else "",
    )
    policy = f"{content_policy(style, script)}; connect-src 'self'; frame-ancestors 'none'"
    return page, policy


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
