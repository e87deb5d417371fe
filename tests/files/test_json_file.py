"""JSON is strict, in writing and in reading."""

import json

import pytest

from mirror.files.json_file import read_json, strict_json, write_json


def test_json_is_written_as_people_read_it(tmp_path):
    write_json(tmp_path / "x.json", {"name": "Zoë", "loss": [0.1, None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Zoë", "loss": [0.1, None]}
    assert "Zoë" in text and text.endswith("}\n") and len(text.splitlines()) > 2


NO_JSON = {
    "twice": (b'{"a": 1, "b": 2, "a": 1}', "cannot be read as JSON .names 'a' twice"),
    "twice inside": (b'{"a": [{"b": 1, "b": 2}]}', "names 'b' twice"),
    "NaN": (b'{"a": NaN}', "holds NaN, which JSON does not have"),
    "infinity": (b'{"a": [-Infinity]}', "holds -Infinity"),
    "too large": (b'{"a": 1e999}', "holds 1e999, which is too large for a number"),
    "half a character": (rb'{"a": "\ud83d"}', "holds half a character"),
    "half a character in a name": (rb'{"\udc00": 1}', "holds half a character"),
    "no text": (b'{"a": "\xff"}', "can't decode byte 0xff"),
    "nested": (b'{"a":' * 100_000, "is nested too deeply"),
    "long number": (b'{"a": %s}' % (b"9" * 10_000), "Exceeds the limit"),
    "nothing": (b"", "Expecting value"),
    "zeros": (b"\0" * 100, "Expecting value"),
    "a list": (b"[1]", "must hold one object, found list"),
    "a number": (b"1", "must hold one object, found int"),
}


@pytest.mark.parametrize(("content", "message"), NO_JSON.values(), ids=NO_JSON)
def test_a_file_that_is_no_json_object_is_named_with_its_fault(content, message, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.json is damaged: .*{message}"):
        read_json(tmp_path / "a.json")


def test_what_is_written_is_read_again(tmp_path):
    value = {"a": [1, 2.5, None, True, "é\ud83d\ude42".encode("utf-16", "surrogatepass").decode("utf-16")], "b": {}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(value).encode())
    assert read_json(tmp_path / "a.json") == value


def test_a_name_that_comes_twice_among_very_many_is_found_at_once():
    text = json.dumps({str(number): 0 for number in range(200_000)})[:-1] + ', "199999": 1}'
    with pytest.raises(ValueError, match="names '199999' twice"):
        strict_json(text)
