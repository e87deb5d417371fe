"""A test table is read as a whole: every client as the table has it, or every fault at once."""

import csv
import io
import random
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mirror.transcripts.profile import COLUMNS, ProfileError, read_profiles, resistance_of
from tests.sessions import CLIENT

ROW = {
    "idx": "7",
    "personal_info": "Anna, 34, a nurse",
    "personality": "Emotional Resistance",
    "distorted_thought": "It was all my fault.",
    "reason_for_seeking_counseling": "My partner left me.",
    "img_path": "a.png",
    "dominant_gender": "Woman",
}


@pytest.fixture
def folder(tmp_path):
    """A portrait folder with two pictures, one of them deeper."""
    folder = tmp_path / "portraits"
    (folder / "12").mkdir(parents=True)
    for name in ("a.png", "12/b.jpg"):
        Image.effect_noise((32, 32), 50).save(folder / name)
    return folder


@pytest.fixture
def read(tmp_path, folder):
    """Reads the clients of a table: of its text, of its bytes, or of rows that differ from ROW."""

    def read(*rows, text=None):
        table = tmp_path / "test.csv"
        text = as_csv([ROW | row for row in rows]) if text is None else text
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_profiles(table, folder)

    return read


@pytest.fixture
def faults(read, tmp_path):
    """The faults of such a table, without the table's path."""

    def faults(*rows, text=None):
        with pytest.raises(ProfileError) as error:
            read(*rows, text=text)
        assert str(error.value) == "\n".join(error.value.faults)
        assert all(fault.startswith(f"{tmp_path}/test.csv: ") for fault in error.value.faults)
        return [fault.removeprefix(f"{tmp_path}/test.csv: ") for fault in error.value.faults]

    return faults


def as_csv(rows, **style):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), **style)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# What is read ---------------------------------------------------------------------------------------------------------


def test_a_client_is_read_as_the_table_has_it(read, folder):
    (profile,) = read({"name": "Anna", "personal_info": " Anna, 34,\na nurse ", "thinking_trap": "not asked for"})
    assert profile.idx == "7"
    assert profile.personal_info == "Anna, 34,\na nurse"
    assert profile.resistance == "emotional"
    assert profile.distorted_thought == "It was all my fault."
    assert profile.reason == "My partner left me."
    assert profile.gender == "Woman"
    assert profile.portraits == (folder / "a.png",)
    assert profile.name == "Anna"


def test_clients_keep_the_order_of_the_table(read):
    assert [profile.idx for profile in read({"idx": "9"}, {"idx": "10"}, {"idx": "1"})] == ["9", "10", "1"]


def test_a_name_may_be_missing_or_empty(read):
    assert read({})[0].name == read({"name": ""})[0].name == ""


def test_any_gender_is_allowed(read):
    assert read({"dominant_gender": "nonbinary"})[0].gender == "nonbinary"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: text.rstrip(),
        lambda text: text.replace("\r\n", "\r\n\r\n,,,,,,\r\n"),
    ],
    ids=["byte order mark", "line feeds", "carriage returns", "no last line end", "blank lines"],
)
def test_what_programs_make_of_a_table_is_read_alike(change, read):
    rows = [ROW, ROW | {"idx": "8", "personal_info": "Zoë, 19, a “cook”, and so on"}]
    assert read(text=change(as_csv(rows))) == read(*rows)


def test_the_order_of_columns_does_not_matter(read):
    assert read(dict(reversed(ROW.items()))) == read({})


