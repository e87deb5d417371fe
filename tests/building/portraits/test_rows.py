"""Tables of portraits: CSV, CelebA's two text files, and what is wrong with a row or a table."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.building.portraits.rows import PortraitRow, PortraitTableError, read_rows

COLUMNS = {"file": "image_id", "person": "identity", "gender": "Male", "age": "age"}


def written(folder, text, name="portraits.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    return path


def read(folder, text, columns=COLUMNS, **how):
    return read_rows([written(folder, text, **how)], columns)


HEADER = "image_id,identity,Male,age\n"


def test_a_csv_table(tmp_path):
    rows = read(tmp_path, HEADER + "a.jpg,7,1,34\nb.jpg,2880.0,-1,25.5\nc.jpg,,,\nd.jpg,Not found,unknown,nan\n")
    assert rows.kept == (
        PortraitRow("a.jpg", "7", "man", 34),
        PortraitRow("b.jpg", "2880", "woman", 26),
        PortraitRow("c.jpg"),
        PortraitRow("d.jpg"),
    )
    assert rows.dropped == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_and_line_ends_do_not_matter(tmp_path, encoding):
    rows = read(tmp_path, (HEADER + "ä b.jpg,7,0,34\n\n").replace("\n", "\r\n"), encoding=encoding)
    assert rows.kept == (PortraitRow("ä b.jpg", "7", "woman", 34),)


IDENTITY = "000001.jpg 2880\n000002.jpg 2937\n"
ATTRIBUTES = "2\n5_o_Clock_Shadow Male Young\n000002.jpg -1  1 -1\n000001.jpg -1 -1  1\n"


def test_the_two_files_of_celeba_are_joined_by_name(tmp_path):
    tables = [written(tmp_path, IDENTITY, "identity.txt"), written(tmp_path, ATTRIBUTES, "attributes.txt")]
    rows = read_rows(tables, {"file": "image_id", "person": "identity", "gender": "Male"})
    assert rows.kept == (PortraitRow("000001.jpg", "2880", "woman"), PortraitRow("000002.jpg", "2937", "man"))


def test_the_first_table_decides_which_files_there_are(tmp_path):
    tables = [written(tmp_path, "000002.jpg 2937\n", "identity.txt"), written(tmp_path, ATTRIBUTES, "attributes.txt")]
    rows = read_rows(tables, {"file": "image_id", "person": "identity", "gender": "Male"})
    assert [row.file for row in rows.kept] == ["000002.jpg"]
    rows = read_rows(tables[::-1], {"file": "image_id", "person": "identity", "gender": "Male"})
    assert [(row.file, row.person) for row in rows.kept] == [("000002.jpg", "2937"), ("000001.jpg", "")]


def test_young_is_no_age(tmp_path):
    with pytest.raises(PortraitTableError, match=r"'Young' says yes \(1\) or no \(-1\).*leave age out"):
        read(tmp_path, ATTRIBUTES, {"file": "image_id", "age": "Young"})


def test_all_missing_columns_are_named_with_what_was_found(tmp_path):
    with pytest.raises(PortraitTableError) as error:
        read(tmp_path, "file,who\na.jpg,7\n", {"file": "file", "person": "identity", "gender": "Male"})
    first, second = str(error.value).splitlines()
    assert "no column 'identity' (person), found 'file', 'who'" in first and "'Male' (gender)" in second


@pytest.mark.parametrize(
    "columns, message",
    [({"person": "identity"}, "file is missing"), ({"file": "image_id", "sex": "Male"}, "'sex' is no field")],
)
def test_declared_columns(tmp_path, columns, message):
    with pytest.raises(PortraitTableError, match=message):
        read(tmp_path, HEADER, columns)


def test_every_unreadable_table_is_named(tmp_path):
    tables = [
        tmp_path / "none.csv",
        written(tmp_path, "", "empty.csv"),
        written(tmp_path, 'image_id\n"a', "quote.csv"),
        written(tmp_path, "image_id,image_id\na,b\n", "twice.csv"),
    ]
    (tmp_path / "binary.csv").write_bytes(b"\xff\x00\x81")
    with pytest.raises(PortraitTableError) as error:
        read_rows([*tables, tmp_path / "binary.csv"], {"file": "image_id"})
    assert len(str(error.value).splitlines()) == 5


def test_odd_rows_are_dropped_and_the_others_kept(tmp_path):
    text = HEADER + "a.jpg,1,2,30\nb.jpg,1,1,old\nc.jpg,1,1,-4\nd.jpg,1,1\n,1,1,30\ne.jpg,1,1,inf\n\ud83d.jpg,1,1,30\n"
    rows = read(tmp_path, text + "f.jpg,1,1,30\nf.jpg,1,1,30\ng.jpg,1,1,30\ng.jpg,2,1,30\n")
    assert [row.file for row in rows.kept] == ["f.jpg"]
    assert sorted((one.idx, one.reason) for one in rows.dropped) == [
        ("", "odd_row"),
        ("", "odd_row"),
        ("?.jpg", "odd_row"),
        ("a.jpg", "odd_gender"),
        ("b.jpg", "odd_age"),
        ("c.jpg", "odd_age"),
        ("e.jpg", "odd_age"),
        ("g.jpg", "contradicting_rows"),
    ]
    assert "row 5 has 3 cells, the header has 4" in " ".join(one.detail for one in rows.dropped)


def test_one_means_man_only_in_a_column_of_that_name(tmp_path):
    columns = {"file": "file", "gender": "female"}
    rows = read(tmp_path, "file,female\na,1\nb,0\nc,Male\n", columns)
    assert [row.gender for row in rows.kept] == ["woman", "man", "man"]
    rows = read(tmp_path, "file,gender\na,1\nb,F\n", {"file": "file", "gender": "gender"})
    assert [row.gender for row in rows.kept] == ["woman"] and rows.dropped[0].reason == "odd_gender"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    try:
        rows = read(folder, text, name="any.csv")
    except PortraitTableError as error:
        assert "any.csv" in str(error)
    else:
        assert all(row.file for row in rows.kept)


def test_fifty_thousand_rows_take_seconds(tmp_path):
    names = [f"{number:06}.jpg" for number in range(50_000)]
    identity = "".join(f"{name} {number % 10_000}\n" for number, name in enumerate(names))
    attributes = "50000\nMale Young\n" + "".join(f"{name} 1 -1\n" for name in names)
    tables = [written(tmp_path, identity, "identity.txt"), written(tmp_path, attributes, "attributes.txt")]
    start = time.perf_counter()
    rows = read_rows(tables, {"file": "image_id", "person": "identity", "gender": "Male"})
    assert len(rows.kept) == 50_000 and time.perf_counter() - start < 15
