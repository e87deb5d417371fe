"""Files of training records as people have them: JSON or JSON Lines, any UTF, paths of another machine, odd values."""

import json
import unicodedata

import pytest
from PIL import Image

from mirror.training.records import not_found_fields, read_records
from mirror.training.records.faults import DataError, write_faults

PROMPT = "<image>\nHere is your client.\n- Personal Information: {}\n- Reason for Counseling: {}\nAnswer."


def row(name="a:0:response", image="face.png", human="<image>\nHello.", answer="What brings you here?", **fields):
    turns = [{"from": "human", "value": human}, {"from": "gpt", "value": answer}]
    return {"question_id": name, "image": image, "conversations": turns} | fields


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "images"
    (folder / "12").mkdir(parents=True)
    for name in ("face.png", "12/turn:3_004711.png"):
        Image.effect_noise((40, 40), 50).convert("RGB").save(folder / name)
    return folder


@pytest.fixture
def read(tmp_path, folder):
    """Reads records from the content of a file: text, bytes, or rows."""

    def read(content, name="data.json"):
        content = json.dumps(content) if isinstance(content, list) else content
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_records(tmp_path / name, folder)

    return read


def lines(*rows, end="\n"):
    return end.join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows)


# The file -------------------------------------------------------------------------------------------------------------

ROWS = [row("a:0:response", answer="Zoë „sagt“ 😢."), row("b:0:response")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["data.json", "data.jsonl"])
def test_records_are_read_in_any_utf_as_a_list_or_as_lines(encoding, name, read):
    text = json.dumps(ROWS, ensure_ascii=False, indent=1) if name == "data.json" else lines(*ROWS)
    records, faults, count = read(text.encode(encoding), name)
    assert (faults, count) == ([], 2)
    assert [record.turns[0][1] for record in records] == ["Zoë „sagt“ 😢.", "What brings you here?"]


