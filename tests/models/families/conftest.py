"""Tiny models of two families, made once."""

import pytest

from mirror.models.families.loading import load
from tests.tiny_families import make_model


@pytest.fixture(scope="package")
def qwen_folder(tmp_path_factory):
    return make_model("qwen3_vl", tmp_path_factory.mktemp("families") / "qwen3_vl")


@pytest.fixture(scope="package")
def qwen(qwen_folder):
    return load(str(qwen_folder))
