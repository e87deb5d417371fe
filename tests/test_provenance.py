"""The commit, versions and machine that a record names."""

import importlib.metadata
import os
import shutil
import subprocess
import sys

import pytest

import mirror.provenance
from mirror.provenance import commit, environment


def test_the_environment_names_what_results_depend_on():
    found = environment()
    for name in ("torch", "transformers", "peft"):
        assert found["versions"][name] == importlib.metadata.version(name)
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "photomaker" not in found["versions"]
    assert found["platform"] and set(found["code"]) == {"commit", "changed"}


def test_a_package_that_is_not_there_has_no_version(monkeypatch):
    monkeypatch.setattr(mirror.provenance, "PACKAGES", ("torch", "no-such-package"))
    assert mirror.provenance.versions() == {"torch": importlib.metadata.version("torch")}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with one commit, in the place of this one."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "code.py").write_text("1")
    monkeypatch.setattr(mirror.provenance, "repository_root", lambda: folder)
    for words in ("init -q", "add code.py", "-c user.name=n -c user.email=e commit -q -m first"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    return folder


def test_the_code_is_a_commit_and_whether_it_was_changed(checkout):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True).stdout.strip()
    (checkout / "results.csv").write_text("not code")
    assert commit() == {"commit": head, "changed": False}
    (checkout / "code.py").write_text("2")
    assert commit() == {"commit": head, "changed": True}
    (checkout / "code.py").write_text("1")
    (checkout / "own").mkdir()
    (checkout / "own/client.py").write_text("a new module")
    assert commit() == {"commit": head, "changed": True}


def test_an_environment_is_that_of_the_moment_when_it_was_first_asked_for(checkout):
    """Code that changes while a process runs is not the code that it runs."""
    mirror.provenance._environment.cache_clear()
    before = environment()
    (checkout / "code.py").write_text("2")
    before["code"]["commit"] = "none"
    try:
        assert environment()["code"] == {**commit(), "changed": False}
    finally:
        mirror.provenance._environment.cache_clear()


def test_outside_a_checkout_there_is_no_commit(checkout):
    shutil.rmtree(checkout / ".git")
    assert commit() == {"commit": None, "changed": None}


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() == {"commit": None, "changed": None}
