"""The folder of a training set: complete or absent, the same for the same content, and never another's overwritten."""

import json
import os
import pickle
import random
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

from mirror.building.dropped import Dropped
from mirror.building.training_set.check import SetError
from mirror.building.training_set.data_card import CardFacts
from mirror.building.training_set.folder import SetConflict, by_idx, dialogue_table, write_set
from mirror.building.training_set.options import RecordOptions
from mirror.natural_order import natural_key
from mirror.prompts import VARIANTS
from mirror.training.dataset import find_prompts, load_training_set
from mirror.transcripts.profile import read_profiles
from tests import ROOT
from tests.made_screenplays import make_clients, make_screenplays

OPTIONS = RecordOptions()


@pytest.fixture
def screenplays(tmp_path):
    return make_screenplays(tmp_path / "sources")


@pytest.fixture
def clients(tmp_path):
    return make_clients(tmp_path / "sources")


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_set_has_its_files(tmp_path, screenplays, clients):
    folder = tmp_path / "set"
    dropped = [Dropped("text", "cactus-9", 3, "repeats_words", "says so twice")]
    checked = write_set(folder, screenplays, clients, OPTIONS, "build", dropped, CardFacts("A set"))
    turns = sum(len(one.therapist_lines) for one in screenplays)
    assert {path.name for path in folder.iterdir()} == {
        "mirror_base.json", "mirror_planning.json", "mirror_ec.json", "mirror_ec_planning.json", "images",
        "test.csv", "test_images", "dialogues.csv", "dropped.csv", "set.json", "digests.json", "README.md",
    }  # fmt: skip
    counts = {(row.file, row.kind): row.records for row in checked.itertuples()}
    assert counts == {
        ("mirror_base.json", "response"): turns,
        ("mirror_planning.json", "planning"): 6,
        ("mirror_planning.json", "response"): turns,
        ("mirror_ec.json", "emotion_recognition"): turns,
        ("mirror_ec.json", "response"): turns,
        ("mirror_ec_planning.json", "emotion_recognition"): turns,
        ("mirror_ec_planning.json", "planning"): 6,
        ("mirror_ec_planning.json", "response"): turns,
    }
    assert (checked["reproduced"] == 1).all()
    first = screenplays[0]
    copied = folder / "images" / first.idx / f"turn:4_{first.portrait.name}.png"
    assert copied.read_bytes() == first.pictures[4].read_bytes()
    assert pd.read_csv(folder / "dropped.csv")["reason"].tolist() == ["repeats_words"]
    text = (folder / "mirror_base.json").read_text()
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    assert not [path for path in tmp_path.iterdir() if "building" in path.name or "discarded" in path.name]


def test_test_clients_are_read_back(tmp_path, screenplays, clients):
    two = replace(clients[0].portrait, files=(*clients[0].portrait.files, *clients[1].portrait.files))
    clients[0] = replace(clients[0], portrait=two)
    write_set(tmp_path / "set", screenplays, clients, OPTIONS, "build")
    read = read_profiles(tmp_path / "set/test.csv", tmp_path / "set/test_images")
    assert [profile.idx for profile in read] == [client.idx for client in clients]
    assert [path.read_bytes() for path in read[0].portraits] == [path.read_bytes() for path in two.files]
    assert read[1].gender == "Woman" and read[1].resistance == "behavioral"
    assert read[2].personal_info == clients[2].info.personal_info


def test_without_test_clients_there_is_no_table(tmp_path, screenplays):
    write_set(tmp_path / "set", screenplays, [], OPTIONS, "build")
    assert not (tmp_path / "set/test.csv").exists()


def test_the_order_of_the_input_does_not_matter(tmp_path, screenplays, clients):
    dropped = [Dropped("text", f"d-{n}", line, "odd", "x") for n in (2, 10) for line in (None, 3)]
    write_set(tmp_path / "a", screenplays, clients, OPTIONS, "build", dropped)
    for each in (screenplays, clients, dropped):
        random.Random(3).shuffle(each)
    write_set(tmp_path / "b", screenplays, clients, OPTIONS, "build", dropped)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("run", ["build", "another"])
