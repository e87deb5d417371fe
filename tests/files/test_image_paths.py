"""A path of another machine is found by its longest suffix below the folder, in either form of its accents."""

import os
import unicodedata

import pytest

from mirror.files.image_paths import PictureFolder, PicturePathError


def nfc(text):
    return unicodedata.normalize("NFC", text)


def nfd(text):
    return unicodedata.normalize("NFD", text)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pictures"


@pytest.fixture
def put(folder):
    """Makes empty files below the folder."""

    def put(*names):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    return put


@pytest.mark.parametrize(
    "name, found",
    [
        ("12/a.png", "12/a.png"),
        ("./12//a.png", "12/a.png"),
        ("/data/project/12/a.png", "12/a.png"),
        ("/data/project/faces/b.png", "b.png"),
        ("//server/share/12/a.png", "12/a.png"),
        ("C:\\Users\\someone\\12\\a.png", "12/a.png"),
        ("C:/Users/someone/12/a.png", "12/a.png"),
        ("\\\\server\\share\\12\\a.png", "12/a.png"),
        ("\\Users\\12\\a.png", "12/a.png"),
        ("12\\a.png", "12/a.png"),
        ("client-12/turn:3_004711.png", "client-12/turn:3_004711.png"),
        ("/data/client-12/turn:3_004711.png", "client-12/turn:3_004711.png"),
        ("t:3_004711.png", "t:3_004711.png"),
        ("/data/t:3_004711.png", "t:3_004711.png"),
        ("/data/a\\b.png", "a\\b.png"),
        ("a\\b.png", "a\\b.png"),
        ("/data/with [brackets] and blanks.png", "with [brackets] and blanks.png"),
    ],
)
def test_a_path_is_found_below_the_folder(name, found, put, folder):
    put("12/a.png", "a.png", "b.png", "client-12/turn:3_004711.png", "t:3_004711.png", "a\\b.png")
    put("with [brackets] and blanks.png")
    assert PictureFolder(folder).find(name) == folder / found


def test_the_longest_suffix_wins(put, folder):
    put("a.png", "12/a.png", "faces/12/a.png", "data/faces/12/b.png")
    find = PictureFolder(folder).find
    assert find("/home/faces/12/a.png") == folder / "faces/12/a.png"
    assert find("/home/other/12/a.png") == folder / "12/a.png"
    assert find("/home/other/13/a.png") == folder / "a.png"


def test_an_absolute_path_of_the_folder_itself_is_taken_as_it_is(put, folder):
    inner = str(folder).lstrip("/")
    put("12/a.png", f"{inner}/12/a.png")
    assert PictureFolder(folder).find(f"{folder}/12/a.png") == folder / "12/a.png"


def test_a_relative_path_has_no_suffixes(put, folder):
    put("12/a.png")
    with pytest.raises(PicturePathError, match="no such file in .*pictures, found 'faces/12/a.png'; put it there or"):
        PictureFolder(folder).find("faces/12/a.png")


@pytest.mark.parametrize(
    "name", ["../outside.png", "12/../../outside.png", "/x/../outside.png", "C:\\x\\..\\outside.png", "..\\outside.png"]
)
def test_no_path_leaves_the_folder(name, put, folder):
    put("outside.png", "../outside.png")
    with pytest.raises(PicturePathError, match="must stay in .*pictures, found .*; take the .. out"):
        PictureFolder(folder).find(name)


def test_a_file_elsewhere_on_this_machine_is_not_taken(put, folder, tmp_path):
    put("a.png", "../other/b.png")
    with pytest.raises(PicturePathError, match="no end of this absolute path is a file in"):
        PictureFolder(folder).find(f"{tmp_path}/other/b.png")


def test_a_link_in_the_folder_is_followed(put, folder, tmp_path):
    put("a.png", "../store/b.png")
    (folder / "linked").symlink_to(tmp_path / "store")
    assert PictureFolder(folder).find("/data/linked/b.png") == folder / "linked/b.png"


@pytest.mark.parametrize("name", [".", "/", "12", "a\0.png", "x" * 5000, "/" + "y/" * 3000 + "a.jpg", "12/a.png/b.png"])
def test_a_name_of_no_file_is_refused_in_a_line(name, put, folder):
    put("12/a.png")
    with pytest.raises(PicturePathError) as error:
        PictureFolder(folder).find(name)
    assert len(str(error.value)) < 600 and "\n" not in str(error.value)


# Accents --------------------------------------------------------------------------------------------------------------

ACCENTED = "bilder-zoë/ärger/gesicht-zoé.png"


@pytest.mark.parametrize("written", [nfc, nfd])
@pytest.mark.parametrize("stored", [nfc, nfd])
@pytest.mark.parametrize("before", ["", "/data/größe/", "C:/größe/"])
def test_a_name_is_found_in_either_form(written, stored, before, put, folder):
    put(stored(ACCENTED))
    assert PictureFolder(folder).find(written(before + ACCENTED)) == folder / stored(ACCENTED)


def test_parent_folders_may_have_the_other_form_than_the_file(put, folder):
    put(nfd("zoë/") + nfc("é.png"), nfc("ä/") + nfd("é.png"))
    find = PictureFolder(folder).find
    assert find(nfc("zoë/é.png")) == folder / (nfd("zoë/") + nfc("é.png"))
    assert find(nfd("/data/ä/é.png")) == folder / (nfc("ä/") + nfd("é.png"))


def test_one_folder_in_both_forms_is_searched_in_both(put, folder):
    put(nfc("zoë/1.png"), nfd("zoë/2.png"))
    find = PictureFolder(folder).find
    assert [find(nfc(f"zoë/{n}.png")) for n in (1, 2)] == [folder / nfc("zoë/1.png"), folder / nfd("zoë/2.png")]


def test_the_form_that_is_written_wins_over_its_twin(put, folder):
    put(nfc("é.png"), nfd("é.png"), nfc("ö/1.png"), nfd("ö/1.png"))
    for form in (nfc, nfd):
        assert PictureFolder(folder).find(form("é.png")) == folder / form("é.png")
        assert PictureFolder(folder).find(form("ö/1.png")) == folder / form("ö/1.png")


def test_two_files_that_fit_equally_are_both_named(put, folder):
    put(nfc("é/") + nfd("ö.png"), nfd("é/") + nfc("ö.png"))
    with pytest.raises(PicturePathError, match="fits two files equally, .* and .*; remove or rename one") as error:
        PictureFolder(folder).find(nfc("é/ö.png"))
    assert nfc("é/") + nfd("ö.png") in str(error.value) and nfd("é/") + nfc("ö.png") in str(error.value)


def test_a_large_folder_is_listed_once_and_only_for_accents(put, folder, monkeypatch):
    put(*(f"{n}.png" for n in range(50)), *(nfd(f"é{n}.png") for n in range(50)))
    listed = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(path) or listdir(path))
    found = PictureFolder(folder)
    for n in range(50):
        assert found.find(f"/data/{n}.png") == folder / f"{n}.png"
    assert listed == []
    for n in range(50):
        assert found.find(nfc(f"/data/é{n}.png")) == folder / nfd(f"é{n}.png")
    assert listed == [folder]


def test_a_name_that_no_path_can_have_is_refused_at_once(folder):
    folder.mkdir()
    with pytest.raises(PicturePathError, match="must have at most 4,096 characters, found 800,000: '/data/c"):
        PictureFolder(folder).find("/data/c" * 100_000 + "/a.png" * 16_666 + "1234")
