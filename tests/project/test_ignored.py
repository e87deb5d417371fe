"""What `git add .` takes after use: nothing that a run, a rater or a user wrote."""

import shutil
import subprocess

import pytest

from tests import ROOT

WRITTEN = (
    "results/pocket-study/tables/outcomes.csv",
    "results/pocket-study/figures/outcomes.png",
    "results/mirror-7b-planning/tables/outcomes.csv",
    "results/warmth-study/forms/rater-1.html",
    "results/.pocket-base.lock",
    "returned/ada.json",
    "my/form.html",
    "data/mine/clients.csv",
    "checkpoints/llava/manifest.json",
)
PUBLISHED = ("results/benchmarks/new.md", "results/benchmarks/new.json", "docs/new.md", "params/train/own.yaml")


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="this is no clone")
def test_what_is_written_is_ignored_and_what_is_published_is_not():
    command = ["git", "check-ignore", "--no-index", *WRITTEN, *PUBLISHED]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert found.split() == list(WRITTEN)
    assert not subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    ).stdout, "a committed file is ignored"
