"""The held-out pocket clients: their table, their portraits, and that the training set has none of them."""

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mirror.faces.identity import FacePack, similarity
from mirror.transcripts.profile import COLUMNS, read_profiles
from pocket.tables.profiles import PORTRAITS, TABLE, make_clients, portrait_images
from pocket.tables.sources import FOLDER
from pocket.texts.clients import Client
from pocket.texts.screenplays import CLIENTS, make_dialogues
from tests import ROOT


@pytest.fixture(scope="module")
def profiles():
    return read_profiles(FOLDER / TABLE, FOLDER / PORTRAITS)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_the_test_table_of_the_training_set_has_the_same_clients(profiles):
    """Building may name their portraits otherwise; a study's clients stay the same."""
    data = ROOT / "pocket/data"
    tested = read_profiles(data / "test.csv", data / "test_images")
    assert [replace(one, portraits=()) for one in tested] == [replace(one, portraits=()) for one in profiles]
    for one, other in zip(tested, profiles, strict=True):
        for path, source in zip(one.portraits, other.portraits, strict=True):
            assert np.array_equal(pixels(path), pixels(source)), path


def test_a_row_says_what_its_client_is(profiles):
    assert len(profiles) == 16
    for profile, client in zip(profiles, make_clients(), strict=True):
        assert profile.idx == str(client.idx)
        assert (profile.name, profile.gender) == (client.name, client.gender.capitalize())
        assert profile.personal_info == client.personal_information
        assert (profile.distorted_thought, profile.reason) == (client.distorted_thought, client.reason_for_counseling)
        assert profile.resistance == client.resistance.replace("No Resistance", "none").lower()


def test_the_table_has_the_published_columns():
    with open(FOLDER / TABLE, encoding="utf-8", newline="") as file:
        assert set(next(csv.reader(file))) == {*COLUMNS, "name"}


def test_the_first_four_clients_are_of_all_kinds(profiles):
    """A short run has the table's first rows."""
    assert {profile.resistance for profile in profiles[:4]} == {"emotional", "cognitive", "behavioral", "none"}
    assert Counter(profile.gender for profile in profiles[:4]) == {"Woman": 2, "Man": 2}
    assert set(Counter(profile.resistance for profile in profiles).values()) == {4}


def test_no_client_is_of_the_training_set(profiles):
    known = [dialogue.client for dialogue in make_dialogues()]
    assert not {client.identity for client in make_clients()} & {client.identity for client in known}
    assert not {int(profile.idx) for profile in profiles} & set(range(CLIENTS))
    assert not {profile.personal_info for profile in profiles} & {client.personal_information for client in known}


def test_a_portrait_shows_one_face_and_it_is_its_clients(profiles):
    """The pocket face pack, which never saw these persons, finds a client again in the second portrait."""
    pack = FacePack.load(str(FOLDER.parent / "models/faces-pocket"))
    faces = {path: pack.faces(Image.open(path).convert("RGB")) for p in profiles for path in p.portraits}
    assert {len(found) for found in faces.values()} == {1} and len(faces) == 20
    firsts = {profile.idx: faces[profile.portraits[0]][0].embedding for profile in profiles}
    for profile in profiles:
        for path in profile.portraits[1:]:
            embedding = faces[path][0].embedding
            likeness = {idx: similarity(first, embedding) for idx, first in firsts.items()}
            assert max(likeness, key=likeness.get) == profile.idx


def test_some_clients_have_two_portraits(profiles):
    assert {profile.idx: len(profile.portraits) for profile in profiles if len(profile.portraits) > 1} == {
        idx: 2 for idx in ("60", "65", "70", "75")
    }


def test_a_portrait_does_not_depend_on_who_else_is_in_the_table():
    (first, *_), alone = make_clients(), Client.from_seed(28, 60)
    assert first == alone
    for file, image in portrait_images(alone).items():
        assert np.array_equal(np.asarray(image.convert("RGB")), pixels(FOLDER / PORTRAITS / file))
