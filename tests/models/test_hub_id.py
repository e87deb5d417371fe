"""Names of models: folders here come first, Hub ids stay as they are."""

import pytest

from mirror.models.hub_id import is_hub_id, resolve_model
from mirror.paths import repository_root


@pytest.mark.parametrize("name", ["./owner/name", "/owner/name", "~/name", "name", "a/b/c"])
def test_a_path_is_no_hub_id(name):
    assert not is_hub_id(name) and is_hub_id("owner/name")


def test_a_folder_becomes_its_absolute_path_and_a_hub_id_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = repository_root() / "pocket/models/llava-v1.5-pocket"
    assert resolve_model("pocket/models/llava-v1.5-pocket") == str(folder)
    assert resolve_model(str(tmp_path)) == str(tmp_path)
    assert resolve_model("llava-hf/llava-1.5-7b-hf") == "llava-hf/llava-1.5-7b-hf"
