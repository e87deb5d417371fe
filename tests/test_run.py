"""Runs: a folder and its record; nothing is written by halves, no run is written over another."""

import errno
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import mirror.run
from mirror.run import (
    Run,
    RunConflict,
    commit,
    display_path,
    environment,
    files,
    input_path,
    output_path,
    repository_root,
    seed_for,
    sha256,
    write_json,
    write_text,
)

ROOT = Path(__file__).resolve().parents[1]


# Writing --------------------------------------------------------------------------------------------------------------


def test_text_is_written_with_the_folders_above_it(tmp_path):
    path = tmp_path / "a/b/text.txt"
    write_text(path, "first")
    write_text(path, "Größe 😊\n")
    assert path.read_bytes() == "Größe 😊\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_json_is_written_as_people_read_it(tmp_path):
    write_json(tmp_path / "x.json", {"name": "Zoë", "loss": [0.1, None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Zoë", "loss": [0.1, None]}
    assert "Zoë" in text and text.endswith("}\n") and len(text.splitlines()) > 2


def disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=["in the text", "on the disk", "at the last moment"])
def crashing(request, monkeypatch):
    """A text whose writing fails, and what fails with it."""
    if request.param == "in the text":
        return "x" * 100_000 + "\ud800", UnicodeEncodeError
    monkeypatch.setattr(os, "fsync" if request.param == "on the disk" else "replace", disk_full)
    return "x" * 100_000, OSError


def test_a_crash_in_the_middle_leaves_the_old_file(crashing, tmp_path):
    text, error = crashing
    path = tmp_path / "losses.csv"
    path.write_text("old")
    with pytest.raises(error):
        write_text(path, text)
    assert path.read_text() == "old"


def test_a_crash_in_the_middle_of_a_new_file_leaves_none(crashing, tmp_path):
    text, error = crashing
    with pytest.raises(error):
        write_text(tmp_path / "losses.csv", text)
    assert not (tmp_path / "losses.csv").exists()


def test_a_failed_write_leaves_no_scrap(crashing, tmp_path):
    """It would stand in the table of what was written, and nothing ever removes it."""
    text, error = crashing
    with pytest.raises(error):
        write_text(tmp_path / "losses.csv", text)
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_file(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "x").write_bytes(content)
    assert sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()


# Paths ----------------------------------------------------------------------------------------------------------------


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
    for name in ("__init__.py", "run.py"):
        shutil.copy(ROOT / "mirror" / name, package)
    repository, bare = tmp_path / "repository", tmp_path / "bare"
    for folder in (repository / "notebooks/deeper", bare):
        folder.mkdir(parents=True)
    (repository / "pyproject.toml").touch()
    script = (
        "import os, sys, mirror.run\n"
        "for folder in sys.argv[1:]:\n"
        "    os.chdir(folder)\n"
        "    print(mirror.run.repository_root())"
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
    assert display_path(ROOT / "pocket/data") == "pocket/data"
    assert display_path(tmp_path / "x") == str(tmp_path / "x")


# Seeds ----------------------------------------------------------------------------------------------------------------


def test_seeds_are_the_same_for_ever():
    """Whoever changes these two changes every published run."""
    assert seed_for("split", 42) == 4_330_518_563_725_188_912
    assert seed_for("turn", 7, 3, 1) == 5_680_557_210_187_601_075


def test_seeds_are_the_same_in_every_process():
    script = "from mirror.run import seed_for; print(seed_for('split', 42))"
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{seed_for('split', 42)}\n", done.stderr


def test_seeds_differ_by_every_part_and_by_their_order():
    parts = [(), ("a",), ("b",), ("a", 1), ("a", 2), (1, "a"), ("a", "1"), ("a", 1, 1), ("a,1",), ("a1",), ("é",)]
    assert len({seed_for(*p) for p in parts}) == len(parts)


def test_seeds_fit_what_takes_them():
    seeds = [seed_for("x", i) for i in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62 and len(set(seeds)) == len(seeds)


# Runs -----------------------------------------------------------------------------------------------------------------

SETTINGS = {"size": "pocket", "learning_rate": 2e-05, "note": "Zoë", "workers": 0, "fresh": False}
MACHINE = frozenset({"workers", "fresh"})


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_writes_its_settings(output):
    run = Run("a", SETTINGS, MACHINE)
    assert run.folder == output / "results/a"
    written = (run.folder / "settings.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(written) == SETTINGS
    assert list(yaml.safe_load(written)) == list(SETTINGS) and "Zoë" in written


def test_the_same_run_goes_on(output):
    run = Run("a", SETTINGS, MACHINE)
    (run.folder / "losses.csv").write_text("epoch")
    assert Run("a", SETTINGS, MACHINE).folder == run.folder
    assert (run.folder / "losses.csv").read_text() == "epoch"


def test_another_run_of_that_name_is_refused_and_nothing_changed(output):
    run = Run("a", SETTINGS, MACHINE)
    run.record("training", step=3)
    before = contents(output)
    other = {"size": "7b", "learning_rate": 1e-3, "note": "Zoë", "workers": 4, "new": 1}
    with pytest.raises(RunConflict) as error:
        Run("a", other, MACHINE)
    assert str(error.value) == (
        "results/a holds a run with other settings (learning_rate was 2e-05 and is 0.001; new was None and is 1; "
        "size was 'pocket' and is '7b'); give this one another name (-p run NAME), or start over with -p fresh True"
    )
    assert contents(output) == before


def test_a_setting_that_is_gone_is_another_run(output):
    Run("a", SETTINGS, MACHINE)
    with pytest.raises(RunConflict, match="size was 'pocket' and is None"):
        Run("a", {name: value for name, value in SETTINGS.items() if name != "size"}, MACHINE)


def test_a_run_goes_on_with_another_machine(output):
    Run("a", SETTINGS, MACHINE).record("training")
    run = Run("a", SETTINGS | {"workers": 4}, MACHINE)
    assert yaml.safe_load((run.folder / "settings.yaml").read_text())["workers"] == 4
    assert run.provenance["status"] == "training"


def test_fresh_starts_over(output):
    run = Run("a", SETTINGS, MACHINE)
    run.record("complete", step=3)
    (run.folder / "figures").mkdir()
    again = Run("a", SETTINGS | {"size": "7b"}, MACHINE, fresh=True)
    assert [path.name for path in again.folder.iterdir()] == ["settings.yaml"]
    assert yaml.safe_load((again.folder / "settings.yaml").read_text())["size"] == "7b"
    assert again.provenance == {} and not again.is_complete


def test_fresh_leaves_a_folder_that_is_no_runs(output):
    (output / "results/a").mkdir(parents=True)
    (output / "results/a/thesis.txt").write_text("mine")
    assert (Run("a", SETTINGS, MACHINE, fresh=True).folder / "thesis.txt").read_text() == "mine"


def test_fresh_leaves_other_runs(output):
    Run("ab", SETTINGS, MACHINE)
    before = contents(output)
    Run("a", SETTINGS, MACHINE, fresh=True)
    assert contents(output / "results/ab") == before


def test_provenance_keeps_the_start_and_adds_facts(output, monkeypatch):
    run = Run("a", SETTINGS, MACHINE)
    assert run.provenance == {}
    run.record("training", device="cpu", step=1)
    first = run.provenance
    assert first["started"] == first["updated"] and first["started"].endswith("+00:00")

    path = run.folder / "provenance.json"
    write_json(path, first | {"started": "2001-01-01T00:00:00+00:00"})  # as if it had been started long ago
    again = Run("a", SETTINGS, MACHINE)
    assert not again.is_complete
    again.record("complete", step=2)
    last = again.provenance
    assert last["started"] == "2001-01-01T00:00:00+00:00" and last["updated"] >= first["updated"]
    assert (last["status"], last["device"], last["step"]) == ("complete", "cpu", 2)
    assert again.is_complete and Run("a", SETTINGS, MACHINE).is_complete
    assert {name: last[name] for name in environment()} == environment()


# What and where -------------------------------------------------------------------------------------------------------


def test_the_environment_names_what_results_depend_on():
    found = environment()
    for name in ("torch", "transformers", "peft"):
        assert found["versions"][name] == importlib.metadata.version(name)
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "photomaker" not in found["versions"]
    assert found["platform"] and set(found["code"]) == {"commit", "changed"}


def test_a_package_that_is_not_there_has_no_version(monkeypatch):
    monkeypatch.setattr(mirror.run, "PACKAGES", ("torch", "no-such-package"))
    assert mirror.run.versions() == {"torch": importlib.metadata.version("torch")}


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
    monkeypatch.setattr(mirror.run, "repository_root", lambda: folder)
    for words in ("init -q", "add code.py", "-c user.name=n -c user.email=e commit -q -m first"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    return folder


def test_the_code_is_a_commit_and_whether_it_was_changed(checkout):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True).stdout.strip()
    (checkout / "results.csv").write_text("not code")
    assert commit() == {"commit": head, "changed": False}
    (checkout / "code.py").write_text("2")
    assert commit() == {"commit": head, "changed": True}


def test_outside_a_checkout_there_is_no_commit(checkout):
    shutil.rmtree(checkout / ".git")
    assert commit() == {"commit": None, "changed": None}


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() == {"commit": None, "changed": None}


def test_what_was_written_is_listed_in_order(output):
    for name in ("b/x.bin", "a/y.bin", "a/deeper/z.bin"):
        write_text(output / name, "x" * 10)
    found = files(output / "b", output / "a", output / "missing")
    assert [row["file"] for row in found] == ["b/x.bin", "a/deeper/z.bin", "a/y.bin"]


@pytest.mark.parametrize(
    "size, shown",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (25_600_000, "25.6 MB"),
        (13_400_000_000, "13.4 GB"),
    ],
)
def test_sizes_are_readable(size, shown, output):
    output.mkdir()
    with open(output / "x", "wb") as file:
        file.truncate(size)
    assert [row["size"] for row in files(output)] == [shown]


@pytest.mark.parametrize("size", [999_700, 999_999_999])
def test_sizes_just_below_a_unit_are_readable_too(size, output):
    output.mkdir()
    with open(output / "x", "wb") as file:
        file.truncate(size)
    assert "e" not in files(output)[0]["size"]
