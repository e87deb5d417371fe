"""The committed sources of the pocket training set are what the code makes, and a builder can match their people."""

import csv
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from mirror.faces.identity import FacePack
from pocket.pictures.portraits import identity_of
from pocket.tables import profiles
from pocket.tables.sources import FAMILY, FIRST, FOLDER, PEOPLE, PORTRAIT_TABLE, PORTRAITS, SEED, write_sources
from pocket.texts.screenplays import make_dialogues


@pytest.fixture(scope="module")
def rows():
    with open(FOLDER / PORTRAIT_TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.proof
def test_writing_gives_the_committed_files(tmp_path):
    write_sources(tmp_path)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*")}
    assert written == {path.relative_to(FOLDER) for path in FOLDER.rglob("*.*")}
    for name in written:
        if name.suffix == ".csv":
            assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
        else:
            pictures = [np.asarray(Image.open(folder / name).convert("RGB")) for folder in (tmp_path, FOLDER)]
            assert np.array_equal(*pictures), name


def test_the_sources_are_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.*")) < 600_000
    for path in (FOLDER / PORTRAITS).iterdir():
        with Image.open(path) as portrait:
            assert portrait.size == (112, 112)


def test_the_table_lists_every_portrait(rows):
    assert {row["file"] for row in rows} == {path.name for path in (FOLDER / PORTRAITS).iterdir()}
    assert all(row["file"].startswith(row["person"] + "-") for row in rows)
    pictures = Counter(row["person"] for row in rows)
    assert len(pictures) == PEOPLE + profiles.COUNT and set(pictures.values()) == {1, 2}


def test_gender_and_age_are_right_or_missing(rows):
    people = {f"{client.idx:03d}": client.identity for client in profiles.make_clients()}
    people |= {f"{FIRST + person}": identity_of(FAMILY, SEED, person) for person in range(PEOPLE)}
    for row in rows:
        identity = people[row["person"]]
        assert row["gender"] in ("", identity.gender.capitalize())
        assert row["age"] in ("", str(identity.age))
    for column in ("gender", "age"):
        assert 0.2 < sum(not row[column] for row in rows) / len(rows) < 0.6


def test_no_person_is_a_held_out_client(rows):
    held_out = {client.identity for client in profiles.make_clients()}
    people = {identity_of(FAMILY, SEED, person) for person in range(PEOPLE)}
    assert len(people) == PEOPLE > len(make_dialogues()) and not people & held_out
    table = (FOLDER / profiles.TABLE).read_text(encoding="utf-8")
    assert not [row for row in rows if int(row["person"]) >= FIRST and row["file"] in table]


def test_all_clients_find_a_person_of_their_gender_and_about_their_age():
    clients = [dialogue.client for dialogue in make_dialogues()]
    people = [identity_of(FAMILY, SEED, person) for person in range(PEOPLE)]
    fits = [[c.gender == p.gender and abs(c.age - p.age) <= 8 for p in people] for c in clients]
    assert (maximum_bipartite_matching(csr_matrix(np.array(fits, dtype=int)), "column") >= 0).all()


def test_a_portrait_shows_one_face():
    pack = FacePack.load("pocket/models/faces-pocket")
    people = (FOLDER / PORTRAITS).glob(f"{FIRST // 100}*.png")
    faces = {path.name: len(pack.faces(Image.open(path).convert("RGB"))) for path in people}
    assert set(faces.values()) == {1} and len(faces) == PEOPLE + PEOPLE // 5
