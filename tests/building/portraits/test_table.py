"""Portraits of a folder, with and without tables, seen by the pocket pack."""

import json
import os
import shutil

import pytest
from PIL import Image

from mirror.building.dropped import Dropped, count_reasons
from mirror.building.portrait import Portrait
from mirror.building.portraits.table import read_portraits, table_paths
from mirror.faces.attributes import FaceAttributes
from mirror.files.json_lines import JsonLinesError
from pocket.drawing.expressions import EXPRESSIONS
from pocket.drawing.faces import draw
from pocket.pictures.portraits import identity_of

FAMILY, SEED, SIZE = "portraits of a table", 3, 128
COLUMNS = {"file": "file", "person": "person", "gender": "gender", "age": "age"}


class Counting:
    """The real attributes, and how often they were asked."""

    def __init__(self, attributes):
        self.attributes, self.calls, self.most = attributes, 0, None

    def read(self, image):
        if self.calls == self.most:
            raise KeyboardInterrupt
        self.calls += 1
        return self.attributes.read(image)

    def facts(self):
        return self.attributes.facts()


@pytest.fixture(scope="module")
def pack():
    return FaceAttributes.load("pocket/models/faces-pocket", "cpu")


@pytest.fixture
def attributes(pack):
    return Counting(pack)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of five persons, two pictures of the first two, and pictures that cannot be used."""
    folder = tmp_path_factory.mktemp("portraits")
    for person in range(5):
        for moment in range(2 if person < 2 else 1):
            face(person, moment).save(folder / f"{person}-{moment}.png")
    Image.new("RGB", (SIZE, SIZE), "gray").save(folder / "empty.png")
    two = Image.new("RGB", (2 * SIZE, SIZE))
    two.paste(face(6), (0, 0))
    two.paste(face(7), (SIZE, 0))
    two.save(folder / "two.jpg", quality=95)
    (folder / "broken.png").write_bytes((folder / "0-0.png").read_bytes()[:900])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def face(person, moment=0):
    return draw(identity_of(FAMILY, SEED, person), EXPRESSIONS["attentive"], moment, SIZE)


def gender_of(person):
    return identity_of(FAMILY, SEED, person).gender


def table(folder, *rows):
    path = folder / "table.csv"
    path.write_text("\n".join(["file,person,gender,age", *rows]), encoding="utf-8")
    return [path]


def reasons(portraits):
    return {one.idx: one.reason for one in portraits.dropped}


def names(portraits):
    return {one.person: one.name for one in portraits.kept}


def test_without_a_table_each_picture_is_a_person(drawn, attributes):
    found = read_portraits([], drawn, {}, attributes, None)
    assert names(found) == {name: name for name in ("0-0", "0-1", "1-0", "1-1", "2-0", "3-0", "4-0")}
    assert reasons(found) == {"broken.png": "unreadable", "empty.png": "no_face", "two.jpg": "several_faces"}
    assert [one.gender for one in found.kept if one.person[-1] == "0"] == [gender_of(person) for person in range(5)]
    assert all(10 <= one.age <= 90 for one in found.kept)
    assert count_reasons(found.dropped)["what"].tolist() == ["portrait"] * 3


def test_a_table_joins_pictures_of_a_person_and_knows_better_than_the_model(drawn, attributes, tmp_path):
    rows = ["0-1.png,ann,man,77", "0-0.png,ann,,", "two.jpg,bob,,", "1-0.png,bob,woman,33", "nobody.png,eve,woman,20"]
    found = read_portraits(table(tmp_path, *rows), drawn, COLUMNS, attributes, None)
    assert names(found) == {"ann": "0-0", "bob": "1-0"}
    assert found.kept[1] == Portrait("1-0", (drawn / "1-0.png",), "bob", "woman", 33)
    assert found.kept[0].gender == gender_of(0)
    another = "another_portrait_of_the_person"
    assert reasons(found) == {"0-1.png": another, "two.jpg": another, "nobody.png": "no_such_file"}


def test_a_persons_next_picture_is_tried(drawn, attributes, tmp_path):
    rows = ["broken.png,ann,,", "two.jpg,ann,,", "empty.png,ann,,", "3-0.png,ann,,"]
    found = read_portraits(table(tmp_path, *rows), drawn, COLUMNS, attributes, None)
    assert names(found) == {"ann": "3-0"} and attributes.calls == 1  # `3-0.png` comes first in natural order
    rows = ["broken.png,ann,,", "two.jpg,ann,,", "empty.png,ann,,"]
    found = read_portraits(table(tmp_path, *rows), drawn, COLUMNS, attributes, None, ["ann"])
    assert not found.kept and set(reasons(found).values()) == {"unreadable", "several_faces", "no_face"}
    assert found.named["ann"].reason == "no_such_portrait"


def test_names_of_screenplays(drawn, attributes, tmp_path):
    rows = ["0-0.png,ann,,", "0-1.png,ann,,", "1-0.png,bob,,", "1-1.png,,,", "2-0.png,7.0,,"]
    entries = ["ann", "0-1.png", "1-0.png; 1-1.png", "C:\\data\\2-0.png", "7", "3-0", "3-0.png", "0-0.png;1-0.png", "x"]
    entries += ["two.jpg", "2-0", " ; ", "../0-0.png", "\ud83d"]
    found = read_portraits(table(tmp_path, *rows), drawn, COLUMNS, attributes, None, entries)
    shown = {
        entry: one.reason if isinstance(one, Dropped) else (one.person, [path.name for path in one.files])
        for entry, one in found.named.items()
    }
    assert shown == {
        "ann": ("ann", ["0-0.png"]),
        "0-1.png": ("ann", ["0-1.png"]),
        "1-0.png; 1-1.png": ("bob", ["1-0.png", "1-1.png"]),
        "C:\\data\\2-0.png": ("7", ["2-0.png"]),
        "7": ("7", ["2-0.png"]),
        "3-0": "no_such_portrait",
        "3-0.png": ("3-0", ["3-0.png"]),
        "0-0.png;1-0.png": "several_persons",
        "x": "no_such_portrait",
        "two.jpg": "several_faces",
        "2-0": ("7", ["2-0.png"]),
        " ; ": "no_such_portrait",
        "../0-0.png": "no_such_portrait",
        "\ud83d": "no_such_portrait",
    }
    assert sorted(names(found)) == ["3-0", "7", "ann", "bob"]  # 1-1 is bob: a screenplay names it with bob's picture


def test_pictures_named_together_are_one_person_without_a_table(drawn, attributes):
    found = read_portraits([], drawn, {}, attributes, None, ["1-1.png;1-0.png", "1-0.png", "0-1.png;1-1.png"])
    assert {one.person for one in found.named.values()} == {"0-1"}
    assert [path.name for path in found.named["1-1.png;1-0.png"].files] == ["1-1.png", "1-0.png"]
    assert sorted(names(found)) == ["0-0", "0-1", "2-0", "3-0", "4-0"]


def test_one_picture_is_not_two_persons(drawn, attributes, tmp_path):
    shutil.copytree(drawn, tmp_path / "copies")
    shutil.copy(drawn / "2-0.png", tmp_path / "copies" / "zoe.png")
    found = read_portraits([], tmp_path / "copies", {}, attributes, None)
    assert reasons(found)["zoe.png"] == "same_picture" and "2-0" in names(found)


def test_neither_rows_nor_listing_order_matter(drawn, attributes, tmp_path, monkeypatch):
    rows = [f"{person}-{moment}.png,p{person},," for person in range(2) for moment in range(2)]
    one = read_portraits(table(tmp_path, *rows), drawn, COLUMNS, attributes, None)
    assert read_portraits(table(tmp_path, *rows[::-1]), drawn, COLUMNS, attributes, None) == one
    listed = read_portraits([], drawn, {}, attributes, None)
    scandir = os.scandir
    monkeypatch.setattr(os, "listdir", lambda path: sorted((e.name for e in scandir(path)), reverse=True))
    assert read_portraits([], drawn, {}, attributes, None) == listed


def test_a_stopped_reading_goes_on_where_it_was(drawn, attributes, tmp_path):
    journal = tmp_path / "journal.jsonl"
    whole = read_portraits([], drawn, {}, attributes, None)
    number, attributes.calls, attributes.most = attributes.calls, 0, 4
    with pytest.raises(KeyboardInterrupt):
        read_portraits([], drawn, {}, attributes, journal)
    with open(journal, "ab") as file:
        file.write(b'{"file":"4-0')
    attributes.calls, attributes.most = 0, None
    assert read_portraits([], drawn, {}, attributes, journal) == whole
    assert attributes.calls == number - 4
    assert read_portraits([], drawn, {}, attributes, journal) == whole and attributes.calls == number - 4


def test_a_changed_picture_is_seen_again_and_a_changed_journal_refused(drawn, attributes, tmp_path):
    shutil.copytree(drawn, tmp_path / "own")
    journal = tmp_path / "journal.jsonl"
    read_portraits([], tmp_path / "own", {}, attributes, journal)
    calls = attributes.calls
    face(8).save(tmp_path / "own" / "empty.png")
    found = read_portraits([], tmp_path / "own", {}, attributes, journal)
    assert "empty" in names(found) and attributes.calls == calls + 1
    first, *rest = journal.read_text().splitlines()
    changed = json.dumps({**json.loads(first), "fault": "other"})
    journal.write_text("\n".join([changed, *rest]) + "\n")
    with pytest.raises(JsonLinesError, match="line 1: was changed"):
        read_portraits([], tmp_path / "own", {}, attributes, journal)


def test_no_more_persons_are_tried_than_needed(drawn, attributes):
    found = read_portraits([], drawn, {}, attributes, None, named=["3-0"], most=2, seed=1)
    tried = [one.idx for one in found.dropped if one.reason != "not_needed"]
    assert "3-0" in names(found) and len(found.kept) + len(tried) == 3
    assert len(found.dropped) - len(tried) == 7
    chosen = {seed: tuple(names(read_portraits([], drawn, {}, None, None, most=2, seed=seed))) for seed in range(5)}
    assert len(set(chosen.values())) > 1


def test_without_attributes_faces_are_not_counted_and_the_rest_is_unknown(drawn):
    found = read_portraits([], drawn, {}, None, None)
    assert reasons(found) == {"broken.png": "unreadable"}
    assert {(one.gender, one.age) for one in found.kept} == {("", None)}


def test_subfolders_and_names_that_two_files_share(attributes, tmp_path):
    for place, name in enumerate(("a/1.png", "b/1.png", "b/2.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        face(place).save(tmp_path / name)
    found = read_portraits([], tmp_path, {}, attributes, None, ["1", "a/1", "2"])
    assert sorted(names(found)) == ["a/1", "b/1", "b/2"]
    assert found.named["1"].reason == "ambiguous_name" and found.named["a/1"].name == "1"
    assert found.named["2"].person == "b/2"


def test_a_missing_folder_is_named(attributes, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder of portraits at .*none"):
        read_portraits([], tmp_path / "none", {}, attributes, None)


def test_several_tables_are_separated_by_semicolons():
    assert [path.name for path in table_paths("a.txt; /x/b.txt;")] == ["a.txt", "b.txt"] and table_paths(" ") == ()
