"""The architecture as two tables, held against the imports of the source files; the sources are not imported.

python -c "from tests.project.test_layers import architecture; print(architecture())"
"""

import ast
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests import ROOT

# Each room of mirror/ and the rooms it may import from, top to bottom.
IMPORTS = """
__main__     terminal
terminal     replay building counseling exploration painting rating analysis training faces clients chat models services
replay       building counseling faces clients chat models transcripts prompts
building     analysis rating counseling training faces risk clients figures chat models transcripts prompts workers
analysis     gallery rating counseling figures clients transcripts prompts
gallery      rating clients transcripts
export       rating transcripts
exploration  rating counseling faces clients chat transcripts prompts services
rating       clients chat transcripts
painting     faces clients figures models transcripts
counseling   faces clients chat models transcripts prompts services workers
training     models prompts
faces        clients figures chat models transcripts prompts services
clients      chat transcripts prompts
figures      transcripts prompts
chat         models services
transcripts  risk
risk         models
models       prompts
services     -
workers      -
prompts      -
"""
# Rooms that every room may import from, top to bottom: one imports only from those behind it.
GROUND = (
    "settings run_folder tracking html_page files provenance secrets asking seeds statistics progress_bar "
    "natural_order paths console garbage"
).split()
# May import everything, and is imported by none: it measures the inside of every stage.
BENCHMARKS = "benchmarks"
# The modules of a room that other rooms may import, `.` the folder itself. All modules of the ground floor are doors.
DOORS = """
terminal     command
building     screenplays settings
analysis     measures metrics
gallery      .
rating       forms instrument preferences ratings revision
exploration  command
counseling   cast casting counselor examples reply run settings speaker spending turn
faces        attributes casting description identity memory photomaker rejection_sampling schedule settings \
             verification view
training     prompt_induction records settings
clients      client known_clients lexicon openness returns script trust
figures      .
chat         chat_error batch_files endpoint local messages prices retries roles
models       checkpoint decoding device families generation_config gpu hub_id llava llava_chat lora memory \
             quantization sampling weight_files weights
transcripts  arm donor flags integrity profile session_folder session_name turn verdict
risk         classifier flag guidance lexicon policy
services     browser http_client replicas server_json service
workers      assignments crew faults pool worker
prompts      . client
"""
MOST_MODULES = 12  # in a folder, `__init__` and `__main__` not counted
MOST_LINES = 300  # of a module
# Heavy libraries, and the rooms that hide them from all others.
HEAVY = {
    "peft": {"models"},
    "diffusers": {"faces"},
    "insightface": {"faces"},
    "openai": {"chat"},
    "ray": {"workers"},
    "matplotlib": {"figures", "analysis"},
}
# What starts at once, beside all settings: no library of models is imported, nor one that computes with tensors.
LIGHT = """
mirror.analysis.run mirror.analysis.registration.__main__ mirror.counseling.examples mirror.counseling.shards
mirror.exploration.__main__ mirror.export.__main__ mirror.gallery.__main__ mirror.rating.run
mirror.rating.forms.__main__ mirror.training.__main__ mirror.transcripts.__main__ mirror.transcripts.integrity
api.description.app api.verification.app pocket.__main__
""".split()
# Imports diffusers only when it loads a painter: a replay has none, nor has a run before its settings are checked.
PAINTS_LATE = """
mirror.building.run mirror.counseling.run mirror.counseling.workers.crew mirror.counseling.workers.worker
mirror.exploration.run mirror.painting.run mirror.replay.run mirror.training.run
""".split()
EMPTY_NAMES = ("util", "utils", "helper", "helpers", "common", "misc")
PACKAGES = ("mirror", "pocket", "api")


def table(text):
    rows = (line.split() for line in text.strip().splitlines())
    return {room: [name for name in names if name != "-"] for room, *names in rows}


def allowed_imports():
    """room → the rooms it may import from."""
    found = {room: {*below, *GROUND} for room, below in table(IMPORTS).items()}
    return found | {room: set(GROUND[place + 1 :]) for place, room in enumerate(GROUND)}


