"""A data set for the Hub: refused with a reason where it cannot be written or sent."""

import importlib.util
import json

import pytest

from mirror.building import hub_folder
from mirror.building.data_card import CardFacts
from mirror.building.hub_folder import HubError, push_folder, require_parquet, write_hub_folder
from mirror.building.record_options import RecordOptions
from mirror.building.training_set import write_set
from tests.made_screenplays import make_clients, make_screenplays

HAS_PARQUET = all(importlib.util.find_spec(name) for name in hub_folder.REQUIRED)


@pytest.fixture
def written(tmp_path):
    screenplays, clients = make_screenplays(tmp_path / "sources", 3), make_clients(tmp_path / "sources", 1)
    write_set(tmp_path / "set", screenplays, clients, RecordOptions(), "build", card=CardFacts("A set"))
    return tmp_path / "set"


def test_without_the_packages_the_extra_is_named(tmp_path, written, monkeypatch):
    monkeypatch.setattr(hub_folder, "REQUIRED", ("no_such_package",))
    with pytest.raises(HubError, match=r"no_such_package, which is not installed; .*mirror-notebooks\[hub\]"):
        require_parquet()
    with pytest.raises(HubError):
        write_hub_folder(written, tmp_path / "hub", "# A set\n")
    assert not (tmp_path / "hub").exists()


@pytest.mark.skipif(not HAS_PARQUET, reason="datasets is an extra")
def test_parquet_holds_the_records_and_their_pictures(tmp_path, written):
    from datasets import load_dataset

    files = write_hub_folder(written, tmp_path / "hub", (written / "README.md").read_text(), shard=10)
    records = json.loads((written / "mirror_ec.json").read_text())
    names = [str(file) for file in files if file.parent.name == "ec"]
    assert len(names) == -(-len(records) // 10)
    read = load_dataset("parquet", data_files=names, split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["question_id"] for row in read] == [record["question_id"] for record in records]
    for row, record in zip(read, records, strict=True):
        assert row["conversations"] == record["conversations"]
        assert row["image"].size == (24, 24)
    assert (tmp_path / "hub/test_images").is_dir() and (tmp_path / "hub/README.md").is_file()
    assert not (tmp_path / "hub/images").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("mine")
    with pytest.raises(HubError, match="holds other files"):
        write_hub_folder(written, tmp_path / "other", "# A set\n")


@pytest.mark.parametrize("name", ["", "set", "a/b/c", "a b/c", "../x", "owner/na--me"])
def test_a_name_that_is_none_is_refused(written, name):
    with pytest.raises(HubError, match="push: must be owner/name"):
        push_folder(written, name)


def test_only_an_intact_set_with_its_card_is_sent(written):
    (written / "mirror_ec.json").write_text("[]")
    with pytest.raises(ValueError, match=r"mirror_ec\.json has 2 bytes"):
        push_folder(written, "owner/name")
    (written / "README.md").unlink()
    with pytest.raises(HubError, match=r"has no README\.md"):
        push_folder(written, "owner/name")
