"""Every module has a test module of its own, at the same place below tests/.

`mirror/faces/filters.py` has `tests/faces/test_filters.py`, `api/forms.py` has `tests/api/test_forms.py`, a package
`mirror/models/lora` has `tests/models/test_lora.py`, and a command `__main__.py` has `test_main.py`.
"""

from pathlib import Path

import pytest

from tests import ROOT

SMALL = 25  # lines of a module that may be tested through its neighbors
# Modules that need no test module, and why.
WITHOUT = {
    "mirror/benchmarks/random_models/cast.py": "needs a GPU",
    "mirror/benchmarks/random_models/face_tools.py": "needs a GPU",
    "mirror/benchmarks/random_models/filters.py": "networks of the published sizes",
    "mirror/benchmarks/random_models/sdxl.py": "networks of several billion weights",
    "mirror/benchmarks/training/trl.py": "needs the package trl, which is only compared with",
    "mirror/counseling/workers/messages.py": "types only",
    "mirror/prompts/__init__.py": "names of its modules",
    "mirror/risk/flag.py": "types only",
}


def place_of_tests(path):
    """Where the tests of a source file are."""
    folder, name = path.parent, path.stem.strip("_")
    if name == "init":
        folder, name = folder.parent, folder.name
    parts = folder.parts if folder.parts[0] == "api" else folder.parts[1:]
    return "/".join(("tests", *parts, f"test_{name}.py"))


def modules_without_tests(root, exceptions):
    found = []
    for package in ("mirror", "api"):
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root)
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > SMALL and name.as_posix() not in exceptions and not (root / place_of_tests(name)).is_file():
                found.append(f"{name}: {lines} lines without {place_of_tests(name)}")
    return found


def test_every_module_has_its_tests():
    found = modules_without_tests(ROOT, WITHOUT)
    assert not found, "\n".join(["modules without a test module:", *found])


def test_every_exception_is_a_module_that_still_has_none():
    stale = [name for name in WITHOUT if not (ROOT / name).is_file() or (ROOT / place_of_tests(Path(name))).is_file()]
    assert not stale


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("mirror/faces/filters.py", "tests/faces/test_filters.py"),
        ("mirror/paths.py", "tests/test_paths.py"),
        ("mirror/models/lora/__init__.py", "tests/models/test_lora.py"),
        ("mirror/gallery/__main__.py", "tests/gallery/test_main.py"),
        ("api/verification/app.py", "tests/api/verification/test_app.py"),
    ],
)
def test_tests_are_at_the_place_of_their_module(module, tests):
    assert place_of_tests(Path(module)) == tests


def test_a_module_without_tests_is_found(tmp_path):
    for name, lines in (("mirror/a.py", 26), ("mirror/small.py", 25), ("api/b.py", 30), ("api/known.py", 30)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * lines)
    assert modules_without_tests(tmp_path, {"api/known.py": "types only"}) == [
        "mirror/a.py: 26 lines without tests/test_a.py",
        "api/b.py: 30 lines without tests/api/test_b.py",
    ]
