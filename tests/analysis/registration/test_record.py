"""The record of a registration: it keeps every content that was registered, with its time."""

import json
import os
from datetime import UTC, datetime

import pytest

from mirror.analysis.registration.plan import RegistrationError
from mirror.analysis.registration.record import first_session, read_record, record_path, register
from mirror.files.digests import sha256
from mirror.transcripts.arm import Arm
from tests.registered_studies import MORE, write_arms, write_registration


def test_registering_again_changes_nothing_and_a_change_is_kept(tmp_path):
    path = write_registration(tmp_path / "a.yaml")
    first = register(path)
    assert first.digest == sha256(path) and datetime.fromisoformat(first.at).tzinfo is not None
    written = record_path(path).read_bytes()
    assert register(path) == first and record_path(path).read_bytes() == written
    write_registration(path, [MORE])
    second = register(path)
    assert read_record(path) == [first, second] and second.digest != first.digest
    assert record_path(path).name == "a.registered.json"


def test_without_a_record_there_is_none(tmp_path):
    assert read_record(tmp_path / "a.yaml") == []


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"registered": []}', '{"registered": [{"sha256": "a", "at": "2026-01-01T00:00:00"}]}']
)
def test_a_damaged_record_is_refused(content, tmp_path):
    path = write_registration(tmp_path / "a.yaml")
    record_path(path).write_text(content)
    with pytest.raises(RegistrationError, match="a.registered.json is damaged"):
        read_record(path)


def test_the_first_session_is_the_earliest_of_all_runs(tmp_path):
    folders = write_arms(tmp_path, ["m-base", "m-ec"], ["1", "2"])
    arms = [Arm.read(folder) for folder in folders]
    assert first_session(arms) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    (folders[0] / "provenance.json").write_text(json.dumps({"status": "complete"}))
    arms = [Arm.read(folder) for folder in folders]
    os.utime(folders[0] / "sessions/2/client.json", (1_000_000, 1_000_000))  # not recorded: by the files
    assert first_session(iter(arms)) == datetime.fromtimestamp(1_000_000, UTC)
    assert first_session([]) is None