def test_the_same_set_stays_untouched(tmp_path, screenplays, clients, run):
    folder = tmp_path / "set"
    write_set(folder, screenplays, clients, OPTIONS, "build")
    before = (os.stat(folder).st_ino, contents(folder))
    write_set(folder, screenplays, clients, OPTIONS, run)
    assert (os.stat(folder).st_ino, contents(folder)) == before


def test_a_run_replaces_its_own_set_alone(tmp_path, screenplays, clients):
    folder = tmp_path / "set"
    write_set(folder, screenplays, clients, OPTIONS, "build")
    before = contents(folder)
    with pytest.raises(SetConflict, match="holds another set, of the run 'build'.*fresh True"):
        write_set(folder, screenplays[1:], clients, OPTIONS, "another")
    assert contents(folder) == before
    write_set(folder, screenplays[1:], clients, OPTIONS, "build")
    assert not (folder / "images" / screenplays[0].idx).exists()
    write_set(folder, screenplays, clients, OPTIONS, "another", fresh=True)
    assert json.loads((folder / "set.json").read_text())["run"] == "another"


def test_a_damaged_set_is_written_again(tmp_path, screenplays, clients):
    folder = tmp_path / "set"
    write_set(folder, screenplays, clients, OPTIONS, "build")
    before = contents(folder)
    (folder / "mirror_ec.json").unlink()
    write_set(folder, screenplays, clients, OPTIONS, "build")
    assert contents(folder) == before


@pytest.mark.parametrize("fresh", [False, True])
def test_foreign_files_are_kept(tmp_path, screenplays, fresh):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "thesis.docx").write_text("mine")
    with pytest.raises(SetConflict, match=r"contains thesis\.docx but no set\.json"):
        write_set(folder, screenplays, [], OPTIONS, "build", fresh=fresh)
    (folder / "thesis.docx").unlink()
    write_set(folder, screenplays, [], OPTIONS, "build")
    (folder / "images/note.txt").write_text("mine")
    with pytest.raises(SetConflict, match=r"contains images/note\.txt, which does not belong to the set"):
        write_set(folder, screenplays[1:], [], OPTIONS, "build", fresh=fresh)
    assert (folder / "images/note.txt").read_text() == "mine"


def test_a_damaged_name_of_the_run_is_not_taken_for_another_run(tmp_path, screenplays):
    folder = tmp_path / "set"
    write_set(folder, screenplays, [], OPTIONS, "build")
    (folder / "set.json").write_text((folder / "set.json").read_text().replace('"build"', '"buile"'))
    with pytest.raises(SetConflict, match=r"set/set\.json was changed since the folder was written; restore it, or"):
        write_set(folder, screenplays, [], OPTIONS, "build")
    write_set(folder, screenplays, [], OPTIONS, "build", fresh=True)
    assert json.loads((folder / "set.json").read_text())["run"] == "build"


def test_a_set_without_its_digests_is_kept_and_says_what_is_missing(tmp_path, screenplays):
    folder = tmp_path / "set"
    write_set(folder, screenplays, [], OPTIONS, "build")
    (folder / "digests.json").unlink()
    before = contents(folder)
    with pytest.raises(SetConflict, match=r"set/digests\.json is missing, so it is not known which files belong"):
        write_set(folder, screenplays, [], OPTIONS, "build")
    assert contents(folder) == before


def test_a_faulty_set_never_gets_its_name(tmp_path, screenplays, clients):
    folder = tmp_path / "set"
    screenplays[0].pictures[2].write_bytes(b"no picture")
    with pytest.raises(SetError, match="turn:2_004712.png"):
        write_set(folder, screenplays, clients, OPTIONS, "build")
    screenplays[0].pictures[2].unlink()
    with pytest.raises(SetError, match=r"turn:2_004712\.png: .*cannot be copied \(No such file"):
        write_set(folder, screenplays, clients, OPTIONS, "build")
    assert not folder.exists() and not list(tmp_path.glob(".set.building*"))


