"""The key of a study: read as it was written, and nothing else."""

import json

import pytest

from mirror.rating.forms.key import FILE, KeyFileError, read_key, stored_path, write_key
from mirror.rating.instrument import read_instrument
from mirror.rating.revision.versions import instrument_digest
from tests.filled_forms import form_of, study, write_runs


@pytest.fixture
def folder(output):
    return study(output, write_runs(output))


def test_the_key_resolves_every_code(folder, output):
    key = read_key(folder)
    assert {(one.run, one.idx) for one in key.sessions.values()} == {
        (f"results/{run}", idx) for run in ("mirror-7b-ec_planning", "llava-7b-base") for idx in ("60", "61", "62")
    }
    parts = list(key.parts(form_of(folder, "anna")))
    assert len(parts) == 6 and all(turn is None for _, turn in parts)
    assert key.run_folder(parts[0][0]).parent == output / "results"


def test_turns_are_parts_where_turns_are_rated(output):
    folder = study(output, write_runs(output, ["60"], turns=3), instrument="resistance")
    assert [turn for _, turn in read_key(folder).parts(form_of(folder, "ben"))] == [1, 2, 3] * 2


def test_a_key_is_read_as_it_was_written(folder, tmp_path):
    write_key(tmp_path, read_key(folder))
    assert read_key(tmp_path) == read_key(folder)
    assert (tmp_path / FILE).read_bytes() == (folder / FILE).read_bytes()


def change(folder, **values):
    record = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**record, **values}))


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda folder: change(folder, lowest=0), "was changed since it was written"),
        (lambda folder: change(folder, sha256=None), "was changed"),
        (lambda folder: (folder / FILE).write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / FILE).write_text("{}"), "restore the file"),
        (lambda folder: (folder / FILE).unlink(), "is missing, so codes cannot be resolved"),
    ],
)
def test_a_damaged_key_is_refused(damage, message, folder):
    damage(folder)
    with pytest.raises(KeyFileError, match=message):
        read_key(folder)


def test_the_digest_of_an_instrument_follows_its_words():
    ctrs = read_instrument("ctrs")
    reworded = ctrs.worded({"focus": "Focus?"})
    assert instrument_digest(ctrs) == instrument_digest(read_instrument("ctrs")) != instrument_digest(reworded)


def test_a_folder_elsewhere_is_stored_as_it_is(output, tmp_path):
    assert stored_path(output / "results/a") == "results/a"
    assert stored_path(tmp_path / "elsewhere/a") == str(tmp_path / "elsewhere/a")