@pytest.mark.parametrize("name", ["data.json", "data.jsonl", "DATA.NDJSON"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_json_lines_are_known_by_what_stands_in_them(name, end, read):
    records, faults, count = read(lines(*ROWS, "", end=end), name)
    assert ([record.id for record in records], faults, count) == (["a:0:response", "b:0:response"], [], 2)


def test_a_list_is_read_under_any_ending(read):
    assert len(read(json.dumps(ROWS, indent=1), "data.jsonl")[0]) == 2


def test_one_line_of_json_lines_is_one_record(read):
    assert len(read(lines(ROWS[0]), "data.jsonl")[0]) == 1


def test_a_line_separator_inside_a_text_is_no_line_end(read):
    records, faults, _ = read(lines(row("a:0:r", answer="One\u2028two\x85three."), ROWS[1]), "data.jsonl")
    assert faults == [] and records[0].turns[0][1] == "One\u2028two\x85three."


@pytest.mark.parametrize("name", ["data.json", "data.jsonl"])
@pytest.mark.parametrize(
    "bad", ['{"question_id": "x:0:r", "image"', "-- 3 --", "[" * 100_000], ids=["cut", "text", "deep"]
)
def test_a_bad_line_is_a_fault_with_its_number_among_all_others(bad, name, read):
    records, faults, count = read(lines(ROWS[0], "", bad, row("b:0:r", answer="")), name)
    assert [record.id for record in records] == ["a:0:response"] and count == 3
    assert [(fault.record, fault.field) for fault in faults] == [
        ("record 1 (line 3)", "JSON"),
        ("record 2 (b:0:r)", "conversations"),
    ]
    assert faults[0].problem.startswith("line 3 is not JSON (") and "one record per line" in faults[0].problem


@pytest.mark.parametrize(
    "content, told",
    [
        (b'[{"question_id": "a"', "Expecting"),
        (b'{"question_id": "a",\n "image": 3', "Expecting"),
        (b"[" * 100_000, "recursion"),
        (b"[" + b"9" * 5000 + b"]", "4300 digits"),
        (b"Zo\xeb", "is not UTF-8 text, found byte 0xeb at position 2"),
        (lines(*ROWS).encode("utf-16")[:-1], "is not UTF-16 text"),
        (b'{"a": 1}\n{"a": 2}', "Extra data"),
    ],
    ids=["cut list", "cut object", "deep", "a huge number", "Latin-1", "UTF-16 cut", "other lines"],
)
def test_a_file_that_cannot_be_read_is_one_fault(content, told, read):
    with pytest.raises(DataError) as error:
        read(content)
    (fault,) = error.value.faults
    assert fault.field == "JSON" and told in fault.problem


def test_a_file_that_is_gone_is_one_fault(tmp_path, folder):
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\)"):
        read_records(tmp_path / "gone.json", folder)


# Texts ----------------------------------------------------------------------------------------------------------------

HALF = "half a character (a lone surrogate, \\ud83d) at position 3"
SURROGATES = {
    "answer": (row(answer="Oh \ud83d"), "conversations", f"turn 1 (gpt) holds {HALF}"),
    "human": (row(human="Oh \ud83d<image>"), "conversations", f"turn 0 (human) holds {HALF}"),
    "question_id": (row("abc\ud83d:0:r"), "question_id", f"holds {HALF}"),
    "image": (row(image="abc\ud83d.png"), "image", f"holds {HALF}"),
}


@pytest.mark.parametrize("faulty, field, problem", SURROGATES.values(), ids=SURROGATES)
def test_half_a_surrogate_pair_is_a_fault_of_its_record(faulty, field, problem, read, tmp_path):
    records, faults, _ = read([row("s:0:r"), faulty, row("t:0:r", image="gone.png")])
    assert [record.id for record in records] == ["s:0:r"]
    assert [(fault.record[:8], fault.field) for fault in faults] == [("record 1", field), ("record 2", "image")]
    assert faults[0].problem == problem
    write_faults(tmp_path / "faults.csv", faults)  # neither the table nor the message can hold such a character
    str(DataError(tmp_path / "data.json", faults, 3)).encode()


def test_half_a_surrogate_pair_in_the_bytes_is_a_fault_of_its_record_too(read):
    text = json.dumps([row("s:0:r"), row(answer="Oh \ud83d")], ensure_ascii=False)
    records, faults, _ = read(text.encode("utf-8", "surrogatepass"))
    assert [record.id for record in records] == ["s:0:r"] and faults[0].problem == f"turn 1 (gpt) holds {HALF}"


def test_half_a_pair_in_a_field_that_nothing_reads_costs_nothing(read):
    assert len(read([row(model="\ud83d")])[0]) == 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", "7", "true", "null", "[]"])
@pytest.mark.parametrize("field", ["question_id", "image", "conversations", "value"])
def test_a_value_that_is_no_text_is_a_fault_of_its_field(field, value, read):
    text = json.dumps([row("s:0:r"), row()]).rpartition("[")
    target = {"question_id": '"a:0:response"', "image": '"face.png"', "value": '"What brings you here?"'}
    if field == "conversations":
        text = json.dumps([row("s:0:r"), row(conversations="HERE")]).replace('"HERE"', value)
    else:
        text = value.join("".join(text).rsplit(target[field], 1))
    records, faults, _ = read(text)
    assert [record.id for record in records] == ["s:0:r"]
    assert [fault.field for fault in faults] == ["conversations" if field == "value" else field]


def test_a_number_that_is_none_costs_nothing_where_nothing_reads_it(read):
    assert len(read('[{"score": NaN, ' + json.dumps(row())[1:] + "]")[0]) == 1


def test_a_key_with_two_values_is_a_fault(read):
    twice = '[{"image": "gone.png", ' + json.dumps(row())[1:] + "]"
    (fault,) = read(twice)[1]
    assert (fault.field, fault.problem) == ("image", "stands in the record twice, with two values")
    said = json.dumps([row()]).replace('"value": "What', '"value": "Other.", "value": "What')
    (fault,) = read(said)[1]
    assert (fault.field, fault.problem) == ("conversations", "turn 1 (gpt) has two values")


def test_a_key_that_stands_twice_with_one_value_costs_nothing(read):
    assert read('[{"image": "face.png", ' + json.dumps(row())[1:] + "]")[1] == []


def test_an_id_with_a_line_end_stays_in_its_line(read):
    (fault,) = read([row("a\nb:0:r", answer="")])[1]
    assert fault.record == "record 0 ('a\\nb:0:r')"


def test_fields_not_found_are_counted_and_left_as_they_are(read):
    human = [
        PROMPT.format(*fields) for fields in (("Anna, 34", "Not found"), (" not found. ", "x"), ("Not found yet", "x"))
    ]
    human.append("<image>\n- Technique:\nNot found\nTherapist: Not found")
    records, faults, _ = read([row(f"a:{n}:r", human=text) for n, text in enumerate(human)])
    assert faults == [] and not_found_fields(records) == 3
    assert [record.turns[0][0] for record in records] == human


# Images ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "/data/project/utterances_336/12/turn:3_004711.png",
        "D:\\mirror\\12\\turn:3_004711.png",
        "12/turn:3_004711.png",
    ],
)
def test_an_image_path_of_another_machine_is_found_below_the_folder(name, read, folder):
    ((record,), faults, _) = read([row(image=name)])
    assert faults == [] and record.image == folder / "12/turn:3_004711.png"


def test_an_image_name_is_found_in_the_other_form_of_its_accents(read, folder):
    stored = unicodedata.normalize("NFD", "zoé.png")
    (folder / "face.png").rename(folder / stored)
    ((record,), faults, _) = read([row(image=unicodedata.normalize("NFC", "zoé.png"))])
    assert faults == [] and record.image == folder / stored


def test_a_picture_that_no_model_should_see_is_a_fault_of_its_record(read, folder):
    Image.new("RGB", (500, 1)).save(folder / "line.png")
    Image.new("F", (40, 40), float("nan")).save(folder / "nan.tif")
    (folder / "empty.png").touch()
    names = ("line.png", "nan.tif", "empty.png")
    _, faults, _ = read([row(f"a:{n}:r", image=name) for n, name in enumerate(names)])
    assert [fault.problem.split(";")[0] for fault in faults] == [
        f"{folder}/line.png: has 500 × 1 pixels (a side has at least 8, the longer at most 10 times the shorter)",
        f"{folder}/nan.tif: holds values that are not finite numbers, so that the white level is ambiguous",
        f"{folder}/empty.png: is empty (0 bytes)",
    ]
