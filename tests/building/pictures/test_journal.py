"""What is on disk of one dialogue: the newest record counts, a picture is what its record says, and order is made."""

import pytest
from PIL import Image

from mirror.building.pictures.journal import (
    DESCRIPTIONS,
    PICTURES,
    DescriptionRecord,
    Journal,
    PaintedRecord,
    PictureRecord,
)
from mirror.faces.description import Description
from mirror.files.digests import sha256
from mirror.files.image_file import png
from mirror.files.json_lines import JsonLinesError
from mirror.transcripts.verdict import Verdict

FACE = Image.new("RGB", (8, 8), "tan")
FILE = png(FACE)
TEXT = Description(expression="tears", contrast="joy", response="", model="fast")


def painted(line, **more):
    asked = {"prompt": "a man img, tears", "negative_prompt": "joy", "statement": "a photo of tears"}
    return PictureRecord(line=line, digest="d", portrait="a", portrait_sha256=("0",), **asked, **more)


def description(line, digest="d"):
    return DescriptionRecord(line=line, digest=digest, description=TEXT)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_kept_is_read_back(tmp_path):
    journal = Journal(tmp_path)
    journal.describe(description(0))
    journal.keep(painted(0), FILE)
    journal.keep(painted(2, exhausted=True), None)
    again = Journal(tmp_path).read()
    assert again.descriptions == journal.descriptions == {0: description(0)}
    assert again.pictures == journal.pictures
    assert (again.pictures[0].file, again.pictures[0].file_sha256) == ("0.png", sha256(tmp_path / "0.png"))
    assert again.pictures[2].file is None and names(tmp_path) == ["0.png", DESCRIPTIONS, PICTURES]
    with Image.open(tmp_path / "0.png") as image:
        assert image.getpixel((0, 0)) == FACE.getpixel((0, 0))


def test_the_newest_record_of_a_line_counts(tmp_path):
    journal = Journal(tmp_path)
    for digest in ("old", "new"):
        journal.describe(description(0, digest))
    assert Journal(tmp_path).read().descriptions[0].digest == "new"


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"other"), lambda path: path.unlink()])
def test_a_picture_that_was_changed_or_lost_is_not_intact(spoil, tmp_path):
    journal = Journal(tmp_path)
    journal.keep(painted(0), FILE)
    assert journal.is_intact(journal.pictures[0])
    spoil(tmp_path / "0.png")
    again = Journal(tmp_path).read()
    assert not again.is_intact(again.pictures[0])
    assert again.is_intact(painted(4)), "a record without a picture lacks none"


def test_a_picture_that_is_painted_again_is_intact(tmp_path):
    Journal(tmp_path).keep(painted(0), FILE)
    (tmp_path / "0.png").unlink()
    journal = Journal(tmp_path).read()
    assert not journal.is_intact(journal.pictures[0])
    journal.keep(painted(0), FILE)
    assert journal.is_intact(journal.pictures[0])


def test_settling_leaves_the_records_in_order_and_no_other_pictures(tmp_path):
    journal = Journal(tmp_path)
    for line in (4, 0):
        journal.describe(description(line))
        journal.keep(painted(line), FILE)
    journal.keep(painted(2), FILE)
    for name in (".0.png.x.partial", "notes.txt", "cover.png"):
        (tmp_path / name).touch()
    wanted = [description(0), description(4)], [journal.pictures[0], journal.pictures[4]]
    assert not journal.is_settled(*wanted)
    journal.settle(*wanted)
    assert journal.is_settled(*wanted)
    assert names(tmp_path) == ["0.png", "4.png", "cover.png", DESCRIPTIONS, "notes.txt", PICTURES]
    again = Journal(tmp_path).read()
    assert list(again.pictures) == list(again.descriptions) == [0, 4]


def test_a_journal_that_was_changed_by_hand_is_refused(tmp_path):
    (tmp_path / PICTURES).write_text('{"line": 0}\n')
    with pytest.raises(JsonLinesError, match="pictures.jsonl"):
        Journal(tmp_path).read()


def test_a_record_tells_its_outcomes_and_may_lose_its_picture():
    attempts = tuple(
        PaintedRecord(number=number, seed=number, verdict=Verdict(outcome=outcome))
        for number, outcome in enumerate(("unsafe", "irrelevant"), 1)
    )
    record = painted(0, attempts=attempts, chosen=2, exhausted=True, file="0.png", file_sha256="0")
    assert record.outcomes == "unsafe, irrelevant"
    bare = record.without_picture()
    assert (bare.chosen, bare.file, bare.file_sha256) == (None, None, None) and bare.attempts == attempts
