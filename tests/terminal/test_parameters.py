"""Parameters on the command line: papermill's forms, in papermill's order."""

import base64

import pytest

from mirror.settings.errors import SettingsError
from mirror.terminal.parameters import given_parameters

NONE = {f"parameters{form}": () for form in ("", "_raw", "_file", "_yaml", "_base64")}


def given(**options):
    return given_parameters(NONE | {f"parameters{form}".removesuffix("_p"): value for form, value in options.items()})


def test_later_forms_replace_earlier_ones(tmp_path):
    (tmp_path / "a.yaml").write_text("a: file\nb: file\nc: file\nd: file\n")
    coded = base64.b64encode(b"{a: coded, z: coded}").decode()
    found = given(
        _base64=(coded,),
        _file=(str(tmp_path / "a.yaml"),),
        _yaml=("{b: yaml, c: yaml, d: yaml}",),
        _p=(("c", "2"), ("d", "2")),
        _raw=(("d", "2"),),
    )
    assert found == {"z": "coded", "a": "file", "b": "yaml", "c": 2, "d": "2"}


@pytest.mark.parametrize("text, value", [("True", True), ("None", None), ("1e-3", 0.001), ("007", 7), ("x", "x")])
def test_words_are_read_as_papermill_reads_them(text, value):
    assert given(_p=(("a", text),)) == {"a": value}


@pytest.mark.parametrize(
    "text, fault",
    [("a: 1\na: 2\n", "a.yaml: .*twice"), ("a: 010\n", "a.yaml: "), ("[1, 2]\n", "must contain one `name: value`")],
)
def test_an_ambiguous_params_file_is_refused(tmp_path, text, fault):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SettingsError, match=fault):
        given(_file=(str(tmp_path / "a.yaml"),))


@pytest.mark.parametrize("text", ["[1", "[1, 2]", "a"])
def test_yaml_without_names_is_refused(text):
    with pytest.raises(SettingsError, match="^-y: "):
        given(_yaml=(text,))
