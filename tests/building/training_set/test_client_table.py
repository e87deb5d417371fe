"""Test clients stand in a table that counseling reads as it is; those that cannot are named."""

from dataclasses import replace

import pytest

from mirror.building.training_set.client_table import portrait_files, sift_clients, write_clients
from mirror.transcripts.profile import read_profiles
from tests.made_screenplays import make_clients


@pytest.fixture
def clients(tmp_path):
    return make_clients(tmp_path / "sources", 2)


def test_odd_cells_come_back_as_they_are(tmp_path, clients):
    info = replace(clients[0].info, personal_info='=1+1, "quoted"\nÜmit; 中', reason="-5\r\nyes", name="")
    clients[0] = replace(clients[0], idx="Ünal 60.b", info=info)
    kept = sift_clients(clients).kept
    write_clients(kept, tmp_path / "test.csv", tmp_path / "images")
    first, second = read_profiles(tmp_path / "test.csv", tmp_path / "images")
    assert (first.idx, first.name) == ("Ünal 60.b", "")
    assert first.personal_info == info.personal_info and first.reason == info.reason
    assert second.distorted_thought == clients[1].info.distorted_thought
    assert portrait_files(clients[0]) == ("Ünal 60.b/1.png",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"personal_info": " "}, "empty_column"),
        ({"reason": "Not found"}, "empty_column"),
        ({"distorted_thought": "nan"}, "empty_column"),
        ({"personality": "stubborn"}, "unknown_resistance"),
        ({"personality": ""}, "empty_column"),
        ({"name": "A\0"}, "control_text"),
        ({"reason": "x \ud83d"}, "control_text"),
    ],
)
def test_incomplete_clients_are_named(clients, changed, reason):
    clients[0] = replace(clients[0], info=replace(clients[0].info, **changed))
    sifted = sift_clients(clients)
    assert sifted.kept == (clients[1],)
    assert [(one.step, one.idx, one.reason, one.what) for one in sifted.dropped] == [
        ("record", clients[0].idx, reason, "test client")
    ]


def test_portraits_and_idx_are_checked(tmp_path, clients):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    odd = [
        replace(clients[0], portrait=None),
        replace(clients[0], idx="b", portrait=replace(clients[0].portrait, files=(broken,))),
        replace(clients[0], idx="a/b"),
        replace(clients[0], idx="x" * 61),
        clients[1],
        replace(clients[1], idx=clients[1].idx.upper()),
    ]
    reasons = [one.reason for one in sift_clients(odd).dropped]
    assert reasons == ["no_portrait", "bad_portrait", "bad_idx", "bad_idx", "duplicate"]


def test_a_gender_that_is_not_known_is_said_to_be_so(tmp_path, clients):
    unknown = replace(clients[0], info=replace(clients[0].info, gender=""))
    unknown = replace(unknown, portrait=replace(unknown.portrait, gender=""))
    other = replace(clients[1], info=replace(clients[1].info, gender=""))
    write_clients([unknown, other], tmp_path / "test.csv", tmp_path / "images")
    genders = [profile.gender for profile in read_profiles(tmp_path / "test.csv", tmp_path / "images")]
    assert genders == ["unknown", "Woman"]  # the second is the portrait's