# Resistance -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, resistance",
    [
        ("Emotional", "emotional"),
        ("cognitive resistance", "cognitive"),
        ("BEHAVIOURAL-RESISTANCE", "behavioral"),
        ("Behavioral Resistance: skips sessions and doubts advice.", "behavioral"),
        ("No Resistance", "none"),
        ("No\nResistance: follows the counselor.", "none"),
        ("None", "none"),
        ("no_resistance", "none"),
        ("The client shows cognitive resistance and hides emotional wounds.", "cognitive"),
        ("Cognitive Resistance. There is no doubt, no plan.", "cognitive"),
        ("Type: Cognitive", "cognitive"),
        ("Emotional Resistance and emotional resistance", "emotional"),
        ("Emotional and Cognitive Resistance", None),
        ("Emotional, cognitive resistance", None),
        ("emotional/behavioral resistance", None),
        ("Emotional resistance, later cognitive resistance", None),
        ("No Emotional Resistance", None),
        ("no cognitive or emotional resistance", None),
        ("not emotional", None),
        ("emotional or cognitive", None),
        ("Emotionally resistant", None),
        ("Resistance", None),
        ("stubborn", None),
        ("", None),
    ],
)
def test_the_resistance_that_a_text_names(text, resistance):
    assert resistance_of(text) == resistance


KINDS = {"Emotional": "emotional", "Cognitive": "cognitive", "Behavioral": "behavioral", "No": "none"}
PROSE = st.lists(st.sampled_from("the client often doubts advice now. But, a feeling: hides".split())).map(" ".join)


@given(kind=st.sampled_from(list(KINDS)), before=PROSE, after=PROSE, seed=st.integers(0, 99))
def test_prose_and_case_do_not_hide_a_resistance(kind, before, after, seed):
    flip = random.Random(seed)
    text = f"{before} {kind} Resistance {after}"
    assert resistance_of("".join(flip.choice((c.lower(), c.upper())) for c in text)) == KINDS[kind]


@given(kinds=st.lists(st.sampled_from(list(KINDS)), min_size=2, max_size=3, unique=True), prose=PROSE)
def test_two_resistances_are_never_read_as_one(kinds, prose):
    assert resistance_of(f" Resistance {prose} ".join(kinds) + " Resistance") is None


def test_a_personality_without_a_resistance_is_a_fault(faults):
    assert faults({"personality": "stubborn"}) == [
        "row 2 (idx 7): personality: must name one of Emotional, Cognitive, Behavioral or No Resistance, "
        "found 'stubborn'"
    ]


# Portraits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell, files",
    [
        ("12/b.jpg", ["12/b.jpg"]),
        ("./12/b.jpg", ["12/b.jpg"]),
        ("a.png;12/b.jpg", ["a.png", "12/b.jpg"]),
        (" a.png ; 12/b.jpg ; ", ["a.png", "12/b.jpg"]),
        ("/home/someone/celeba/12/b.jpg", ["12/b.jpg"]),
        ("//home/someone/celeba/12/b.jpg", ["12/b.jpg"]),
        ("C:\\Users\\someone\\12\\b.jpg", ["12/b.jpg"]),
        ("/elsewhere/a.png;a.png", ["a.png", "a.png"]),
    ],
)
def test_portraits_lie_in_the_portrait_folder(cell, files, read, folder):
    assert read({"img_path": cell})[0].portraits == tuple(folder / file for file in files)


