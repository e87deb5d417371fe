"""Looking at portraits once: what was seen is kept by the file's content and the models."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from mirror.building.portraits.inspection import Inspection, Inspector
from mirror.files.digests import digest
from mirror.files.json_lines import JsonLinesError


class Attributes:
    """Sees as many faces as the picture has hundreds of pixels in width."""

    def __init__(self, model="m"):
        self.model, self.looks = model, 0

    def read(self, image):
        self.looks += 1
        return [SimpleNamespace(gender="woman", age=30 + n) for n in range(image.width // 100)]

    def facts(self):
        return {"model": self.model}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in/below").mkdir(parents=True)
    for name, width in (("none", 64), ("one", 120), ("below/two", 220)):
        Image.new("RGB", (width, 64)).save(tmp_path / f"in/{name}.png")
    (tmp_path / "in/text.png").write_text("no picture")
    return tmp_path / "in"


def inspect(folder, name, journal=None, attributes=None):
    return Inspector(folder, attributes, journal).inspect(folder / name)


def test_one_face_can_be_used_and_is_described(folder):
    found = inspect(folder, "one.png", attributes=Attributes())
    assert found == Inspection("", "", digest(folder / "one.png")["sha256"], "woman", 30)


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("none.png", "no_face", "shows no face, needed is one"),
        ("below/two.png", "several_faces", "shows 2 faces, needed is one"),
        ("text.png", "unreadable", "not a picture"),
        ("gone.png", "unreadable", "cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_used_says_why(name, reason, detail, folder):
    found = inspect(folder, name, attributes=Attributes())
    assert found.reason == reason and (found.gender, found.age) == ("", None)
    assert detail in found.detail or reason == "unreadable"
    assert bool(found.content) == (name != "gone.png")


def test_without_attributes_faces_are_not_counted(folder):
    assert inspect(folder, "below/two.png") == Inspection(content=digest(folder / "below/two.png")["sha256"])
    assert inspect(folder, "text.png").reason == "unreadable"


def test_a_portrait_is_looked_at_once_whatever_stops_in_between(folder, tmp_path):
    attributes, journal = Attributes(), tmp_path / "seen.jsonl"
    first = [inspect(folder, name, journal, attributes) for name in ("one.png", "one.png", "below/two.png", "text.png")]
    again = [inspect(folder, name, journal, attributes) for name in ("text.png", "below/two.png", "one.png")]
    assert attributes.looks == 2 and again == [first[3], first[2], first[0]]
    assert [json.loads(line)["file"] for line in journal.read_text().splitlines()] == [
        "one.png",
        "below/two.png",
        "text.png",
    ]


def test_another_content_and_other_models_are_looked_at_anew(folder, tmp_path):
    journal, attributes = tmp_path / "seen.jsonl", Attributes()
    inspect(folder, "one.png", journal, attributes)
    Image.new("RGB", (220, 64)).save(folder / "one.png")
    assert inspect(folder, "one.png", journal, attributes).reason == "several_faces"
    other = Attributes("n")
    inspect(folder, "one.png", journal, other)
    assert (attributes.looks, other.looks) == (2, 1)
    assert inspect(folder, "one.png", journal).reason == "", "nobody looked, so that no number is held against it"


def test_a_damaged_journal_is_refused(folder, tmp_path):
    (tmp_path / "seen.jsonl").write_text('{"file": "one.png"}\n')
    with pytest.raises(JsonLinesError, match="seen.jsonl"):
        Inspector(folder, None, tmp_path / "seen.jsonl")
