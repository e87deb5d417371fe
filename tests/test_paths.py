"""Relative paths, and how paths are shown."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mirror.paths import display_path, input_path, output_path, repository_root, whole_path
from tests import ROOT


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks", Path("/")], ids=["root", "notebooks", "elsewhere"])
def test_relative_names_count_from_the_repository(folder, monkeypatch):
    monkeypatch.delenv("MIRROR_OUTPUT", raising=False)
    monkeypatch.chdir(folder)
    assert repository_root() == ROOT
    assert input_path("params/train") == ROOT / "params/train"
    assert output_path("results") == ROOT / "results"


@pytest.mark.parametrize("to_path", [input_path, output_path])
def test_absolute_names_stay_and_the_home_folder_is_found(to_path, output, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert to_path(str(tmp_path / "x")) == tmp_path / "x"
    assert to_path("~/x") == tmp_path / "home/x"


def test_results_go_where_mirror_output_says(output):
    assert output_path("results/a") == output / "results/a"
    assert input_path("results/a") == ROOT / "results/a"


def test_a_relative_mirror_output_counts_from_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRROR_OUTPUT", "out")
    assert output_path("results") == tmp_path / "out/results"


def test_an_empty_mirror_output_is_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRROR_OUTPUT", "")
    assert output_path("results") == ROOT / "results"


def test_mirror_output_may_lie_in_the_home_folder(monkeypatch, tmp_path):
    """A file of environment variables, or quotes, pass `~` on as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIRROR_OUTPUT", "~/out")
    assert output_path("results") == tmp_path / "out/results"


def test_the_package_installed_elsewhere_finds_the_repository_it_works_in(tmp_path):
    """Without an editable install the package does not lie in the repository; the working directory does."""
    package = tmp_path / "site/mirror"
    package.mkdir(parents=True)
    for name in ("__init__.py", "paths.py"):
        shutil.copy(ROOT / "mirror" / name, package)
    repository, bare = tmp_path / "repository", tmp_path / "bare"
    for folder in (repository / "notebooks/deeper", bare):
        folder.mkdir(parents=True)
    (repository / "pyproject.toml").touch()
    script = (
        "import os, sys, mirror.paths\n"
        "for folder in sys.argv[1:]:\n"
        "    os.chdir(folder)\n"
        "    print(mirror.paths.repository_root())"
    )
    started_in = [repository, repository / "notebooks", repository / "notebooks/deeper", bare]
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *map(str, started_in)],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(path) for path in (repository, repository, repository, bare)], done.stderr


def test_paths_are_shown_as_one_would_type_them(output, tmp_path):
    assert display_path(output / "results/a/x.csv") == "results/a/x.csv"
    assert whole_path(output / "results/a/x.csv") == str(output / "results/a/x.csv")
    assert whole_path(ROOT / "results/a/x.csv") == "results/a/x.csv"
    assert display_path(ROOT / "pocket/data") == "pocket/data"
    assert display_path(tmp_path / "x") == str(tmp_path / "x")