@pytest.mark.parametrize("idx", ["", "..", "a/b", "a\\b", "a\n", ".hidden", "a\0b", " a"])
def test_an_idx_that_is_no_folder_is_refused(tmp_path, screenplays, idx):
    with pytest.raises(SetError, match="usable as the name of a folder"):
        write_set(tmp_path / "set", [*screenplays, replace(screenplays[0], idx=idx)], [], OPTIONS, "build")


def test_two_dialogues_never_share_a_folder(tmp_path, screenplays):
    twin = replace(screenplays[0], idx=screenplays[0].idx.upper())
    with pytest.raises(SetError, match="names the same folder as"):
        write_set(tmp_path / "set", [*screenplays, twin], [], OPTIONS, "build")
    with pytest.raises(SetError, match="no dialogue"):
        write_set(tmp_path / "set", [], [], OPTIONS, "build")


def test_the_lock_is_respected(tmp_path, screenplays, another_process):
    with another_process(tmp_path / "set"), pytest.raises(RuntimeError, match="is in use by process"):
        write_set(tmp_path / "set", screenplays, [], OPTIONS, "build")


@pytest.mark.slow
@pytest.mark.parametrize("cot", VARIANTS)
def test_training_reads_the_set(tmp_path, screenplays, clients, llava, cot):
    folder = tmp_path / "set"
    checked = write_set(folder, screenplays, clients, OPTIONS, "build")
    data = load_training_set(folder / f"mirror_{cot}.json", folder / "images", llava, 2048, 0.2, "refuse", 0, cot)
    assert len(data.records) == checked[checked["file"] == f"mirror_{cot}.json"]["records"].sum()
    assert data.held_out and not data.faults and not data.derived
    own = OPTIONS.prompts[cot]
    found = find_prompts(data, cot)
    for kind, (counted, *_) in own.templates.items():
        assert found.template(kind, counted.template.fields) == counted.template


WRITE = (
    "import pickle, sys\n"
    "from pathlib import Path\n"
    "from mirror.building.training_set.options import RecordOptions\n"
    "from mirror.building.training_set.folder import write_set\n"
    "folder = Path(sys.argv[1])\n"
    "screenplays, clients = pickle.loads((folder / 'input').read_bytes())\n"
    "print('ready', flush=True)\n"
    "write_set(folder / 'set', screenplays, clients, RecordOptions(), 'build')\n"
)


@pytest.mark.slow
@pytest.mark.proof
def test_a_killed_writer_leaves_all_or_nothing(tmp_path, clients):
    screenplays = make_screenplays(tmp_path / "sources", 40)
    write_set(tmp_path / "whole", screenplays, clients, OPTIONS, "build")
    (tmp_path / "input").write_bytes(pickle.dumps((screenplays, clients)))
    killed = 0
    for seconds in (0.02, 0.1, 0.3, 0.5, 1):
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"ready\n"
        try:
            writer.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            writer.kill()
            killed += 1
        writer.stdout.close()
        writer.wait()
        assert not (tmp_path / "set").exists() or contents(tmp_path / "set") == contents(tmp_path / "whole")
    assert killed
    write_set(tmp_path / "set", screenplays, clients, OPTIONS, "build")
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")
    assert not list(tmp_path.glob(".set.building*"))


def test_names_sort_by_their_numbers(screenplays):
    names = ["a-10-b", "a-9-b", "a-09-b", "a", "b-1", "a-9-a", "10", "9", "x" + "9" * 5000]
    assert sorted(names, key=natural_key) == [
        "9", "10", "a", "a-9-a", "a-09-b", "a-9-b", "a-10-b", "b-1", "x" + "9" * 5000
    ]  # fmt: skip
    assert by_idx(reversed(screenplays)) == screenplays


def test_the_table_counts_turns_and_words(screenplays, clients):
    table = dialogue_table(screenplays, clients, OPTIONS).set_index("idx")
    first = screenplays[0]
    row = table.loc[first.idx]
    assert row["turns"] == len(first.therapist_lines)
    assert row["words"] == sum(len(first.lines[turn].words.split()) for turn in first.therapist_lines)
    assert (row["client"], row["split"], row["resistance"]) == ("cactus-1", "train", "cognitive")
    assert table.loc[clients[0].idx, "split"] == "test" and table.loc[clients[0].idx, "turns"] == 0
