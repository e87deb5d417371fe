"""One set of pins: what pyproject.toml asks for is what constraints.txt pins, the lock and conda install, and runs."""

import ast
import re
import runpy
import sys
import tomllib
from importlib import metadata

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")

PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
}
CONDA_OWN = ("python", "pip")
# Libraries that a module asks for itself: a command compares with them, or pip refuses them beside Pillow 13.
COMPARED_WITH = {
    "mirror/tracking.py": {"trackio"},
    "mirror/benchmarks/training/trl.py": {"trl"},
    "tests/independent_agreement.py": {"krippendorff", "pingouin"},
}
CHOSEN_BY_TORCH = re.compile("(nvidia|cuda)-.*|triton")


def test_pyproject_and_constraints_agree():
    assert drift_of_constraints(PYPROJECT, CONSTRAINTS) == []


def test_constraints_and_the_lock_with_hashes_agree():
    assert drift_of_lock(CONSTRAINTS, LOCK) == []


def test_pyproject_and_the_conda_environment_agree():
    assert drift_of_conda(PYPROJECT, ENVIRONMENT) == []


@pytest.mark.slow
def test_every_import_is_a_declared_dependency():
    assert undeclared_imports(ROOT, PYPROJECT) == []


def test_this_environment_is_the_pinned_one():
    """Walks from the package to everything that it needs, so a package of the user's own beside it is no fault."""
    pins = pins_for(CONSTRAINTS, default_environment())
    assert installed_drift("mirror-notebooks", ("test", "dev"), pins) == []


def test_the_environment_of_the_tests_has_no_library_that_slows_every_process_down():
    """peft and diffusers import bitsandbytes wherever it is installed; the tests of 4 bits are among the proofs."""
    extras = tomllib.loads(PYPROJECT)["project"]["optional-dependencies"]
    assert extras["nf4"] and not {*extras["nf4"]} & {*extras["test"], *extras["dev"]}


def drift_of_constraints(pyproject, constraints):
    faults = [
        f"{line}: not a plain pin `name==version`, with a marker at most"
        for line in pin_lines(constraints)
        if not re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+( ; .+)?", line)
    ]
    for python in PYTHONS:
        for system, values in SYSTEMS.items():
            where = f"on {system} with Python {python}"
            environment = {**default_environment(), **values, "python_version": python}
            environment |= {"python_full_version": f"{python}.9", "implementation_name": "cpython"}
            pins = pins_for(constraints, environment)
            faults += [f"{name} is pinned {len(found)} times {where}" for name, found in pins.items() if len(found) > 1]
            for requirement in direct_dependencies(pyproject):
                if requirement.marker and not requirement.marker.evaluate(environment):
                    continue
                found = pins.get(canonicalize_name(requirement.name), [])
                if not found:
                    faults.append(f"{requirement.name} is not pinned {where}")
                faults += [
                    f"{requirement} admits no {pin} {where}" for pin in found if pin not in requirement.specifier
                ]
    return faults


def drift_of_lock(constraints, lock):
    """The lock has the pins of the constraints, torch's own libraries besides, and a hash for every file."""
    wanted = {str(requirement) for requirement in map(Requirement, pin_lines(constraints))}
    faults, found = [], set()
    for entry in lock.replace(" \\\n", " ").splitlines():
        if entry.startswith("#"):
            continue
        pin, *hashes = entry.split(" --hash=")
        name = re.split("[=< ;]", pin)[0]
        if not hashes or not all(re.fullmatch(r"\s*sha256:[0-9a-f]{64}\s*", one) for one in hashes):
            faults.append(f"{name} has no hash, or none of SHA-256")
        try:
            pin = str(Requirement(pin.strip()))
        except ValueError:
            faults.append(f"{pin}: not a plain pin")
            continue
        if not CHOSEN_BY_TORCH.fullmatch(name):
            found.add(pin)
    faults += [f"{pin} is not in requirements.lock; run `make constraints`" for pin in sorted(wanted - found)]
    return faults + [f"{pin} is not in constraints.txt; run `make constraints`" for pin in sorted(found - wanted)]


