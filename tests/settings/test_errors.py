"""One line per fault: the source, the parameter, what was found, and what to write instead."""

import re
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.settings.errors import NOTEBOOK, explain


class Few(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    rate: Annotated[float, Field(gt=0)] = 1.0
    limit: float | None = None
    epochs: int = 1
    sees_face: bool = True
    judge: Literal["off", "rules"] = "rules"
    name: Annotated[str, Field(pattern="^[a-z]+$", description="one word")] = "x"
    text: str = ""


def told(where=NOTEBOOK, **values):
    with pytest.raises(ValidationError) as refused:
        Few(**values)
    (fault,) = refused.value.errors()
    return explain(fault, Few.model_fields, where)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown parameter epoch; did you mean epochs?"),
        ({"zzz": 3}, "unknown parameter zzz; the parameters are rate, limit, epochs, sees_face, judge, name, text"),
        ({"rate": 0.0}, "parameter rate must be greater than 0, found 0.0"),
        ({"rate": None}, "parameter rate is missing; the notebook's parameters cell lists every parameter"),
        ({"epochs": 1.5}, "parameter epochs must be a whole number, found 1.5"),
        ({"limit": "much"}, "parameter limit must be a number, found the text 'much'"),
        ({"sees_face": "yes"}, "parameter sees_face must be true or false, found the text 'yes'"),
        ({"judge": "rule"}, "parameter judge must be one of off, rules, found the text 'rule'; did you mean rules?"),
        (
            {"judge": False},
            "parameter judge must be one of off, rules, found False; YAML reads on, off, yes and no as booleans: "
            "quote the text",
        ),
        ({"name": "Two words"}, "parameter name must be one word, found the text 'Two words'"),
        (
            {"text": 7},
            "parameter text must be text, found 7; papermill's -p makes numbers of such text: give `-r text 7` (007 "
            "stays 007); in a YAML file quote it",
        ),
        (
            {"text": 1.5},
            "parameter text must be text, found 1.5; papermill's -p makes numbers of such text: give `-r text TEXT`, "
            "as you wrote it; in a YAML file quote it",
        ),
        ({"text": None}, "parameter text must be text, found None; give '' for none, or `-r text None` for this very"),
        ({"text": ["a"]}, "parameter text must be text, found ['a']; write it as one text, with commas between"),
    ],
)
def test_a_fault_is_one_line_with_its_remedy(values, message):
    assert told(**values).startswith(message)


def test_a_file_is_named_and_asks_for_quotes_where_a_notebook_asks_for_an_option():
    assert told("x.yaml:", text=7) == "x.yaml: text must be text, found 7; quote it"
    assert told("x.yaml:", text=True).endswith("YAML reads on, off, yes and no as booleans: quote the text")
    assert told("x.yaml:", epoch=3) == "x.yaml: unknown parameter epoch; did you mean epochs?"


def test_a_url_is_never_shown():
    for values in ({"epochs": "https://user:s3@host"}, {"name": "http://s3"}, {"text": ["http://s3"]}):
        assert "found a URL, which is not shown" in told(**values) and "s3" not in told(**values)


def advised(**values):
    """What the message says should be written; None if it advises nothing."""
    message = told(**values)
    if message.endswith("; write it without quotes"):
        return next(iter(values.values()))
    found = re.search(r"; YAML needs (\S+)$", message)
    return found and found[1]


NUMBERS = st.from_regex(r"[+-]?([0-9]{1,3}(\.[0-9]{0,3})?|\.[0-9]{1,3})([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_a_number_that_was_quoted_is_advised_as_yaml_reads_it(text):
    found = yaml.safe_load(advised(limit=text))
    assert isinstance(found, float | int) and found == float(text)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_a_whole_number_is_advised_for_what_is_one_and_nothing_else(text):
    needed = advised(epochs=text)
    assert (needed is not None) == float(text).is_integer()
    assert needed is None or (type(yaml.safe_load(needed)), yaml.safe_load(needed)) == (int, int(float(text)))


@pytest.mark.parametrize("text", ["inf", "-infinity", "nan", "two", "", "0x10"])
def test_text_that_is_no_finite_number_is_not_advised_as_one(text):
    assert advised(limit=text) is None and advised(epochs=text) is None
