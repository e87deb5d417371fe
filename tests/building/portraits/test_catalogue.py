"""Whom the pictures of a folder show, and which of them a screenplay's entry stands for."""

import pytest

from mirror.building.dropped import Dropped, Sifted
from mirror.building.portraits.catalogue import Catalogue
from mirror.building.portraits.rows import PortraitRow


@pytest.fixture
def folder(tmp_path):
    for name in ("10.png", "9.png", "a/x.png", "b/x.jpg", ".hidden/h.png", "notes.txt", "UPPER.PNG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def tabled(folder, *rows):
    return Catalogue(folder, Sifted(tuple(PortraitRow(file, person) for file, person in rows), ()))


def pictures(catalogue):
    return {person: [catalogue.file(path) for path in paths] for person, paths in catalogue.pictures.items()}


def test_without_a_table_each_picture_is_a_person_of_its_own_in_natural_order(folder):
    catalogue = Catalogue(folder, None)
    assert pictures(catalogue) == {
        "9": ["9.png"],
        "10": ["10.png"],
        "a/x": ["a/x.png"],
        "b/x": ["b/x.jpg"],
        "UPPER": ["UPPER.PNG"],
    }
    assert catalogue.dropped == []


def test_a_table_joins_the_pictures_of_a_person(folder):
    catalogue = tabled(folder, ("10.png", "Ada"), ("9.png", "Ada"), ("a/x.png", ""))
    assert pictures(catalogue) == {"Ada": ["9.png", "10.png"], "a/x": ["a/x.png"]}


def test_rows_that_fit_no_picture_or_one_twice_are_dropped(folder):
    catalogue = tabled(folder, ("9.png", "Ada"), ("./9.png", "Eve"), ("gone.png", "Eve"), ("\ud800.png", "Eve"))
    assert [(one.idx, one.reason) for one in catalogue.dropped] == [
        ("9.png", "contradicting_rows"),
        ("gone.png", "no_such_file"),
        ("?.png", "odd_name"),
    ]
    assert "'./9.png' is of the same file" in catalogue.dropped[0].detail
    assert pictures(catalogue) == {"Eve": ["9.png"]}


def test_an_entry_is_a_person_or_a_picture_by_its_path_or_its_stem(folder):
    catalogue = tabled(folder, ("9.png", "Ada"), ("10.png", "Ada"), ("a/x.png", "Eve"))
    assert catalogue.resolve("Ada") == "Ada"
    assert catalogue.resolve("a/x.png") == catalogue.resolve("x") == (folder / "a/x.png",)
    assert catalogue.resolve("10; 9 ;10.png") == (folder / "10.png", folder / "9.png")
    assert catalogue.resolve("b/x.jpg") == (folder / "b/x.jpg",), "a picture that the table does not have"
    assert catalogue.person(folder / "b/x.jpg") == "b/x"


@pytest.mark.parametrize(
    ("entry", "reason", "detail"),
    [
        ("x", "ambiguous_name", "it could be a/x.png and b/x.jpg; write the ending as well"),
        ("nobody", "no_such_portrait", "it is no person, and as a file: "),
        (" ; ", "no_such_portrait", "it names no file"),
        ("9.png; nobody", "no_such_portrait", "it is no person"),
    ],
)
def test_an_entry_that_stands_for_nothing_says_why(entry, reason, detail, folder):
    found = Catalogue(folder, None).resolve(entry)
    assert isinstance(found, Dropped) and found.reason == reason and found.detail.startswith(detail)


def test_pictures_named_together_are_of_one_person_from_then_on(folder):
    catalogue = tabled(folder, ("9.png", ""), ("10.png", ""), ("a/x.png", "Eve"))
    catalogue.resolve("10.png; 9.png")
    assert catalogue.person(folder / "10.png") == catalogue.person(folder / "9.png") == "9"
    catalogue.resolve("9.png; a/x.png")
    assert {catalogue.person(folder / name) for name in ("9.png", "10.png", "a/x.png")} == {"Eve"}


def test_two_persons_of_the_table_are_never_one(folder):
    catalogue = tabled(folder, ("9.png", "Ada"), ("10.png", "Eve"))
    found = catalogue.resolve("9.png; 10.png")
    assert (found.reason, found.detail) == ("several_persons", "its files show Ada and Eve, as the table says")
    assert catalogue.person(folder / "9.png") == "Ada" and catalogue.person(folder / "10.png") == "Eve"
