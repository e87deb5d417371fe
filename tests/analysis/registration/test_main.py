"""The command line of registered studies."""

import sys

import pytest

from mirror.analysis.registration.__main__ import main
from mirror.analysis.registration.record import read_record
from mirror.files.digests import sha256
from tests.registered_studies import MORE, write_registration


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["registration", *map(str, words)])
    main()


def test_power_is_printed_for_the_registered_and_for_another_number_of_clients(tmp_path, monkeypatch, capsys):
    path = write_registration(tmp_path / "a.yaml", [MORE], clients=12)
    run(monkeypatch, "power", path)
    assert "  0.8     12  71%           71%                15\n" in capsys.readouterr().out
    run(monkeypatch, "power", path, "--clients", 24)
    assert "  0.8     24  96%           96%                15\n" in capsys.readouterr().out


def test_registering_writes_and_says_the_digest(tmp_path, monkeypatch, capsys):
    path = write_registration(tmp_path / "a.yaml")
    run(monkeypatch, "register", path)
    out = capsys.readouterr().out
    assert f"SHA-256 {sha256(path)}" in out and "a.registered.json" in out and len(read_record(path)) == 1


def test_an_invalid_file_is_refused_with_its_faults(tmp_path, monkeypatch, capsys):
    path = write_registration(tmp_path / "a.yaml", [MORE | {"outcome": "warmth"}])
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, "register", path)
    assert caught.value.code == 2 and "outcome 'warmth' is unknown" in capsys.readouterr().err
    assert read_record(path) == []
