"""Installed packages, with each kind of fault in turn: distributions that are made for the test."""

import pytest

from mirror.terminal.doctor.packages import PINS, packages
from tests import ROOT
from tests.checks import one


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes an installed distribution with requirements, which hides another of its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, version, *needed):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
        text = "\n".join([*lines, *(f"Requires-Dist: {one}" for one in needed), ""])
        (folder / "METADATA").write_text(text, encoding="utf-8")

    return make


@pytest.fixture
def pins(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# pins\nleaf==1.5\nother==9 ; sys_platform == 'nowhere'\n", encoding="utf-8")
    return path


def test_packages_that_fit_lack_nothing(install, pins):
    install("root", "1.0", "leaf>=1", "wing>=2; extra == 'wings'", "gate; sys_platform == 'nowhere'")
    install("leaf", "1.5+cpu")
    check = next(packages(pins, "root"))
    assert check.is_met and check.found == "1, all fit"


def test_another_version_than_the_pinned_one_is_told_and_no_fault(install, pins):
    install("root", "1.0", "leaf>=1")
    install("leaf", "1.6")
    check = next(packages(pins, "root"))
    assert check.is_met and check.found == "1, all fit; other versions than in constraints.txt: leaf 1.6 (==1.5)"


@pytest.mark.parametrize(
    "there, found", [("0.9", "leaf 0.9, not >=1"), ("", "leaf is not installed")], ids=["old", "missing"]
)
def test_a_package_that_does_not_fit_is_told_with_what_installs_it(install, pins, there, found):
    install("root", "1.0", "leaf>=1")
    if there:
        install("leaf", there)
    check = one(list(packages(pins, "root"))[:1])
    assert check.found == found and check.mend == "pip install --constraint constraints.txt --editable '.'"


def test_software_that_is_not_installed_is_told(pins):
    check = one(list(packages(pins, "not-installed-anywhere"))[:1])
    assert check.found == "not-installed-anywhere is not installed" and "pip install" in check.mend


@pytest.mark.parametrize("torch, is_met", [("2.13.0+cpu", True), ("2.12.0", False)])
def test_a_torchvision_of_another_torch_is_told(install, pins, torch, is_met):
    install("root", "1.0")
    install("torch", torch)
    install("torchvision", "0.28.0", "torch==2.13.0", "numpy")
    _, check = packages(pins, "root")
    assert check.name == "torchvision" and check.is_met == is_met
    assert is_met or (check.mend == "pip uninstall --yes torchvision" and "torch 2.12.0, not ==2.13.0" in check.found)


def test_this_environment_fits():
    assert next(packages(ROOT / PINS)).is_met
