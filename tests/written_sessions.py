"""Clients to write sessions for, and what a chat model answers: sessions that can be parsed, and faults of vendors."""

import re
from pathlib import Path

from mirror.building.screenplays import ClientInfo, Screenplay
from mirror.building.screenplays.parsing import parse_screenplay
from mirror.building.screenplays.writing.writer import SAMPLING, Writer
from mirror.chat.endpoint import ChatEndpoint
from tests.openai_server import Text

PLAN = ("Look at the week.", "Draw the chart.")


def client(number, **info):
    fields = {"personal_info": f"Person {number}, a baker", "reason": "Sleeps badly.", "distorted_thought": "I fail."}
    return Screenplay(f"cactus-{number}", ClientInfo(**fields | info), "Pie Chart Technique", PLAN)


def session(who):
    return f"Client: [looks down]\nTherapist: I see {who}.\nClient: [nods slowly] It is so.\nTherapist: Let us look."


def written(request):
    """The server's answer: a session about the person of the prompt."""
    return Text(session(person(request)))


def person(request):
    return re.search(r"Person \d+", request.words)[0]


def parse(text):
    return parse_screenplay(text, "merge")


def endpoint(url, retries=0, **sampling):
    return ChatEndpoint("some-model", url, "key", retries=retries, concurrency=1, timeout=20, **SAMPLING | sampling)


def writer(url, folder: Path, concurrency=4, seed=42, **options):
    return Writer(endpoint(url, **options), folder, parse, seed=seed, concurrency=concurrency)
