"""The form of the notebooks: cleared, thin, and a parameters cell that is the manual of `papermill --help-notebook`."""

import ast
import re

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MOST_CELLS = 10
MOST_LINES = 8
# An annotation that papermill can show, and the types of value it admits; None leaves a parameter open.
VALUES = {"str": ["str"], "int": ["int"], "float": ["float", "int"], "bool": ["bool"], "dict": ["dict"]}
PARAMETER = re.compile(r"(?P<name>\w+): (?P<type>\w+) = (?P<value>.+?)  # (?P<help>\S.*)")
LEFT_TO_THE_PACKAGE = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.ClassDef: "class",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.For: "for",
    ast.AsyncFor: "for",
    ast.While: "while",
}


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ holds no notebook"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_form(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    faults = find_faults(notebook)
    assert not faults, "\n".join([f"{path.relative_to(ROOT)}:", *faults])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_papermill_finds_every_parameter_with_its_help(path):
    cell = parameters_cells(nbformat.read(path, as_version=4))[0]
    found = papermill.inspect_notebook(path)
    assert list(found) == [line.target.id for line in ast.parse(cell.source).body]
    without = [name for name, parameter in found.items() if not parameter["help"]]
    assert not without, f"no help text for {without}"
    assert {parameter["inferred_type_name"] for parameter in found.values()} <= set(VALUES)


def find_faults(notebook):
    """What is wrong with the form of a notebook, one sentence each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    faults = []
    if len(code) > MOST_CELLS:
        faults.append(f"{len(code)} code cells, at most {MOST_CELLS}")
    if len(parameters_cells(notebook)) != 1:
        faults.append(f"{len(parameters_cells(notebook))} cells are tagged 'parameters'; it must be one")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if number == 0 or notebook.cells[number - 1].cell_type != "markdown":
            faults.append(f"cell {number}: no markdown before it says what the step is for")
        if cell.outputs or cell.execution_count is not None:
            faults.append(f"cell {number}: holds outputs of a run; `make clear` removes them")
        faults += [f"cell {number}: {fault}" for fault in source_faults(cell)]
    return faults


def parameters_cells(notebook):
    return [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]


def source_faults(cell):
    try:
        tree = ast.parse(cell.source)
    except SyntaxError as error:
        return [f"not plain Python (a magic or a shell line?): {error.text}"]
    if "parameters" in cell.metadata.get("tags", []):
        return parameter_faults(cell.source)
    faults = []
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if not lines or len(lines) > MOST_LINES:
        faults.append(f"{len(lines)} lines, at most {MOST_LINES} and at least one")
    for node in ast.walk(tree):
        if type(node) in LEFT_TO_THE_PACKAGE:
            faults.append(f"line {node.lineno}: `{LEFT_TO_THE_PACKAGE[type(node)]}` belongs in the package")
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            faults.append(f"line {node.lineno}: get_ipython is a magic in disguise")
    return faults


def parameter_faults(source):
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("# ")]
    return [fault for line in lines for fault in parameter_fault(line)]


def parameter_fault(line):
    match = PARAMETER.fullmatch(line)
    if not match or match["type"] not in VALUES:
        return [f"`{line}` is not `name: type = value  # help` with type one of {', '.join(VALUES)}"]
    try:
        found = type(ast.literal_eval(match["value"])).__name__
    except (SyntaxError, ValueError):
        return [f"`{line}`: the value is computed; papermill shows and replaces plain values"]
    return [] if found in [*VALUES[match["type"]], "NoneType"] else [f"`{line}`: the value is of type {found}"]


GOOD = "epochs: int = 1  # passes over the training set\nlearning_rate: float = 2e-4  # of LoRA\ncot: str = None  # any"


def notebook(*sources, parameters=GOOD):
    cells = [new_markdown_cell("# Does it?"), new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    for source in sources:
        cells += [new_markdown_cell("Why."), new_code_cell(source)]
    return new_notebook(cells=cells)


BROKEN = {
    "def": (notebook("def f():\n    return 1"), "`def` belongs"),
    "class": (notebook("class A:\n    pass"), "`class` belongs"),
    "try": (notebook("try:\n    f()\nfinally:\n    g()"), "`try` belongs"),
    "for": (notebook("for row in rows:\n    print(row)"), "`for` belongs"),
    "while": (notebook("while True:\n    f()"), "`while` belongs"),
    "shell": (notebook("!ls"), "not plain Python"),
    "magic": (notebook("%matplotlib inline"), "not plain Python"),
    "hidden magic": (notebook("get_ipython().run_line_magic('time', '')"), "magic in disguise"),
    "long": (notebook("\n".join(["f()"] * 9)), "9 lines, at most 8"),
    "empty": (notebook("\n"), "0 lines"),
    "many": (notebook(*["f()"] * 10), "11 code cells, at most 10"),
    "no help": (notebook(parameters="epochs: int = 1"), "`epochs: int = 1` is not"),
    "no annotation": (notebook(parameters="epochs = 1  # passes"), "is not `name: type = value  # help`"),
    "hard annotation": (notebook(parameters="epochs: int | None = 1  # passes"), "is not `name: type"),
    "a statement": (notebook(parameters="import os  # for paths"), "is not `name: type"),
    "computed": (notebook(parameters="epochs: int = 2 * 3  # passes"), "the value is computed"),
    "bool for a number": (notebook(parameters="epochs: int = True  # passes"), "the value is of type bool"),
    "wrong default": (notebook(parameters="epochs: int = '1'  # passes"), "the value is of type str"),
    "text for a number": (notebook(parameters="rate: float = '1'  # of LoRA"), "the value is of type str"),
}


@pytest.mark.parametrize("broken, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_rule_is_found(broken, message):
    faults = find_faults(broken)
    assert len(faults) == 1 and message in faults[0]


def test_outputs_counts_tags_and_missing_words_are_found():
    run = notebook("f()")
    assert find_faults(run) == []
    run.cells[3].outputs = [new_output("stream", text="1")]
    run.cells[1].execution_count = 1
    assert [fault.split(";")[0] for fault in find_faults(run)] == [
        "cell 1: holds outputs of a run",
        "cell 3: holds outputs of a run",
    ]
    untagged = notebook("f()")
    untagged.cells[1].metadata.tags = []
    assert find_faults(untagged) == ["0 cells are tagged 'parameters'; it must be one"]
    mute = notebook("f()")
    del mute.cells[2]
    assert find_faults(mute) == ["cell 2: no markdown before it says what the step is for"]
