"""Paths, writing, seeds and versions: nothing is written by halves."""

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

import mirror.run
from mirror.run import (
    commit,
    display_path,
    environment,
    files,
    input_path,
    output_path,
    read_json,
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


# Reading JSON ---------------------------------------------------------------------------------------------------------

NO_JSON = {
    "twice": (b'{"a": 1, "b": 2, "a": 1}', "cannot be read as JSON .names 'a' twice"),
    "twice inside": (b'{"a": [{"b": 1, "b": 2}]}', "names 'b' twice"),
    "NaN": (b'{"a": NaN}', "holds NaN, which JSON does not have"),
    "infinity": (b'{"a": [-Infinity]}', "holds -Infinity"),
    "too large": (b'{"a": 1e999}', "holds 1e999, a number without end"),
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
