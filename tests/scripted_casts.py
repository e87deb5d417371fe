"""A real exploration over a cast that answers at once: its members wait at a gate, or fail, where a test says so."""

import threading
from dataclasses import replace

from PIL import Image

from mirror.clients.client import ScriptedClient
from mirror.counseling.cast import Cast
from mirror.counseling.reply import Reply
from mirror.exploration.run import Exploration
from mirror.exploration.settings import ExploreSettings
from mirror.faces.description import LexiconDescriber
from mirror.transcripts.verdict import Check, Verdict
from tests import ROOT

PORTRAIT = min((ROOT / "pocket/data/test_images").rglob("*.png"))
PARAMETERS = {
    "configuration": str(ROOT / "params/counsel/pocket-llava.yaml"),
    "checkpoint": "",
    "cot": "",
    "client": "61",
    "turns": 1,
    "cue": "",
    "words": "",
    "seed": 3,
}


class Member:
    """Raises `fault` if there is one; notes what it was asked, and waits for its gate."""

    def __init__(self):
        self.fault, self.asked, self.gate = None, [], threading.Event()
        self.begun = threading.Event()
        self.gate.set()

    def ask(self, *requests):
        self.asked += requests
        self.begun.set()
        assert self.gate.wait(60)
        if self.fault:
            raise self.fault

    def warm_up(self, count):
        pass

    def facts(self):
        return {"model": type(self).__name__}


class Painter(Member):
    """Paints a square whose color is that of the attempt's seed."""

    batch_sizes = (1,)

    def check(self, request):
        if request.portraits[0].size == (9, 9):
            raise ValueError("the portrait shows no face; use a photograph of one person")

    def paint(self, requests):
        self.ask(*requests)
        return [Image.new("RGB", (16, 16), (request.seed % 200, 90, 90)) for request in requests]


class Verifier(Member):
    """Accepts every `accepts`-th face."""

    accepts = 2

    def verify(self, requests):
        self.ask(*requests)
        found = []
        for place in range(len(requests)):
            good = (len(self.asked) - len(requests) + place + 1) % self.accepts == 0
            check = Check(name="relevant", passed=good, score=0.5 if good else 0.1, threshold=0.4, model="clip")
            found.append(Verdict(outcome="accepted" if good else "irrelevant", checks=(check,)))
        return found


class Counselor(Member):
    """Repeats the client's words, in a way of its own."""

    def __init__(self, way="I hear"):
        super().__init__()
        self.way = way

    def reply(self, requests):
        self.ask(*requests)
        return [
            Reply(
                words=f"{self.way}: {request.utterance.words}",
                caption="Looks sad",
                prompts={"response": f"secret of {self.way}"},
                raw={"response": f"{self.way}: {request.utterance.words} {request.attempt_seed('response', 1)}"},
            )
            for request in requests
        ]


def scripted_cast():
    return Cast(ScriptedClient(), LexiconDescriber(), Painter(), Verifier(), Counselor(), attempts=3)


def scripted_exploration(folder, compare=False, **changes):
    """An exploration without models; `compare` with a second counselor, whose file is written to `folder`."""
    given = PARAMETERS | changes
    cast = scripted_cast()
    casts = (cast,)
    if compare:
        text = (ROOT / "params/counsel/pocket-llava.yaml").read_text(encoding="utf-8")
        (folder / "thinker.yaml").write_text(text.replace("cot: base", "cot: planning"), encoding="utf-8")
        given |= {"against": str(folder / "thinker.yaml")}
        casts = (cast, replace(cast, counselor=Counselor("You say")))
    exploration = Exploration(ExploreSettings.checked(given, "parameter"))
    exploration.__dict__ |= {"cast": cast, "casts": casts}  # in the place of models
    return exploration
