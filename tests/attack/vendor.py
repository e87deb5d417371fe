"""The stand-in for a vendor: answers by content alone, fails as asked, and counts what was paid.

An answer is paid when it went out whole and could be used.
"""

import hashlib
import json
import threading
from collections import Counter

from mirror.prompts import FacialExpression, format_expression
from tests.killed_builds import WRITTEN_FOR
from tests.killed_builds import answer as written
from tests.openai_server import Body, Dropped, OpenAIServer, Request, Status, Text
from tests.rated_runs import rate

PAGE = Body(b"<!DOCTYPE html><html><body>Sign in</body></html>", "text/html")
FAULTS = {
    "500": Status(500, retry_after=0.05),
    "429": Status(429, retry_after=0.05),
    "an empty answer": Text(""),
    "no text": Text(None),
    "a page of HTML": PAGE,
    "no body": Body(b""),
    "a hang-up": Dropped(),
    "a hang-up within the answer": Dropped(after=40),
    "half a surrogate": Text("\ud83d"),
}
DESCRIBED = "Facial Expression Description"  # in the prompt of the describer
CUES = ("looks down", "smiles a little", "frowns", "sighs and looks away")


class Vendor:
    """A server at one address for as long as the attack takes, also after it was gone.

    Attributes:
        fault: what is answered instead, by its name; empty: nothing.
        times: how often each question gets the fault.
        share: of the questions that get it.
    """

    def __init__(self) -> None:
        self.paid: Counter[str] = Counter()
        self.fault, self.times, self.share = "", 0, 0.0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        with OpenAIServer() as server:
            self.url = server.url
        self._server = None

    def open(self) -> None:
        port = int(self.url.rsplit(":", 1)[1].split("/")[0])
        self._server = OpenAIServer(default=self._answer, port=port).__enter__()

    def close(self) -> None:
        if self._server:
            self._server.__exit__()
        self._server = None

    def begin(self) -> None:
        """Forgets what was asked, and is honest from here on."""
        self.paid.clear(), self._seen.clear()
        self.fault = ""

    def _answer(self, request: Request):
        content = json.dumps([request.body["messages"], request.body.get("seed")], sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        with self._lock:
            self._seen[digest] += 1
            fails = self.fault and self._seen[digest] <= self.times and int(digest[:4], 16) < self.share * 0x10000
            if fails:
                return FAULTS[self.fault]
            self.paid[digest] += 1
        if request.words.startswith(WRITTEN_FOR):
            return written(request)
        if DESCRIBED in request.words:  # whatever the seed: an attempt more changes no face
            shown = hashlib.sha256(request.words.encode()).hexdigest()[:4]
            return Text(format_expression(FacialExpression(f"a face of {shown}", "a broad smile")))
        rating = rate(request, value=int(digest[:8], 16) % 3)
        if rating.text != json.dumps({"reason": "because"}):
            return rating
        return Text(f"Client: [{CUES[int(digest[:8], 16) % len(CUES)]}] I keep thinking of number {digest[:6]}.")
