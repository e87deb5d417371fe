"""A painter that writes into each picture what it was asked for, so that it can be read back from the set.

The face is that of the portrait, so that the real models read its gender and age; the last rows hold the seed of the
attempt, and digests of the portrait and the prompt.
"""

import hashlib

from PIL import Image

from mirror.files.image_file import open_picture
from mirror.seeds import seed_for
from mirror.transcripts.verdict import Verdict

SIZE, ROWS = 112, 2  # pixels of a picture's side; rows that hold the mark
MARK = 24  # bytes


class MarkedPainter:
    """Paints the portrait with a mark, for some seeds in gray or as somebody else.

    Attributes:
        blank: seeds of attempts without a face.
        others: seeds of attempts that show `other`.
    """

    batch_sizes = (1, 2, 4, 8)

    def __init__(self, other=None, blank=(), others=()):
        self.other, self.blank, self.others = other, set(blank), set(others)

    def facts(self):
        return {"painter": "marked", "device": "cpu"}

    def check(self, request):
        pass

    def paint(self, requests):
        return [self._image(request) for request in requests]

    def _image(self, request):
        shown = request.portraits[0] if request.seed not in self.others else open_picture(self.other)
        image = shown.convert("RGB").resize((SIZE, SIZE))
        if request.seed in self.blank:
            image = Image.new("RGB", (SIZE, SIZE), "gray")
        data = bytearray(image.tobytes())
        data[-ROWS * SIZE * 3 :] = bytes(ROWS * SIZE * 3)
        data[-MARK:] = mark(request.seed, request.portraits[0], request.prompt)
        return Image.frombytes("RGB", (SIZE, SIZE), bytes(data))


class Trusting:
    """Accepts every face; gender and age are checked by others."""

    def facts(self):
        return {"verifier": "trusting"}

    def verify(self, requests):
        return [Verdict(outcome="accepted", checks=()) for _ in requests]


def mark(seed, portrait, prompt) -> bytes:
    return seed.to_bytes(8, "big") + _short(portrait.convert("RGB").tobytes()) + _short(prompt.encode())


def read_mark(path) -> bytes:
    with Image.open(path) as picture:
        return picture.convert("RGB").tobytes()[-MARK:]


def seeds(run_seed, idx, line, attempts=10):
    """Those of all attempts at one line."""
    return [seed_for(run_seed, "face", idx, line, number) for number in range(1, attempts + 1)]


def _short(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:8]
