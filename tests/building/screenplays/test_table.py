"""Tables of screenplays and clients: every row is read, or dropped with its reason; the order of rows is nothing."""

import csv
import json
import random

import pytest

from mirror.building.screenplays import Line
from mirror.building.screenplays.columns import ColumnsError
from mirror.building.screenplays.table import parse_columns, read_clients, read_screenplays
from mirror.natural_order import natural_key

DIALOGUE = "Client: [sighs] I failed again.\nTherapist: [nods] What happened?"
PLAN = "Pie Chart Technique\n\n1. List the causes.\n2. Give each a share."
GOOD = {
    "idx": "cactus-2-emotional-resistance",
    "personal_info": "Anna, 34, a nurse. Gender: female",
    "personality": "Emotional Resistance",
    "distorted_thought": "I always fail.",
    "reason_for_seeking_counseling": "She cannot sleep.",
    "cbt_plan": PLAN,
    "dialogue": DIALOGUE,
}


def written(tmp_path, rows, name="t.csv"):
    path = tmp_path / name
    if name.endswith(".json"):
        path.write_text(json.dumps(rows), encoding="utf-8")
        return path
    with open(path, "w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def read(tmp_path, *rows, on_not_found="drop", on_same_speaker="drop", needs_plan=True, columns="", name="t.csv"):
    path = written(tmp_path, list(rows), name)
    return read_screenplays(path, parse_columns(columns), on_not_found, on_same_speaker, needs_plan)


@pytest.mark.parametrize("name", ["t.csv", "t.json"])
def test_a_row_is_read(name, tmp_path):
    sifted = read(tmp_path, GOOD | {"img_path": "000007.jpg", "cbt_technique": "Pie chart technique"}, name=name)
    (one,) = sifted.kept
    assert sifted.dropped == ()
    assert (one.idx, one.client, one.person, one.source) == (GOOD["idx"], "cactus-2", "000007.jpg", name)
    assert (one.technique, one.plan) == ("Pie chart technique", ("List the causes.", "Give each a share."))
    assert one.lines == (Line("client", "sighs", "I failed again."), Line("therapist", "nods", "What happened?"))
    assert (one.info.personal_info, one.info.reason) == ("Anna, 34, a nurse. Gender: female", "She cannot sleep.")
    assert (one.info.gender, one.info.age, one.info.name) == ("woman", 34, "")
    assert (one.info.personality, one.info.distorted_thought) == ("Emotional Resistance", "I always fail.")


def test_columns_may_have_other_names(tmp_path):
    row = {("screenplay" if name == "dialogue" else name): text for name, text in GOOD.items()}
    assert len(read(tmp_path, row, columns="dialogue=screenplay").kept) == 1


def test_a_missing_column_is_an_error_that_names_what_was_found(tmp_path):
    row = {("dialog" if name == "dialogue" else name): text for name, text in GOOD.items()}
    with pytest.raises(
        ColumnsError, match=r"column 'dialogue' \(dialogue\) is missing; is it 'dialog'\?(.|\n)*idx, pers"
    ):
        read(tmp_path, row)


DROPPED = {
    "no idx": ({"idx": ""}, "no_idx", None),
    "a path as idx": ({"idx": "../a"}, "bad_idx", None),
    "Not found": ({"reason_for_seeking_counseling": "Not found"}, "not_found", None),
    "Not found.": ({"personal_info": "not found."}, "not_found", None),
    "NaN": ({"distorted_thought": "nan"}, "not_found", None),
    "no personality": ({"personality": "None"}, "not_found", None),
    "another personality": ({"personality": "cheerful"}, "unknown_resistance", None),
    "no plan": ({"cbt_plan": ""}, "no_plan", None),
    "unknown technique": ({"cbt_plan": "Hypnosis\n1. Sleep."}, "no_plan", None),
    "no steps": ({"cbt_plan": "Pie Chart Technique"}, "no_plan", None),
    "no dialogue": ({"dialogue": ""}, "no_dialogue", None),
    "dialogue not found": ({"dialogue": "Not found"}, "no_dialogue", None),
    "odd line": ({"dialogue": DIALOGUE + "\nshe leaves"}, "odd_line", 2),
    "third speaker": ({"dialogue": "Narrator: Rain.\n" + DIALOGUE}, "third_speaker", 0),
    "twice": ({"dialogue": DIALOGUE + "\nTherapist: Well?"}, "same_speaker_twice", 2),
    "empty line": ({"dialogue": DIALOGUE + "\nClient:"}, "empty_line", 2),
    "control character": ({"personal_info": "A\0B"}, "bad_character", None),
    "lone surrogate": ({"dialogue": DIALOGUE + " \ud83d"}, "bad_character", None),
}


@pytest.mark.parametrize("change, reason, line", DROPPED.values(), ids=DROPPED)
def test_a_row_that_cannot_be_used_is_dropped_with_its_reason(change, reason, line, tmp_path):
    sifted = read(tmp_path, GOOD | {"idx": "cactus-1"}, GOOD | change)
    assert [one.idx for one in sifted.kept] == ["cactus-1"]
    (dropped,) = sifted.dropped
    assert (dropped.step, dropped.reason, dropped.line) == ("read", reason, line)
    assert dropped.detail and dropped.what == "dialogue"


def test_what_was_not_found_may_be_left_blank(tmp_path):
    (one,) = read(tmp_path, GOOD | {"distorted_thought": "Not found"}, on_not_found="blank").kept
    assert one.info.distorted_thought == ""


def test_without_need_of_a_plan_a_row_may_lack_it(tmp_path):
    (one,) = read(tmp_path, GOOD | {"cbt_plan": "Not found"}, needs_plan=False).kept
    assert (one.technique, one.plan) == ("", ())


def test_one_entry_a_reason_names_the_first_line_and_the_number(tmp_path):
    (dropped,) = read(tmp_path, GOOD | {"dialogue": "odd\n" + DIALOGUE + "\nodder\noddest"}).dropped
    assert dropped.line == 0 and "'odd'" in dropped.detail and "(and 2 more)" in dropped.detail


def test_a_row_of_too_many_cells_is_dropped_alone(tmp_path):
    path = written(tmp_path, [GOOD])
    path.write_text(path.read_text(encoding="utf-8") + "a,b\n", encoding="utf-8")
    sifted = read_screenplays(path, {}, "drop", "drop")
    assert len(sifted.kept) == 1 and [one.reason for one in sifted.dropped] == ["odd_row"]


def test_an_idx_twice_is_dropped_where_the_rows_differ_and_used_once_where_they_do_not(tmp_path):
    other = GOOD | {"dialogue": DIALOGUE + "\nClient: Nothing."}
    sifted = read(tmp_path, GOOD, other | {"idx": GOOD["idx"].upper()})
    assert not sifted.kept and {one.reason for one in sifted.dropped} == {"duplicate_idx"}
    sifted = read(tmp_path, GOOD, GOOD)
    assert len(sifted.kept) == 1 and [one.reason for one in sifted.dropped] == ["repeated_row"]


def test_the_order_of_rows_changes_nothing(tmp_path):
    rows = [GOOD | {"idx": f"cactus-{number}"} for number in (10, 2, 1, 33)]
    rows += [change | {"idx": f"bad-{place}"} for place, change in enumerate([GOOD | {"dialogue": "odd"}] * 3)]
    first = read(tmp_path, *rows)
    assert [one.idx for one in first.kept] == ["cactus-1", "cactus-2", "cactus-10", "cactus-33"]
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        assert read(tmp_path, *rows) == first


def test_numbers_sort_as_numbers():
    assert sorted(["a10", "a9b", "b", "a9", "10", "a"], key=natural_key) == ["10", "a", "a9", "a9b", "a10", "b"]


FORM = (
    "Name: Anna\nAge: 34\nGender: female\n1. Presenting Problem\nNo sleep.\n2. Reason for Seeking Counseling\nTo sleep."
)


def test_profiles_with_an_intake_form_are_read(tmp_path):
    row = {"intake_form": FORM, "thought": "I fail.", "cbt_technique": "Pie Chart Technique", "cbt_plan": PLAN}
    columns = "personal_info=intake_form, reason=intake_form, distorted_thought=thought"
    path = written(tmp_path, [row, row | {"intake_form": "Name: Ben"}])
    sifted = read_clients(path, parse_columns(columns), "drop", needs_plan=True)
    (one,) = sifted.kept
    assert (one.info.personal_info, one.info.reason) == ("Name: Anna\nAge: 34\nGender: female", "To sleep.")
    assert (one.info.age, one.info.gender, one.technique, one.lines) == (34, "woman", "Pie Chart Technique", ())
    assert one.idx.startswith("client-")
    assert [(dropped.reason, dropped.detail) for dropped in sifted.dropped] == [
        ("not_found", "reason: empty or marked as missing")
    ]


def test_clients_of_a_test_table_need_no_dialogue(tmp_path):
    row = {name: text for name, text in GOOD.items() if name not in ("dialogue", "cbt_plan")}
    (one,) = read_clients(written(tmp_path, [row]), {}, "drop").kept
    assert one.idx == GOOD["idx"] and one.lines == ()


@pytest.mark.slow
def test_a_large_table_is_read_in_time_linear_in_its_rows(tmp_path):
    rows = [GOOD | {"idx": f"c-{number}"} for number in range(20_000)]
    assert len(read(tmp_path, *rows).kept) == 20_000