def drift_of_conda(pyproject, environment):
    """environment.yml has no pins of its own: it installs this package under constraints.txt."""
    conda = yaml.safe_load(environment)["dependencies"]
    plain = [entry for entry in conda if isinstance(entry, str)]
    pip = next((entry["pip"] for entry in conda if isinstance(entry, dict)), [])
    python = next((entry.removeprefix("python=") for entry in plain if entry.startswith("python=")), "")
    faults = [f"{entry}: belongs in pyproject.toml" for entry in plain if re.split("[=<>]", entry)[0] not in CONDA_OWN]
    faults += [f"pip: {entry}: belongs in pyproject.toml" for entry in pip if not entry.startswith("--")]
    if "--constraint constraints.txt" not in pip:
        faults.append("pip does not read constraints.txt")
    extras = re.findall(r"--editable \.\[(.*)\]", "\n".join(pip))
    if extras != ["test,dev"]:
        faults.append(f"pip installs this package with {extras}; make installs it with test,dev")
    if python not in PYTHONS or f"{python}.0" not in SpecifierSet(
        tomllib.loads(pyproject)["project"]["requires-python"]
    ):
        faults.append(f"python={python} is not one of {', '.join(PYTHONS)}, which the pins are made for")
    return faults


def undeclared_imports(root, pyproject):
    """Modules imported by the sources that no direct dependency brings; what another package brings may vanish."""
    declared = {canonicalize_name(requirement.name) for requirement in direct_dependencies(pyproject)}
    owners = metadata.packages_distributions()
    own = {"mirror", "pocket", "api", "tests", *(path.stem for path in root.glob("tests/*.py"))}
    sources = [path for folder in ("mirror", "pocket", "api", "tests") for path in root.glob(f"{folder}/**/*.py")]
    faults = []
    for path in sorted([*sources, *root.glob("notebooks/*.ipynb")]):
        known = own | COMPARED_WITH.get(path.relative_to(root).as_posix(), set()) | sys.stdlib_module_names
        for module in sorted(imported_modules(source_of(path)) - known):
            names = {canonicalize_name(name) for name in owners.get(module, [module])}
            if not names & declared:
                faults.append(f"{path.relative_to(root)} imports {module}: pyproject.toml does not name {min(names)}")
    return faults


def source_of(path):
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


def imported_modules(source):
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    return names


def installed_drift(name, extras, pins):
    faults, queue, seen = [], [(name, extras)], set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen or CHOSEN_BY_TORCH.fullmatch(name):
            continue
        seen.add((name, extras))
        try:
            here = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            faults.append(f"{name} is not installed; `make test` installs what is missing")
            continue
        found = [str(pin) for pin in pins.get(name, [])]
        if name != "mirror-notebooks" and found != [Version(here.version).public]:
            faults.append(f"{name} is installed at {here.version}, constraints.txt has {found or 'no pin'}")
        for requirement in map(Requirement, here.requires or []):
            contexts = [{"extra": extra} for extra in ("", *extras)]
            if not requirement.marker or any(requirement.marker.evaluate(context) for context in contexts):
                queue.append((canonicalize_name(requirement.name), tuple(sorted(requirement.extras))))
    return sorted(set(faults))


def direct_dependencies(pyproject):
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for text in [*project["dependencies"], *(text for extra in extras for text in extra)]]


def pin_lines(constraints):
    return [line for line in constraints.splitlines() if line.strip() and not line.startswith("#")]


def pins_for(constraints, environment):
    """The versions pinned for one environment, by name."""
    pins = {}
    for requirement in map(Requirement, pin_lines(constraints)):
        if not requirement.marker or requirement.marker.evaluate(environment):
            pins.setdefault(canonicalize_name(requirement.name), []).extend(
                Version(specifier.version) for specifier in requirement.specifier
            )
    return pins


DRIFTED_CONSTRAINTS = {
    "gone": (r"^torch==.*\n", "", "torch is not pinned on linux with Python 3.11"),
    "older": (r"^torch==.*", "torch==2.12.0", "torch>=2.13 admits no 2.12.0 on macos with Python 3.13"),
    "twice": (r"^(torch==.*)", r"\1\ntorch==2.14.0", "torch is pinned 2 times on linux with Python 3.12"),
    "one system": (r"^(torch==.*)", r"\1 ; sys_platform == 'linux'", "torch is not pinned on macos with Python 3.11"),
    "one Python": (r"^(torch==.*)", r"\1 ; python_version < '3.13'", "torch is not pinned on linux with Python 3.13"),
    "local build": (r"^(torch==.*)", r"\1+cpu", "torch==2.13.0+cpu: not a plain pin"),
    "range": (r"^torch==", "torch>=", "torch>=2.13.0: not a plain pin"),
}
DRIFTED_LOCK = {
    "older": (r"^torch==\S+", "torch==2.12.0", "torch==2.12.0 is not in constraints.txt"),
    "gone": (r"^torch==.*\n(    --hash.*\n)+", "", "torch==2.13.0 is not in requirements.lock"),
    "no hash": (r"^(torch==\S+).*\n(    --hash.*\n)+", r"\1\n", "torch has no hash"),
    "weak hash": (r"^(torch==.*\n +--hash=)sha256:", r"\1md5:", "torch has no hash, or none of SHA-256"),
    "other marker": (r"^torch==(\S+)", r"torch==\1 ; sys_platform == 'linux'", "torch==2.13.0 is not in requirements"),
}
DRIFTED_CONDA = {
    "own pin": ("  - pip\n", "  - pip\n  - numpy=2.3\n", "numpy=2.3: belongs in pyproject.toml"),
    "own pip pin": (
        "      - --editable",
        "      - numpy==2.3\n      - --editable",
        "pip: numpy==2.3: belongs in pypro",
    ),
    "no constraints": ("      - --constraint constraints.txt\n", "", "pip does not read constraints.txt"),
    "other extras": ("[test,dev]", "[dev]", "pip installs this package with ['dev']"),
    "other Python": ("python=3.11", "python=3.10", "python=3.10 is not one of"),
}