def test_an_absolute_path_does_not_defeat_the_portrait_folder(read, faults, folder, tmp_path):
    """The file is there on this machine; the folder that was asked for decides all the same."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("a.png", "c.png"):
        Image.new("RGB", (8, 8)).save(elsewhere / name)
    assert read({"img_path": f"{elsewhere}/a.png"})[0].portraits == (folder / "a.png",)
    assert read({"img_path": f"{folder}/12/b.jpg"})[0].portraits == (folder / "12/b.jpg",)
    assert faults({"img_path": f"{elsewhere}/c.png"}) == [
        f"row 2 (idx 7): img_path: no end of this absolute path is a file in {folder}, found '{elsewhere}/c.png'; "
        "put it there or correct the path"
    ]


def test_the_longest_end_of_an_absolute_path_is_taken(read, folder):
    Image.new("RGB", (8, 8)).save(folder / "b.jpg")
    assert read({"img_path": "/x/12/b.jpg"})[0].portraits == (folder / "12/b.jpg",)


@pytest.mark.parametrize("cell", ["b.jpg", "12", ".", "x" * 4000, "faces/12/b.jpg", "13\\b.jpg"])
def test_a_picture_that_is_not_there_is_a_fault(cell, faults, folder):
    (fault,) = faults({"img_path": cell})
    assert fault.startswith(f"row 2 (idx 7): img_path: no such file in {folder}, found '") and len(fault) < 500


@pytest.mark.parametrize("cell", ["../portraits/a.png", "12/../a.png", "/x/../a.png", "C:\\..\\a.png", "..\\a.png"])
def test_a_picture_outside_the_folder_is_a_fault(cell, faults, folder):
    (fault,) = faults({"img_path": cell})
    assert f"must stay in {folder}, found" in fault


def test_a_relative_path_of_windows_is_found(read, folder):
    assert read({"img_path": "12\\b.jpg"})[0].portraits == (folder / "12/b.jpg",)


def test_a_portrait_is_found_in_the_other_form_of_its_accents(read, folder):
    stored, written = (unicodedata.normalize(form, "zoé.png") for form in ("NFD", "NFC"))
    (folder / "a.png").rename(folder / stored)
    assert read({"img_path": f"/faces/{written}"})[0].portraits == (folder / stored,)


def test_pictures_that_cannot_be_portraits_are_all_named_with_what_to_do(faults, folder):
    Image.new("RGB", (900, 9)).save(folder / "line.png")
    Image.new("1", (14_000, 14_000)).save(folder / "huge.png")
    found = faults({"img_path": "line.png"}, {"idx": "8", "img_path": "a.png;huge.png"})
    assert found == [
        f"row 2 (idx 7): img_path: {folder}/line.png: has 900 × 9 pixels "
        "(a side has at least 8, the longer at most 10 times the shorter); crop or replace it",
        f"row 3 (idx 8): img_path: {folder}/huge.png: has 196,000,000 pixels, at most 64,000,000 are read; "
        "scale it down",
    ]


def test_a_cell_of_separators_names_no_picture(faults):
    assert faults({"img_path": " ; "}) == ["row 2 (idx 7): img_path: names no picture, found ';'"]


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: b"<html>", lambda whole: whole[: len(whole) // 2]])
def test_a_picture_that_cannot_be_read_is_a_fault_of_every_row_that_names_it(damage, faults, folder):
    (folder / "a.png").write_bytes(damage((folder / "a.png").read_bytes()))
    found = faults({"idx": "1"}, {"idx": "2", "img_path": "12/b.jpg"}, {"idx": "3", "img_path": "12/b.jpg;a.png"})
    assert [fault.split(":")[0] for fault in found] == ["row 2 (idx 1)", "row 4 (idx 3)"]
    assert all(f"img_path: {folder}/a.png: " in fault for fault in found)


def test_a_portrait_folder_that_is_not_there_is_one_fault(faults, folder):
    folder.rename(folder.with_name("moved"))
    assert faults({}, {"idx": "8"}) == [f"the portrait folder {folder} does not exist"]


# Faults ---------------------------------------------------------------------------------------------------------------


def test_all_faults_are_told_at_once_in_the_order_of_the_rows(faults, folder):
    (folder / "12/b.jpg").write_bytes(b"no picture")
    text = as_csv(
        [
            ROW | {"personality": "Cognitive or emotional", "img_path": "12/b.jpg"},
            ROW | {"idx": "8", "personal_info": "\n", "dominant_gender": ""},
            ROW,
            ROW | {"idx": "a/b", "img_path": "missing.png"},
        ]
    )
    found = faults(text=text + "9,too,few\r\n")
    assert [": ".join(fault.split(": ")[:2]) for fault in found] == [
        "row 2 (idx 7): personality",
        "row 2 (idx 7): img_path",
        "row 3 (idx 8): personal_info",
        "row 3 (idx 8): dominant_gender",
        "row 4 (idx 7): idx",
        "row 5: idx",
        "row 5: img_path",
        "row 6: has 3 cells, the header has 7; quote cells that contain the separator",
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_an_empty_field_is_a_fault(column, faults):
    (fault,) = faults({column: "  "})
    assert fault.startswith("row 2" + " (idx 7)" * (column != "idx") + f": {column}: is empty")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(column, faults):
    row = {name: value for name, value in ROW.items() if name != column}
    (fault,) = faults(text=as_csv([row]))
    assert fault == f"row 1: column {column} is missing; the columns found are {', '.join(row)}"


def test_all_missing_columns_are_named(faults):
    found = faults(text="idx,name\n1,Anna\n")
    assert [fault.split()[3] for fault in found] == list(COLUMNS[1:])


def test_a_column_that_is_there_twice_is_a_fault(faults):
    lines = as_csv([ROW]).splitlines()
    assert faults(text=f"{lines[0]},idx\n{lines[1]},8\n") == ["row 1: column idx occurs 2 times; keep one"]


@pytest.mark.parametrize("other", ["7", "7 "])
def test_an_idx_that_is_there_twice_is_a_fault(other, faults):
    assert faults({}, {"idx": other}) == [
        "row 3 (idx 7): idx: names the same folder as row 2 (idx 7); give every client its own"
    ]


@pytest.mark.parametrize("pair", [("a-1", "A-1"), ("\u00e9", "e\u0301")], ids=["case", "composition"])
def test_two_idx_that_some_file_systems_take_for_one_are_a_fault(pair, faults):
    found = faults({"idx": pair[0]}, {"idx": pair[1]})
    assert len(found) == 1 and "idx" in found[0]


@pytest.mark.parametrize("idx", [".", "..", "a/b", "a\\b", "../x", "a:b", "a\0b", "a\nb", "x.", "-x", "x" * 61, "a?"])
def test_an_idx_that_cannot_be_a_folder_is_a_fault(idx, faults):
    (fault,) = faults({"idx": idx})
    assert "idx: must be usable as a folder name" in fault and "\n" not in fault


@pytest.mark.parametrize("idx", ["0", "client-12", "12.5", "train_7", "Zoë 3", "x" * 60])
def test_what_can_be_a_folder_is_allowed(idx, read, tmp_path):
    (tmp_path / read({"idx": idx})[0].idx).mkdir()


WORDS = ("nan", "NaN", "None", "none", "null", "NULL", "N/A", "n/a", "NA", "<NA>", "#N/A", "Not found", "not found.")


@pytest.mark.parametrize("word", [*WORDS, " NOT FOUND ", "Nan", "Not Found. "])
def test_a_cell_in_which_a_program_wrote_that_there_is_no_value_is_empty(word, faults):
    found = faults(dict.fromkeys(COLUMNS, word), {"idx": "8"})
    assert [fault.split("; ")[0] for fault in found] == [f"row 2: {column}: is empty" for column in COLUMNS]


@pytest.mark.parametrize("word", WORDS)
def test_such_a_word_in_the_optional_column_is_no_name(word, read):
    assert read({"name": word})[0].name == ""


@pytest.mark.parametrize("name", ["Nan", "Null", "Na", "NAN", "Nan Goldin", "Nadine None", "Ann A"])
def test_the_name_of_a_person_is_kept(name, read):
    assert read({"name": name})[0].name == name


@pytest.mark.parametrize(
    "text", ["I found nothing.", "None of my friends call.", "Not found by anyone, I cried.", "No"]
)
def test_words_that_only_hold_such_a_word_are_kept(text, read):
    assert read({"distorted_thought": text})[0].distorted_thought == text


@pytest.mark.parametrize("column", [*COLUMNS[1:], "name"])
@pytest.mark.parametrize("character", ["\0", "\x07", "\x0b", "\x85"])
def test_a_control_character_is_a_fault_of_its_column(column, character, faults):
    value = ROW.get(column, "Anna")
    found = faults({column: f"{value[:3]}{character}{value[3:]}"})
    told = f"{column}: holds a control character (U+{ord(character):04X}) at position 3; delete it"
    assert f"row 2 (idx 7): {told}" in found and all(column in fault for fault in found)


def test_half_a_surrogate_pair_is_a_fault_of_its_column(faults):
    text = as_csv([ROW, ROW | {"idx": "8", "personal_info": "Oh \ud83d"}])
    (fault,) = faults(text=text.encode("utf-8", "surrogatepass"))
    assert fault == (
        "row 3 (idx 8): personal_info: holds half a character (a lone surrogate, \\ud83d) at position 3; delete it"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_table_is_read_by_its_byte_order_mark(encoding, read):
    rows = [ROW, ROW | {"idx": "8", "personal_info": "Zoë, 19, a “cook” 😢"}]
    assert read(text=as_csv(rows).encode(encoding)) == read(*rows)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_table_of_any_spreadsheet_is_read(delimiter, encoding, quoting, read):
    """Excel writes semicolons where numbers have a decimal comma, and tabs as Unicode text."""
    rows = [ROW, ROW | {"idx": "8", "reason_for_seeking_counseling": "I lie awake; then, at work, I\tyawn | doze."}]
    assert read(text=as_csv(rows, delimiter=delimiter, quoting=quoting).encode(encoding)) == read(*rows)


def test_a_semicolon_that_no_quotes_hold_is_told_by_its_row(read):
    text = as_csv([ROW | {"reason_for_seeking_counseling": "awake"}], delimiter=";").replace("awake", "awake; tired")
    with pytest.raises(ProfileError, match="row 2: has .* cells, the header has"):
        read(text=text)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", "is empty; the first row names the columns, each further row is a client"),
        ("\ufeff", "is empty; the first row names the columns, each further row is a client"),
        ("\n\n", "is empty; the first row names the columns, each further row is a client"),
        (",".join(ROW) + "\n", "has no clients; each row below the header is one"),
        (
            as_csv([ROW]).encode("utf-16")[:-1],
            "is not UTF-16 text, found byte 0x0a at position 402; save it as CSV in UTF-8",
        ),
        (
            b"idx,name\n1,Zo\xeb\n",
            "is not UTF-8 text, found byte 0xeb at position 13; save it as CSV in UTF-8",
        ),
    ],
    ids=[
        "empty",
        "only a mark",
        "blank lines",
        "no rows",
        "UTF-16 cut",
        "Latin-1",
    ],
)
def test_a_file_that_is_no_such_table_is_refused(text, fault, faults):
    assert faults(text=text) == [fault]


def test_a_quote_that_is_never_closed_is_told_with_its_line(faults):
    (fault,) = faults(text=as_csv([ROW]) + '8,"never closed\nand on\n')
    assert fault.startswith("line 4: is not valid CSV (unexpected end of data)")


def test_a_quote_in_the_middle_is_told_with_its_line(faults):
    (fault,) = faults(text=as_csv([ROW]) + '8,"a" b,c,d,e,f,g\n' + as_csv([ROW]))
    assert fault.startswith("line 3: is not valid CSV (")


@pytest.mark.parametrize("name, reason", [("missing.csv", "No such file or directory"), (".", "Is a directory")])
def test_a_table_that_is_not_there_is_refused(name, reason, tmp_path, folder):
    with pytest.raises(ProfileError) as error:
        read_profiles(tmp_path / name, folder)
    assert str(error.value) == f"{tmp_path / name}: cannot be read ({reason}); give the path of a CSV table"


def test_a_client_of_unknown_resistance_cannot_be_acted():
    assert replace(CLIENT, resistance="none").known_resistance == "none"
    with pytest.raises(ValueError, match="client 60: the kind of resistance is unknown"):
        _ = replace(CLIENT, resistance=None).known_resistance
