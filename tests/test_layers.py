"""The layers of DESIGN, read from the imports of the source files; nothing is imported here."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Top to bottom. A module imports from the layers below its own, and from its own where that makes no cycle.
LAYERS = (
    "judging figures gallery benchmark benchmark_batches benchmark_faces benchmark_counseling benchmark_analysis "
    "calibration panel analysis finding",
    "step_page",
    "counseling exploration rehearsal",
    "casting random_cast shards",
    "session",
    "client description face verification counselor",
    "tally",
    "training judge merge rules preferences questions",
    "dataset records progress step float8 lora llava original weights device photomaker identity chat language "
    "sampling speaker service statistics metrics invention study comparison claims tables ratings integrity "
    "derivation adapter_config weight_files generation measures wording turnwise",
    "settings refusals run run_folder lock profile turn transcript prompts checkpoint conversation verdict clip_text "
    "lexicon messages picture grammar mood prices bar arm instrument picture_files text_file secret fault parameters "
    "wire expressions spelling http_client csv_file strict_yaml digests",
)
# Each of these is imported by one module, which hides it from all others, and by none of the bottom layer.
HEAVY = ("peft", "diffusers", "insightface", "openai", "matplotlib")
# These say nothing of what is inside.
EMPTY_NAMES = ("util", "utils", "helper", "helpers", "common", "misc")

HEIGHT = {module: height for height, layer in enumerate(reversed(LAYERS)) for module in layer.split()}


def test_the_source_keeps_to_the_layers():
    faults = find_faults(ROOT)
    assert not faults, "\n".join(["the layers of the design are broken:", *faults])


def find_faults(root):
    """Everything below `root` that breaks a rule of this file, one sentence each."""
    files = {path: imports_of(path, root) for path in sorted((root / "mirror").rglob("*.py"))}
    uses = {}
    for path, names in files.items():
        uses.setdefault(module_of(path, root), {}).update({name: path.relative_to(root) for name in names})
    return [
        *bad_names(root),
        *unknown_modules(uses),
        *upward_imports(uses),
        *cycles(uses),
        *foreign_imports(uses),
        *heavy_imports(uses),
    ]


def module_of(path, root):
    """`mirror/run.py` and everything in `mirror/run/` is the module `run`; the package's own file is `__init__`."""
    return path.relative_to(root / "mirror").with_suffix("").parts[0]


def imports_of(path, root):
    """The dotted names that a file imports anywhere, also inside functions; relative ones are made absolute."""
    package = path.relative_to(root).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            names |= {".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return names


def siblings(uses, module):
    """The modules of mirror that `module` imports, with the file that does: `mirror.run.Run` is the module `run`."""
    parts = ((name.split("."), path) for name, path in uses[module].items())
    return {part[1]: path for part, path in parts if part[0] == "mirror" and len(part) > 1 and part[1] in uses}


def bad_names(root):
    files = (path for package in ("mirror", "pocket", "api") for path in sorted((root / package).rglob("*")))
    return [
        f"{path.relative_to(root)}: this name says nothing; name the module after the thing it holds"
        for path in files
        if path.stem in EMPTY_NAMES and (path.suffix == ".py" or path.is_dir())
    ]


def unknown_modules(uses):
    return [
        f"mirror/{module}: not in the layer table; add it to LAYERS in tests/test_layers.py, in the lowest layer that "
        "is above everything it imports"
        for module in uses
        if module not in HEIGHT and module != "__init__"
    ]


def upward_imports(uses):
    faults = [
        f"{path}: mirror/__init__.py imports {imported}; it stays empty, so that one module never loads another"
        for imported, path in (siblings(uses, "__init__") if "__init__" in uses else {}).items()
    ]
    for module in uses.keys() & HEIGHT.keys():
        faults += [
            f"{path}: {module} imports {imported}, which is in a layer above; imports run downwards"
            for imported, path in siblings(uses, module).items()
            if HEIGHT.get(imported, -1) > HEIGHT[module]
        ]
    return sorted(faults)


def cycles(uses):
    graph = {module: siblings(uses, module).keys() - {module} for module in uses}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"mirror: modules import each other in a circle: {' → '.join(reversed(error.args[1]))}"]
    return []


def foreign_imports(uses):
    return sorted(
        f"{path}: imports {name}; mirror is what api and pocket build on and knows neither"
        for names in uses.values()
        for name, path in names.items()
        if name.split(".")[0] in ("api", "pocket")
    )


def heavy_imports(uses):
    faults = []
    for library in HEAVY:
        users = [m for m, names in sorted(uses.items()) if any(name.split(".")[0] == library for name in names)]
        if len(users) > 1:
            faults.append(f"{library} is imported by {', '.join(users)}; one module alone may know it")
        faults += [
            f"mirror/{module} imports {library}; its layer is plain data and disk, without heavy libraries"
            for module in users
            if HEIGHT.get(module) == 0 or module == "__init__"
        ]
    return faults


BROKEN = {
    "upwards": ({"run.py": "from .session import take_turn", "session.py": ""}, "run imports session"),
    "upwards, absolute": ({"run.py": "import mirror.session", "session.py": ""}, "run imports session"),
    "upwards, by the package": ({"run.py": "from mirror import session", "session.py": ""}, "run imports session"),
    "upwards, late": ({"run.py": "def f():\n    from . import session", "session.py": ""}, "run imports session"),
    "upwards, in a folder": (
        {"prompts/plan.py": "from ..session import x", "session.py": ""},
        "plan.py: prompts imports session",
    ),
    "circle": ({"run.py": "from . import profile", "profile.py": "from . import run"}, "in a circle: "),
    "eager package": ({"__init__.py": "from .run import Run", "run.py": ""}, "it stays empty"),
    "api": ({"run.py": "from api.verification import app"}, "imports api.verification.app"),
    "pocket": ({"run.py": "import pocket"}, "imports pocket"),
    "heavy twice": (
        {"llava.py": "import peft", "training.py": "from peft.utils import x"},
        "peft is imported by llava",
    ),
    "heavy below": ({"run.py": "import matplotlib.pyplot as plt"}, "mirror/run imports matplotlib"),
    "unknown": ({"kitchen.py": ""}, "mirror/kitchen: not in the layer table; add it to LAYERS in tests/test_layers.py"),
    "empty name": ({"run.py": "", "prompts/utils.py": ""}, "prompts/utils.py: this name says nothing"),
}


@pytest.mark.parametrize("files, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(files, message, tmp_path):
    write(tmp_path, files)
    faults = find_faults(tmp_path)
    assert len(faults) == 1 and message in faults[0]


def test_what_the_rules_allow_passes(tmp_path):
    files = {
        "__init__.py": "",
        "session.py": "from mirror import run, client\nimport openai.types",
        "client.py": "from .run import Run\nfrom .prompts import plan\nfrom .description import d",
        "description.py": "import json",
        "run.py": "from . import profile",
        "profile.py": "",
        "prompts/__init__.py": "from .plan import Plan",
        "prompts/plan.py": "from .. import run",
    }
    write(tmp_path, files)
    assert find_faults(tmp_path) == []


def write(root, files):
    for name, text in files.items():
        path = root / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
