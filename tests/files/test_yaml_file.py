"""Strict YAML: what means something else than it seems to is refused."""

import pytest

from mirror.files.yaml_file import AmbiguousYaml, strict_yaml


def test_plain_yaml_is_read_in_the_encodings_of_editors():
    for data in ("a: ü", "a: ü".encode(), "a: ü".encode("utf-16")):
        assert strict_yaml(data) == {"a": "ü"}


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: 1\nb: 2\na: 3", "a is given twice, in lines 1 and 3; keep one"),
        ("a: {b: 1, b: 2}", "b is given twice, in lines 1 and 1; keep one"),
        ("a: 010", "line 1: YAML reads 010 as 8; write the number as 8, or quote the text"),
        ("a:\n- 1:30", "line 2: YAML reads 1:30 as 90; write the number as 90, or quote the text"),
        ("a: 1:30.5", "line 1: YAML reads 1:30.5 as 90.5; write the number as 90.5, or quote the text"),
    ],
)
def test_duplicates_and_numbers_of_another_base_are_refused(text, message):
    with pytest.raises(AmbiguousYaml) as error:
        strict_yaml(text)
    assert str(error.value) == message


@pytest.mark.parametrize("text, value", [("'010'", "010"), ("0", 0), ("10", 10), ("1.50", 1.5), ("2.0e-4", 2e-4)])
def test_texts_and_decimal_numbers_are_unchanged(text, value):
    assert strict_yaml(text) == value


def test_a_merge_may_override_a_key():
    assert strict_yaml("base: &b {a: 1, c: 2}\nother: {<<: *b, a: 3}")["other"] == {"a": 3, "c": 2}


@pytest.mark.parametrize("text", ["a: [", "\ta: 1", "[" * 5000, "!!python/object:os.system {}"])
def test_what_is_no_yaml_is_a_value_error(text):
    with pytest.raises(ValueError):
        strict_yaml(text)


def test_nesting_is_bounded():
    value = strict_yaml("[" * 99 + "1" + "]" * 99)
    for _ in range(99):
        (value,) = value
    assert value == 1
    with pytest.raises(ValueError, match="nested too deeply"):
        strict_yaml("[" * 100 + "1" + "]" * 100)
