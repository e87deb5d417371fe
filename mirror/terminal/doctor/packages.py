"""Checks of Python packages by what is installed: those that this software needs, at fitting versions. Imports none."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from mirror.terminal.doctor.check import INSTALL, PACKAGE, Check

PINS = "constraints.txt"
VISION = "torchvision"  # every image processor tries it where it is installed
UNINSTALL = "pip uninstall --yes {}"


def packages(pins: Path, package: str = PACKAGE) -> Iterator[Check]:
    """Compare what is installed with what a package needs.

    Args:
        pins: the file of the versions that are known to work together.
        package: by the name of its distribution.
    """
    name, needed, mend = "packages", "those of pyproject.toml", INSTALL.format("")
    try:
        wanted = _applying(requires(package) or [])
    except PackageNotFoundError:
        yield Check(name, f"{package} is not installed", needed, mend)
        return
    faults = list(filter(None, map(_fault, wanted)))
    if faults:
        yield Check(name, ", ".join(faults), needed, mend)
    else:
        others = _others(wanted, pins)
        found = f"{len(wanted)}, all fit" + (f"; other versions than in {PINS}: {', '.join(others)}" if others else "")
        yield Check(name, found, needed)
    yield from _vision()


def _vision() -> Iterator[Check]:
    """Nothing here needs torchvision, but one of another torch breaks every image processor."""
    if _installed(VISION):
        wanted = _applying(requires(VISION) or [])
        fault = next(filter(None, (_fault(one) for one in wanted if one.name == "torch")), "")
        found = f"{_installed(VISION)}" + (f", which does not fit: {fault}" if fault else "")
        yield Check(VISION, found, "none, or one of this torch", UNINSTALL.format(VISION) if fault else "")


def _applying(texts: list[str]) -> list[Requirement]:
    """The requirements for this machine, without those of extras."""
    found = map(Requirement, texts)
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def _fault(wanted: Requirement) -> str:
    found = _installed(wanted.name)
    if found is None:
        return f"{wanted.name} is not installed"
    return (
        "" if wanted.specifier.contains(found, prereleases=True) else f"{wanted.name} {found}, not {wanted.specifier}"
    )


def _others(wanted: list[Requirement], pins: Path) -> list[str]:
    """The packages that are installed in another version than the pinned one."""
    lines = pins.read_text(encoding="utf-8").splitlines() if pins.is_file() else []
    pinned = {one.name: one for one in _applying([line for line in lines if line.strip() and line[0] != "#"])}
    found = {one.name: _installed(one.name) for one in wanted if one.name in pinned}
    return [
        f"{name} {there} ({pinned[name].specifier})"
        for name, there in found.items()
        if there and not pinned[name].specifier.contains(Version(there.public), prereleases=True)
    ]


def _installed(name: str) -> Version | None:
    try:
        return Version(version(name))
    except PackageNotFoundError:
        return None
