"""Small screenplays, and members that describe, paint and verify at once and depend on nothing but the request."""

import hashlib
import itertools
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from PIL import Image

from mirror.building.pictures import OwnStudio, Pictures
from mirror.building.portrait import Portrait
from mirror.building.screenplays import ClientInfo, Line, Screenplay
from mirror.faces.description import Description
from mirror.transcripts.verdict import Verdict

COLORS = ("tan", "peru", "sienna", "linen", "wheat", "bisque")


def screenplay(number: int, folder: Path, turns: int = 3, **changes) -> Screenplay:
    """`turns` lines of the client, each answered; the portrait is a picture in `folder`."""
    path = folder / f"{number:06}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), COLORS[number % len(COLORS)]).save(path)
    lines = [
        Line(speaker, "looks away" if speaker == "client" else "", f"{speaker} {turn} of {number}")
        for turn in range(turns)
        for speaker in ("client", "therapist")
    ]
    portrait = Portrait(path.stem, (path,), path.stem, "woman")
    values = {"technique": "", "plan": (), "lines": tuple(lines), "portrait": portrait} | changes
    return Screenplay(f"cactus-{number}-no-resistance", ClientInfo(""), **values)


class Describer:
    """Answers with the words; fails where they are in `fails`; counts what it was asked."""

    def __init__(self, fails=()):
        self.fails, self.asked = set(fails), Counter()

    def facts(self):
        return {"describer": "fast"}

    def describe(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        words = request.utterance.words
        self.asked[words] += 1
        if words in self.fails:
            return ConnectionError(f"no answer to {words}")
        return Description(expression=f"face of {words}", contrast="joy", response="", model="fast")


class Painter:
    """Paints the seed into the picture; counts what it painted."""

    batch_sizes = tuple(range(1, 65))

    def __init__(self):
        self.painted, self.batches = Counter(), []

    def facts(self):
        return {"painter": "fast", "device": "cpu"}

    def check(self, request):
        pass

    def paint(self, requests):
        self.batches.append(len(requests))
        self.painted.update(request.seed for request in requests)
        return [self._image(request) for request in requests]

    def _image(self, request):
        return Image.frombytes(
            "RGB", (16, 16), hashlib.shake_128(f"{request.seed}{request.prompt}".encode()).digest(768)
        )


class Verifier:
    """Decides by the picture alone: of 16, so many are accepted, and so many of the others are unsafe."""

    def __init__(self, accepted=8, unsafe=2, broken=()):
        self.accepted, self.unsafe, self.broken = accepted, unsafe, set(broken)

    def facts(self):
        return {"verifier": "fast", "accepted": self.accepted, "unsafe": self.unsafe}

    def verify(self, requests):
        return [self._verdict(request) for request in requests]

    def _verdict(self, request):
        value = request.image.tobytes()[0] % 16
        if request.statement in self.broken:
            return ConnectionError("the filter is down")
        if value < self.accepted:
            return Verdict(outcome="accepted")
        return Verdict(outcome="unsafe" if value < self.accepted + self.unsafe else "irrelevant")


def pictures(folder: Path, **options) -> Pictures:
    """A `Pictures` of fast members, unless others are given."""
    members = {"describer": Describer(), "painter": Painter(), "verifier": Verifier()}
    own = {name: options.pop(name) for name in (*members, "width", "concurrency") if name in options}
    return Pictures(folder, OwnStudio(**members | own), **{"attempts": 3, "seed": 4} | options)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of the dialogues by name; locks left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }


def main() -> None:
    """`python -m tests.painted_dialogues <folder> <portraits> <n> …`: paints until the n-th write, and is killed there.

    Every start is a fork of this process, which has imported everything already; prints how each of them ended.
    """
    folder, portraits, *places = sys.argv[1:]
    for policy in ("drop_dialogue", "keep_best"):
        for place in map(int, places):
            if not (child := os.fork()):
                kill_at_write(place)
                made = pictures(Path(folder, policy), on_exhaustion=policy, width=2)
                made.make([screenplay(number, Path(portraits)) for number in range(6)])
                os._exit(0)
            _, status = os.waitpid(child, 0)
            print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


def kill_at_write(place: int) -> None:
    """SIGKILL for this process before the `place`-th time that it syncs a file.

    Everything that is to outlive the process is synced, so that these are the moments at which the disk changes.
    """
    sync, count = os.fsync, itertools.count(1)

    def counted(file: int) -> None:
        if next(count) == place:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(file)

    os.fsync = counted


if __name__ == "__main__":
    main()
