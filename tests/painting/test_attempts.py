"""The attempts on disk, and which of them a counselor would see."""

import pytest
from PIL import Image

from mirror.files.json_lines import JsonLinesError
from mirror.painting.attempts import AttemptFile, chosen
from tests.painting.records import record

PICTURE = Image.new("RGB", (4, 4), "tan")
KEY = ("60", "sad")


def test_what_was_added_is_read_back(tmp_path):
    file = AttemptFile(tmp_path)
    for one in (record(1), record(2, "unsafe"), record(3, "accepted"), record(1, painter="fast")):
        file.add(one, PICTURE)
    found = AttemptFile(tmp_path).read()
    assert found.records == file.records
    assert [one.file for one in found.of("slow", KEY)] == ["faces/slow/60/sad-1.png", None, "faces/slow/60/sad-3.png"]
    assert len(list(tmp_path.rglob("*.png"))) == 3


def test_attempts_behind_a_changed_picture_are_forgotten_until_it_is_painted_again(tmp_path):
    file = AttemptFile(tmp_path)
    for number in (1, 2, 3):
        file.add(record(number), PICTURE)
    (tmp_path / "faces/slow/60/sad-2.png").write_bytes(b"other")
    again = AttemptFile(tmp_path).read()
    assert [one.number for one in again.of("slow", KEY)] == [1]
    again.add(record(2, seconds=2.0), PICTURE)
    found = AttemptFile(tmp_path).read().of("slow", KEY)
    assert [(one.number, one.seconds) for one in found] == [(1, 1.0), (2, 2.0)]


def test_a_changed_line_is_an_error(tmp_path):
    AttemptFile(tmp_path).add(record(1), PICTURE)
    path = tmp_path / "attempts.jsonl"
    path.write_text(path.read_text().replace("another_person", "accepted"))
    with pytest.raises(JsonLinesError, match="attempts.jsonl: line 1: was changed"):
        AttemptFile(tmp_path).read()


def test_lines_are_put_in_the_order_of_painters_and_sittings(tmp_path):
    file = AttemptFile(tmp_path)
    made = [record(1, painter="fast"), record(1, client="61"), record(1), record(2, "accepted")]
    for one in made:
        file.add(one, PICTURE)
    ordered = file.settle(["slow", "fast"], [KEY, ("61", "sad")])
    assert [(*place, len(search)) for place, search in ordered.items()] == [
        ("slow", "60", "sad", 2), ("slow", "61", "sad", 1), ("fast", "60", "sad", 1), ("fast", "61", "sad", 0)
    ]  # fmt: skip
    assert list(AttemptFile(tmp_path).read().records) == [place for place, search in ordered.items() if search]


@pytest.mark.parametrize(
    "made, number",
    [
        ([record(1), record(2, "accepted")], 2),
        ([record(1, score=0.3), record(2, score=0.45), record(3, score=0.1)], 2),
        ([record(1, "unsafe", 0.9), record(2, score=0.1)], 2),
        ([record(1, "unsafe")], None),
    ],
    ids=["accepted", "closest", "never unsafe", "none"],
)
def test_the_face_that_a_counselor_would_see(made, number):
    found = chosen(made)
    assert (found and found.number) == number


@pytest.mark.parametrize(
    "one, is_last",
    [(record(1), False), (record(3), True), (record(1, "accepted"), True), (record(1, "no_face_in_portrait"), True)],
    ids=["rejected", "no attempts left", "accepted", "the portrait is at fault"],
)
def test_when_a_search_ends(one, is_last):
    assert one.is_last(attempts=3) == is_last