def architecture():
    """The tables, as a person reads them."""
    doors = table(DOORS)
    lines = [f"{BENCHMARKS:13} imports from every room"]
    lines += [
        f"{room:13} imports from {' '.join(below) or 'the ground floor only'}"
        + f"\n{'':13} others may import {' '.join(doors.get(room, ['nothing']))}"
        for room, below in table(IMPORTS).items()
    ]
    return "\n".join([*lines, f"ground floor  {' '.join(GROUND)}"])


# Reading the sources --------------------------------------------------------------------------------------------------


def sources(root, package):
    """dotted module name → file."""
    return {module_name(path, root): path for path in sorted((root / package).rglob("*.py"))}


def module_name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path, root, on_use=True):
    """The dotted names that a file imports; relative ones are made absolute.

    `on_use`: also those that wait for the call of a function, and those for a type checker alone.
    """
    package = path.relative_to(root).parent.parts
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree) if on_use else statements_at_start(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            names |= {".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names}
    return names


def statements_at_start(tree):
    """The statements that run when a module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                yield node
                yield from statements_at_start(node)


def first_importer(start, library, modules, root):
    """The module by which importing `start` imports a library too, or None."""
    queue, seen = [start], set()
    while queue:
        if (module := queue.pop()) in seen:
            continue
        seen.add(module)
        path = modules[module]
        if any(name.split(".")[0] == library for name in imports_of(path, root, on_use=False)):
            return module
        parents = {module.rsplit(".", cut)[0] for cut in range(1, module.count(".") + 1)}
        queue += sorted(parents & modules.keys() | imported_modules(path, root, modules, on_use=False))
    return None


def imported_modules(path, root, modules, on_use=True):
    """The modules of the same package that a file imports: `mirror.seeds.seed_for` is the module `mirror.seeds`."""
    found = set()
    for name in imports_of(path, root, on_use):
        parents = [name, *(name.rsplit(".", cut)[0] for cut in range(1, name.count(".") + 1))]
        found |= {next((module for module in parents if module in modules), "")}
    return found - {""}


def room_of(module):
    """`mirror.faces.photomaker.painter` is in the room `faces`."""
    return module.split(".")[1] if "." in module else ""


def door_of(module):
    """The part of a module's name below its room: `photomaker` of `mirror.faces.photomaker.painter`, `.` for a room."""
    return ".".join(module.split(".")[2:3]) or "."


# Rules ----------------------------------------------------------------------------------------------------------------


def find_faults(root):
    """Everything below `root` that breaks a rule of this file, one sentence each."""
    modules = sources(root, "mirror")
    uses = {module: imported_modules(path, root, modules) for module, path in modules.items()}
    return [
        *unknown_rooms(modules),
        *wrong_imports(uses),
        *circles(uses),
        *foreign_imports(modules, root),
        *heavy_imports(modules, root),
        *bad_shapes(root),
    ]


def unknown_rooms(modules):
    known = {*allowed_imports(), BENCHMARKS, ""}
    rooms = sorted({room_of(module) for module in modules} - known)
    return [f"mirror/{room}: in no table of tests/project/test_layers.py; add it where it belongs" for room in rooms]


def wrong_imports(uses):
    allowed, doors = allowed_imports(), table(DOORS)
    faults = []
    for module, imported in sorted(uses.items()):
        room = room_of(module)
        for other in sorted(imported):
            target = room_of(other)
            if target in (room, "") or room == BENCHMARKS:
                continue
            if not room:
                faults.append(f"{module} imports {other}; the package itself stays empty")
            elif target not in allowed.get(room, set()):
                faults.append(f"{module} imports {other}; {room} may not import from {target}")
            elif target not in GROUND and door_of(other) not in doors[target]:
                faults.append(
                    f"{module} imports {other}, which is inside {target}; its doors: {' '.join(doors[target])}"
                )
    return faults


def circles(uses):
    """Circles of modules, and of rooms."""
    rooms = defaultdict(set)
    for module, imported in uses.items():
        rooms[room_of(module)] |= {room_of(other) for other in imported} - {room_of(module)}
    faults = []
    for graph in ({module: imported - {module} for module, imported in uses.items()}, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            faults.append(f"imports in a circle: {' → '.join(reversed(error.args[1]))}")
    return faults[:1]


def foreign_imports(modules, root):
    return [
        f"{module} imports {name}; mirror is what api and pocket build on and knows neither"
        for module, path in modules.items()
        for name in sorted(imports_of(path, root))
        if name.split(".")[0] in ("api", "pocket", "tests")
    ]


def heavy_imports(modules, root):
    return [
        f"{module} imports {library}; only {' and '.join(sorted(HEAVY[library]))} may know it"
        for module, path in modules.items()
        for library in sorted({name.split(".")[0] for name in imports_of(path, root)} & HEAVY.keys())
        if room_of(module) not in HEAVY[library] | {BENCHMARKS}
    ]


def bad_shapes(root):
    """Modules that are too long, folders that are too full, names that say nothing."""
    faults, folders = [], defaultdict(set)
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root)
            if not path.stem.startswith("__"):
                folders[name.parent].add(path.stem)
            if (lines := path.read_text(encoding="utf-8").count("\n")) > MOST_LINES:
                faults.append(f"{name} has {lines} lines, more than {MOST_LINES}; split it by its nouns")
            if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES:
                faults.append(f"{name}: this name says nothing; name the module after the thing it holds")
    return faults + [
        f"{folder} has {len(names)} modules, more than {MOST_MODULES}; make a room of some of them"
        for folder, names in folders.items()
        if len(names) > MOST_MODULES
    ]


def test_the_source_keeps_to_the_architecture():
    faults = find_faults(ROOT)
    assert not faults, "\n".join(["the architecture is broken:", *faults])


def test_every_room_of_the_tables_is_there():
    rooms = {room_of(module) for module in sources(ROOT, "mirror")} - {""}
    assert rooms == {*allowed_imports(), BENCHMARKS}
    assert table(DOORS).keys() <= table(IMPORTS).keys()


def test_the_tables_run_downwards():
    order = {room: place for place, room in enumerate([*table(IMPORTS), *GROUND])}
    for room, below in allowed_imports().items():
        assert all(order[room] < order[other] for other in below), room


def test_modules_with_tests_are_imported_by_none():
    """What several of them need is in a module of tests/ that holds no tests, or in conftest.py."""
    found = [
        f"{module} imports {name}"
        for package in (*PACKAGES, "tests")
        for module, path in sources(ROOT, package).items()
        for name in sorted(imports_of(path, ROOT))
        if any(part.startswith("test_") for part in name.split(".")) and name.startswith("tests.")
    ]
    assert not found


BROKEN = {
    "upwards": (
        {"clients/client.py": "from mirror.counseling.session import x", "counseling/session.py": ""},
        "may not",
    ),
    "upwards, relative": ({"paths.py": "from .seeds import x", "seeds.py": ""}, "paths may not import from seeds"),
    "upwards, by the package": (
        {"paths.py": "from mirror import seeds", "seeds.py": ""},
        "paths may not import from seeds",
    ),
    "upwards, late": (
        {"paths.py": "def f():\n    import mirror.seeds", "seeds.py": ""},
        "paths may not import from seeds",
    ),
    "upwards, in a folder": (
        {"prompts/plan.py": "from ..models import lora", "models/lora.py": ""},
        "mirror.prompts.plan imports mirror.models.lora",
    ),
    "another stage": (
        {"training/run.py": "from mirror.faces import description", "faces/description.py": ""},
        "training may not import from faces",
    ),
    "inside": (
        {"gallery/page.py": "from mirror.rating.judge import x", "rating/judge.py": ""},
        "inside rating; its doors: forms instrument preferences ratings",
    ),
    "circle": ({"files/a.py": "from . import b", "files/b.py": "from . import a"}, "in a circle: mirror.files.a"),
    "eager package": ({"__init__.py": "from .seeds import x", "seeds.py": ""}, "stays empty"),
    "api": ({"paths.py": "from api.verification import app"}, "imports api.verification.app"),
    "pocket": ({"paths.py": "import pocket"}, "imports pocket"),
    "heavy elsewhere": ({"training/step.py": "from peft.utils import x"}, "imports peft; only models may know it"),
    "unknown": ({"kitchen/stove.py": ""}, "mirror/kitchen: in no table"),
    "empty name": ({"prompts/utils.py": ""}, "prompts/utils.py: this name says nothing"),
    "too long": ({"paths.py": "x = 1\n" * 301}, "paths.py has 301 lines"),
    "too full": ({f"files/a{number}.py": "" for number in range(13)}, "mirror/files has 13 modules"),
}


@pytest.mark.parametrize("files, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(files, message, tmp_path):
    write(tmp_path, files)
    faults = find_faults(tmp_path)
    assert len(faults) == 1 and message in faults[0]


def test_what_the_rules_allow_passes(tmp_path):
    files = {
        "__init__.py": "",
        "counseling/session.py": "from mirror.clients import client\nfrom mirror.prompts import Plan",
        "clients/client.py": "from ..seeds import seed_for\nfrom mirror.chat.endpoint import x",
        "chat/endpoint.py": "from . import wire\nimport openai.types",
        "chat/wire.py": "",
        "faces/photomaker/painter.py": "from mirror.faces.clip_text import x",
        "faces/clip_text.py": "x = 1\n" * 300,
        "benchmarks/faces.py": "from mirror.faces.photomaker.painter import x",
        "seeds.py": "from . import paths",
        "paths.py": "",
        "prompts/__init__.py": "from .plan import Plan",
        "prompts/plan.py": "from .. import paths",
    }
    write(tmp_path, files)
    assert find_faults(tmp_path) == []


def write(root, files):
    for name, text in files.items():
        path = root / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_parameters_are_checked_without_a_library_of_models():
    """A fault in a parameter is said at once, not after half a minute of imports."""
    settings = sorted(module_name(path, ROOT) for path in (ROOT / "mirror").glob("*/settings.py"))
    assert len(settings) > 6 and imported_with(settings, {"torch", "transformers", *HEAVY} - {"openai"}) == []


def test_what_reads_and_counts_starts_without_a_library_of_models():
    assert imported_with(LIGHT, {"torch", "transformers", *HEAVY} - {"openai", "matplotlib"}) == []


def imported_with(modules, libraries):
    """Those libraries that a process has imported with some modules."""
    code = f"import sys, {', '.join(modules)}; print(*(name for name in {sorted(libraries)} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.split()


def test_diffusers_waits_for_a_painter():
    modules = sources(ROOT, "mirror")
    assert {start: first_importer(start, "diffusers", modules, ROOT) for start in PAINTS_LATE} == dict.fromkeys(
        PAINTS_LATE
    )
    assert first_importer("mirror.faces.photomaker.painter", "diffusers", modules, ROOT)


def test_an_import_at_the_start_is_found_and_one_on_use_is_not(tmp_path):
    files = {
        "a.py": "from typing import TYPE_CHECKING\nfrom mirror import b\nif TYPE_CHECKING:\n    import diffusers",
        "b.py": "class B:\n    def f(self):\n        import diffusers",
        "c.py": "from mirror.d.e import x",
        "d/__init__.py": "try:\n    from diffusers.utils import logging\nexcept ImportError:\n    pass",
        "d/e.py": "",
    }
    write(tmp_path, files)
    modules = sources(tmp_path, "mirror")
    found = [first_importer(f"mirror.{name}", "diffusers", modules, tmp_path) for name in "abc"]
    assert found == [None, None, "mirror.d"]