@pytest.mark.parametrize("pattern, text, message", DRIFTED_CONSTRAINTS.values(), ids=DRIFTED_CONSTRAINTS)
def test_a_drift_of_the_constraints_is_found(pattern, text, message):
    drifted, count = re.subn(pattern, text, CONSTRAINTS, flags=re.MULTILINE)
    assert count == 1
    assert any(fault.startswith(message) for fault in drift_of_constraints(PYPROJECT, drifted))


@pytest.mark.parametrize("pattern, text, message", DRIFTED_LOCK.values(), ids=DRIFTED_LOCK)
def test_a_drift_of_the_lock_is_found(pattern, text, message):
    drifted, count = re.subn(pattern, text, LOCK, flags=re.MULTILINE)
    assert count == 1
    assert any(fault.startswith(message) for fault in drift_of_lock(CONSTRAINTS, drifted))


AUDITS = {
    "vulnerable": (
        '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}',
        "a 1: X-1, mended in 2\n1 of 1 pinned packages audited, 0 unknown to the service; 1 vulnerabilities known",
    ),
    "clean": (
        '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]}',
        "1 of 2 pinned packages audited, 1 unknown to the service; 0 vulnerabilities known",
    ),
    "all unknown": (
        '{"dependencies": [{"name": "b", "skip_reason": "not found"}]}',
        "NOT AUDITED: the service knows none of the 1 pinned packages",
    ),
    "not reached": ("", "NOT AUDITED: the service for known vulnerabilities cannot be reached (no route)"),
}


@pytest.mark.parametrize("kind", AUDITS)
def test_an_audit_says_what_could_be_asked(kind):
    written, words = AUDITS[kind]
    audit = runpy.run_path(str(ROOT / ".ci/audit.py"))
    assert audit["report"](written, "warning\nno route\n") == (words, kind == "vulnerable")


@pytest.mark.parametrize("old, new, message", DRIFTED_CONDA.values(), ids=DRIFTED_CONDA)
def test_a_drift_of_the_conda_environment_is_found(old, new, message):
    assert ENVIRONMENT.count(old) == 1
    faults = drift_of_conda(PYPROJECT, ENVIRONMENT.replace(old, new))
    assert len(faults) == 1 and faults[0].startswith(message)


def test_a_new_dependency_without_a_pin_is_found():
    drifted = PYPROJECT.replace('    "torch>=2.13",', '    "torch>=2.13",\n    "xlsxwriter>=3",')
    assert "xlsxwriter is not pinned on linux with Python 3.11" in drift_of_constraints(drifted, CONSTRAINTS)


def test_an_undeclared_import_is_found(tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/run.py").write_text(
        "import json, six\nfrom yaml import load\nfrom .six import x\nimport pocket"
    )
    (tmp_path / "notebooks").mkdir()
    cells = [new_markdown_cell("import wheel"), new_code_cell("import six.moves\nfrom mirror import run")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks/train.ipynb")
    assert undeclared_imports(tmp_path, PYPROJECT) == [
        "mirror/run.py imports six: pyproject.toml does not name six",
        "notebooks/train.ipynb imports six: pyproject.toml does not name six",
    ]


def test_an_installed_package_at_another_version_is_found():
    pins = {"packaging": [Version("1.0")]}
    faults = installed_drift("packaging", (), pins)
    assert faults == [f"packaging is installed at {metadata.version('packaging')}, constraints.txt has ['1.0']"]
