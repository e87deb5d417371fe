"""Append-only files of JSON lines: what is written is read, what a kill tore is ignored, what was changed is named."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from mirror.files.json_lines import JsonLinesError, append_line, encoded, read_lines


class NoteRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    number: int | None = None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "notes/all.jsonl"


def write(path, *names):
    for name in names:
        append_line(path, NoteRecord(name=name))


def names(path):
    return [one.name for one in read_lines(path, NoteRecord)]


def test_a_missing_file_has_no_lines(path):
    assert read_lines(path, NoteRecord) == []


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5))
def test_what_is_written_is_read(texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    write(path, *texts)
    assert names(path) == texts
    assert path.read_bytes() == b"".join(encoded(NoteRecord(name=one)) for one in texts) if texts else not path.exists()


def test_every_line_is_synced(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write(path, "a", "b")
    assert len(synced) == 2


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_that_a_kill_tore_is_not_read_and_goes_with_the_next(path, cut):
    write(path, "a", "b")
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert names(path) == ["a"]
    write(path, "b")
    assert path.read_bytes() == whole


def test_a_torn_first_line_leaves_nothing(path):
    path.parent.mkdir()
    path.write_bytes(b'{"name"')
    assert names(path) == []
    write(path, "a")
    assert names(path) == ["a"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"name": "a", "name": "b"}', "names 'name' twice"),
        ('{"name": NaN}', "holds NaN, which JSON does not have"),
        ('{"number": 1e999}', "holds 1e999, which is too large for a number"),
        ('{"name": "\\ud83d"}', "holds half a character"),
        ('{"name": ' + "[" * 50_000 + "}", "is nested too deeply"),
        ('{"number": 1}', "is no note .name"),
        ('{"name": "a", "more": 1}', "is no note .more"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line, message, path):
    write(path, "a")
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(JsonLinesError, match=rf"all\.jsonl: line 2: {message}"):
        read_lines(path, NoteRecord)


def test_a_line_that_was_changed_is_named(path):
    write(path, "a", "b")
    path.write_bytes(path.read_bytes().replace(b'"b"', b'"c"'))
    with pytest.raises(JsonLinesError, match=r"line 2: was changed since it was written; fix or remove the line"):
        read_lines(path, NoteRecord)


@pytest.mark.parametrize("line", ["null", "0", '"a"', "[]"])
def test_a_line_that_is_no_object_is_named(path, line):
    write(path, "a")
    path.write_bytes(path.read_bytes() + line.encode() + b"\n")
    with pytest.raises(
        JsonLinesError, match=r"all\.jsonl: line 2: must be an object, found \w+; fix or remove the line"
    ):
        read_lines(path, NoteRecord)
