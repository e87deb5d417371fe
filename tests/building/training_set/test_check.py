"""Whatever is changed in a written set is found: also by someone who brings the digests up to date."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.building.training_set.check import SetError, check_set
from mirror.building.training_set.folder import write_set
from mirror.building.training_set.options import RecordOptions
from mirror.files.digests import write_digests
from mirror.files.json_file import write_json
from tests.made_screenplays import make_clients, make_screenplays

FIRST = "cactus-1-cognitive-resistance"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    screenplays, clients = make_screenplays(folder / "sources"), make_clients(folder / "sources")
    write_set(folder / "set", screenplays, clients, RecordOptions(window=4), "build")
    return folder / "set"


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "set")


def faults(folder, **options):
    with pytest.raises(SetError) as error:
        check_set(folder, **options)
    return "\n".join(error.value.faults)


def change(folder, cot, edit):
    """Edit the list of records of a variant."""
    path = folder / f"mirror_{cot}.json"
    records = json.loads(path.read_text())
    edit(records)
    path.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")


def change_prompt(folder, cot, identifier, old, new):
    def edit(records):
        turn = next(record for record in records if record["question_id"] == identifier)["conversations"][0]
        assert old in turn["value"]
        turn["value"] = turn["value"].replace(old, new)

    change(folder, cot, edit)


def test_a_written_set_passes(folder):
    checked = check_set(folder)
    assert set(checked["file"]) == {f"mirror_{cot}.json" for cot in ("base", "planning", "ec", "ec_planning")}
    assert (checked["reproduced"] == 1).all() and (checked["dialogues"] == 6).all()


def test_two_exchanged_pictures_are_found(folder):
    one, two = (folder / "images" / FIRST / f"turn:{turn}_004712.png" for turn in (0, 2))
    first, second = one.read_bytes(), two.read_bytes()
    assert len(first) == len(second)  # sizes alone would not tell
    one.write_bytes(second)
    two.write_bytes(first)
    found = faults(folder)
    assert "turn:0_004712.png was changed since the folder was written" in found
    assert "turn:2_004712.png was changed" in found


@pytest.mark.parametrize("cot", ["base", "ec_planning"])
def test_a_removed_record_is_found(folder, cot):
    change(
        folder, cot, lambda records: records.remove(next(r for r in records if r["question_id"].endswith("3:response")))
    )
    assert f"mirror_{cot}.json has" in faults(folder)  # its size
    write_digests(folder, subfolders=True)
    found = faults(folder)
    assert "lacks the reply of" in found and "replies of" in found


def test_a_changed_prompt_is_found(folder):
    change_prompt(folder, "ec", f"{FIRST}:3:response", "Answer as the therapist.", "Answer as a therapist.")
    assert "mirror_ec.json" in faults(folder)
    write_digests(folder, subfolders=True)
    assert "of the prompts of kind response are reproduced by a template, must be all" in faults(folder)


@pytest.mark.slow
@pytest.mark.parametrize("cot", ["base", "planning", "ec", "ec_planning"])
@pytest.mark.parametrize("label", ["Client: ", "Therapist: ", "- Personal Information: ", "- Reason for Counseling: "])
def test_a_changed_field_is_found(folder, cot, label):
    change_prompt(folder, cot, f"{FIRST}:3:response", label, f"{label}Well, ")
    write_digests(folder, subfolders=True)
    found = faults(folder)
    assert f"({FIRST}:3:response): differs from the same turn" in found or cot == "base"
    assert found.count("differs from the same turn") == (3 if cot == "base" else 1)


@pytest.mark.parametrize("cot", ["ec", "ec_planning"])
def test_an_emotional_state_is_the_caption(folder, cot):
    change_prompt(folder, cot, f"{FIRST}:3:response", "Client Emotional State: ", "Client Emotional State: Well, ")
    write_digests(folder, subfolders=True)
    assert "its emotional state is not the caption" in faults(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r.append(r[0]), "question_id: stands in the file twice"),
        (lambda r: r[-1].update(image=r[0]["image"]), "image must be"),
        (lambda r: r[-1].update(image="nowhere.png"), "no such file"),
        (lambda r: r[0]["conversations"][1].update(value=""), "is empty"),
        (lambda r: r[0]["conversations"][1].update(value="Other words."), "differs from the same turn"),
        (lambda r: r[3].update(question_id="stranger:1:response"), "no such dialogue"),
        (lambda r: r.clear(), "found an empty list"),
    ],
)
def test_a_damaged_record_is_found(folder, edit, message):
    change(folder, "base", edit)
    write_digests(folder, subfolders=True)
    assert message in faults(folder)


def test_pictures_of_the_wrong_turn_are_found_by_their_names(folder):
    for cot in ("base", "planning", "ec", "ec_planning"):  # the same shift in all files

        def shift(records):
            images = [record["image"] for record in records if record["question_id"].startswith(FIRST)]
            for record, image in zip(records, [images[-1], *images], strict=False):
                record["image"] = image if record["question_id"].startswith(FIRST) else record["image"]

        change(folder, cot, shift)
    write_digests(folder, subfolders=True)
    assert f"image must be {FIRST}/turn:2_004712.png, found turn:0_004712.png" in faults(folder)


def test_the_window_is_checked(folder):
    assert "shows 4 utterances, the window is 3" in faults(folder, window=3)


def test_missing_and_added_files_are_found(folder):
    (folder / "images" / FIRST / "turn:2_004712.png").unlink()
    (folder / "images" / FIRST / "more.png").write_bytes(b"")
    (folder / "mirror_planning.json").unlink()
    found = faults(folder)
    assert "turn:2_004712.png is missing" in found
    assert f"images/{FIRST}/more.png belongs to no record" in found and "more.png is not in digests.json" in found
    assert "mirror_planning.json" in found


@pytest.mark.parametrize("name", ["set.json", "digests.json", "dialogues.csv"])
def test_a_folder_that_is_no_set_is_refused(folder, name):
    (folder / name).unlink()
    assert f"{name} is missing, so this is no complete training set" in faults(folder)


@pytest.mark.parametrize(("name", "text"), [("set.json", "{"), ("set.json", "{}"), ("dialogues.csv", "idx\n1\n")])
def test_damaged_descriptions_are_refused(folder, name, text):
    (folder / name).write_text(text)
    assert name in faults(folder)


def test_wrong_facts_are_refused(folder):
    write_json(folder / "digests.json", {"set.json": 3})
    assert "is damaged" in faults(folder)


def test_a_person_in_both_splits_is_refused(tmp_path):
    screenplays, clients = make_screenplays(tmp_path / "sources"), make_clients(tmp_path / "sources")
    clients[0] = replace(clients[0], portrait=replace(clients[0].portrait, person="person 1"))
    clients[1] = replace(clients[1], idx="cactus-2-no-resistance")
    with pytest.raises(SetError) as error:
        write_set(tmp_path / "set", screenplays, clients, RecordOptions(), "build")
    assert error.value.faults == (
        "the client cactus-2 is in the training records and in test.csv",
        "the person person 1 is in the training records and in test.csv",
    )


def test_test_clients_are_those_of_the_table(folder):
    text = (folder / "test.csv").read_text()
    (folder / "test.csv").write_text(text.replace("\ncactus-101", "\ncactus-999"))
    write_digests(folder, subfolders=True)
    assert "test.csv has other clients than dialogues.csv" in faults(folder)
    (folder / "test.csv").write_text("idx\n1\n")
    assert "column personal_info is missing" in faults(folder)


def test_the_prompts_that_are_not_reproduced_are_named(tmp_path):
    screenplays = make_screenplays(tmp_path / "sources", 8)
    screenplays[3] = replace(screenplays[3], info=replace(screenplays[3].info, reason="A\n- b: c\n- d: e"))
    with pytest.raises(SetError, match=r"planning are reproduced.*for example, record \d+ \(cactus-4-emotional-resist"):
        write_set(tmp_path / "set", screenplays, [], RecordOptions(), "build")


def test_a_message_lists_some_faults_and_counts_all():
    error = SetError(Path("set"), [f"fault {n}" for n in range(30)])
    assert "has 30 faults" in str(error) and "and 10 more" in str(error) and len(error.faults) == 30


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"idx,c\x9e\n", b'idx,"client\n', b"idx\na,b\nc,d,e\n", b"idx,client\n", b"c," * 300_000]
)
def test_a_table_of_dialogues_that_is_none_is_named(folder, content):
    (folder / "dialogues.csv").write_bytes(content)
    assert "dialogues.csv" in faults(folder)


@pytest.mark.parametrize("image_name", ["turn.png", "{turn}{other}.png", "{turn", "../{turn}.png"])
def test_a_pattern_that_names_no_picture_is_named(folder, image_name):
    facts = json.loads((folder / "set.json").read_text()) | {"image_name": image_name}
    write_json(folder / "set.json", facts)
    assert faults(folder).startswith("set.json: image_name: ")
