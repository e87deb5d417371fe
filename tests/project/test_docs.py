"""The documentation against the code: commands, parameters, options, paths, names, links, messages and examples."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
import types
from functools import cache
from importlib.util import find_spec

import papermill
import pytest
import yaml

from api.description.app import DescriptionSettings
from api.verification.app import VerificationSettings
from mirror.analysis.settings import AnalyseSettings
from mirror.building.settings import BuildSettings
from mirror.counseling.settings import CounselSettings
from mirror.exploration.command import read_options
from mirror.exploration.settings import ExploreSettings
from mirror.painting.settings import PaintSettings
from mirror.rating.instrument import read_instrument
from mirror.rating.settings import RateSettings
from mirror.replay.settings import ReplaySettings
from mirror.terminal.command import mirror
from mirror.terminal.parameters import given_parameters
from mirror.terminal.stages import STAGES
from mirror.training.settings import TrainSettings
from pocket.settings import PocketSettings
from tests import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
SETTINGS = {
    "build": BuildSettings,
    "train": TrainSettings,
    "counsel": CounselSettings,
    "replay": ReplaySettings,
    "explore": ExploreSettings,
    "rate": RateSettings,
    "paint": PaintSettings,
    "analyse": AnalyseSettings,
    "pocket": PocketSettings,
}
SERVICES = {"api.verification": VerificationSettings, "api.description": DescriptionSettings}
# Files that a recipe of CONTRIBUTING.md tells its reader to write.
TO_WRITE = (
    "mirror/clients/terse.py tests/clients/test_terse.py mirror/faces/neutral.py tests/faces/test_neutral.py "
    "mirror/faces/copy_portrait.py tests/faces/test_copy_portrait.py"
).split()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:mirror|api|pocket|notebooks|params|tests|docs|results/benchmarks)/[\w./-]*")
NAME = re.compile(r"(?:mirror|api|pocket|tests)(?:\.(?!ipynb)\w+)+")


# Reading the pages ----------------------------------------------------------------------------------------------------


def prose(text):
    return FENCE.sub("", text)


def blocks(text, *languages):
    return [body for language, body in FENCE.findall(text) if language in languages]


def commands(text):
    """The commands of a page as lists of words: from blocks of the shell, and from code inside sentences."""
    lines = [line for body in blocks(text, "", "bash") for line in body.replace("\\\n", " ").splitlines()]
    lines += CODE.findall(prose(text))
    found = []
    for line in lines:
        if re.match(r"(python|make|papermill|mkdir|source|\.ci)\b|mirror ", line):
            words = shlex.split(line, comments=True)
            while "&&" in words:
                found.append(words[: words.index("&&")])
                words = words[words.index("&&") + 1 :]
            found.append(words)
    return found


def commands_of(program):
    """(page, words behind the program) of all pages, as test parameters."""
    given = [(page, words[1:]) for page, text in TEXTS.items() for words in commands(text) if words[0] == program]
    return pytest.mark.parametrize("page, words", given, ids=[f"{page}: {shlex.join(words)}" for page, words in given])


# Commands -------------------------------------------------------------------------------------------------------------


@commands_of("make")
def test_a_make_command_has_a_target(page, words):
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {word for word in words if "=" not in word} <= set(targets)


@commands_of("python")
def test_a_python_command_can_be_run(page, words):
    if words[0] == "-c":
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
        return
    assert words[0] == "-m"
    module, arguments = words[1], words[2:]
    if module == "pytest":
        assert all((ROOT / path).exists() for path in arguments)
        return
    assert is_runnable(module)
    options = {word.split("=")[0] for word in arguments if word.startswith("--")} - {"--help"}
    assert not options or options <= options_of(module)


def is_runnable(module):
    """Whether `python -m module` finds a program."""
    path = ROOT / module.replace(".", "/")
    file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    return file.is_file() and (path.is_dir() or '__name__ == "__main__"' in file.read_text(encoding="utf-8"))


@cache
def options_of(module):
    """The options of a program: those of argparse that its source names, and those of a service's settings."""
    if module in SERVICES:
        return {f"--{name.replace('_', '-')}" for name in SERVICES[module].model_fields}
    path = ROOT / module.replace(".", "/")
    file = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    return {text for text in texts_of(file) if re.fullmatch("--[a-z][a-z-]*", text)}


@commands_of("papermill")
def test_a_papermill_command_is_accepted_by_the_settings(page, words):
    if words[0] == "--help-notebook":
        assert (ROOT / words[1]).is_file()
        return
    notebook, output, *options = words
    stage = (ROOT / notebook).stem
    assert output == "OUT" or re.fullmatch(rf"results/[\w-]+/{stage}\.ipynb", output)
    values = {name: ast.literal_eval(one["default"]) for name, one in parameters_of(notebook).items()}
    while options:
        flag, name, *options = options
        if flag == "-f":
            assert name.startswith(f"params/{stage}/")
            values = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
            continue
        text, *options = options
        assert name in parameters_of(notebook)
        values[name] = text if flag == "-r" else yaml.safe_load(text)
    SETTINGS[stage].checked(values, "documentation:", check_files=False)


@commands_of("mirror")
def test_a_mirror_command_is_accepted_by_its_settings(page, words):
    name, *words = words
    command = mirror.commands[name]
    context = command.make_context(name, words)
    if name == "explore":
        explored = vars(read_options([word for word in words if word != "--help"], "mirror explore"))
        files = [explored["configuration"], *filter(None, [explored["against"]])]
        assert all((ROOT / file).is_file() for file in files)
    elif name in STAGES and not context.params["help_notebook"]:
        assert not context.params["out"] and all(
            file.startswith(f"params/{name}/") for file in context.params["parameters_file"]
        )
        STAGES[name].checked(given_parameters(context.params), check_files=False)


@cache
def parameters_of(notebook):
    return papermill.inspect_notebook(str(ROOT / notebook))


@pytest.mark.parametrize("page", TEXTS)
def test_every_parameter_and_option_exists(page):
    """`-p name` and `--option` where they stand alone in a sentence."""
    spans = [span for span in CODE.findall(prose(TEXTS[page])) if span.startswith("-")]
    known = {name for stage in SETTINGS for name in parameters_of(f"notebooks/{stage}.ipynb")}
    named = {name for span in spans for name in re.findall(r"-[pr] (\w+)", span)}
    assert named <= known
    options = {span.split()[0] for span in spans if span.startswith("--")} - {"--help"}
    modules = ("mirror.faces.calibration", "mirror.models.merge", "mirror.rating.forms", "mirror.transcripts.flags")
    modules += ("mirror.export", "mirror.counseling.spending.plan", "mirror.exploration.command")
    assert options <= {option for module in (*SERVICES, *modules) for option in options_of(module)}


# Paths, names, links, messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", TEXTS)
def test_every_path_exists(page):
    named = {match for span in CODE.findall(prose(TEXTS[page])) for match in PATH.findall(span) if PATH.fullmatch(span)}
    assert [path for path in sorted(named) if not (ROOT / path).exists() and path not in TO_WRITE] == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_dotted_name_exists(page):
    spans = {span.removesuffix("(folder)") for span in CODE.findall(prose(TEXTS[page]))}
    assert [name for name in sorted(spans) if NAME.fullmatch(name) and not exists(name)] == []


def exists(name):
    """Whether a dotted name is a module, or is defined in one."""
    if (ROOT / name.replace(".", "/")).is_dir() or (ROOT / name.replace(".", "/")).with_suffix(".py").is_file():
        return find_spec(name) is not None
    module, _, attribute = name.rpartition(".")
    file = (ROOT / module.replace(".", "/")).with_suffix(".py")
    return file.is_file() and any(getattr(node, "name", "") == attribute for node in ast.parse(file.read_text()).body)


@pytest.mark.parametrize("page", TEXTS)
def test_every_relative_link_resolves(page):
    faults = []
    for target in LINK.findall(prose(TEXTS[page])):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            faults.append(target)
    assert faults == []


def test_what_the_site_shows_in_place_is_linked_for_readers_of_a_clone():
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r'^--8<-- "([\w./-]+?)(?::\w+)?"$', text, re.MULTILINE):
            if not path.startswith("build/"):  # made with the site; the page says how to print it
                # The query keeps the site's builder from taking the file for one of its pages.
                assert f'<a class="in-clone" href="../{path}?plain=0">{path}</a>' in text, path
                assert (ROOT / path).is_file(), path


def anchors(text):
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.slow
def test_every_message_of_the_troubleshooting_page_is_one_of_the_code():
    messages = re.findall(r"^### `(.+)`$", TEXTS["docs/troubleshooting.md"], re.MULTILINE)
    assert len(messages) > 10
    assert [message for message in messages if not any(message in text for text in strings())] == []


@cache
def strings():
    """All texts in the sources, and the fixed parts of f-strings."""
    files = [path for folder in ("mirror", "api", "tests") for path in (ROOT / folder).rglob("*.py")]
    return {text for path in files if path.name != "test_docs.py" for text in texts_of(path)}


def texts_of(file):
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


# The site and the version ---------------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_and_every_room_has_a_page():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r"[\w/]+\.md", nav))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in PAGES if (ROOT / "docs") in page.parents}
    shown = {name for page in TEXTS for name in re.findall(r"^::: mirror\.(\w+)$", TEXTS[page], re.MULTILINE)}
    modules = {path.stem for path in (ROOT / "mirror").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert shown == {name for name in modules if not name.startswith("_")} - {"benchmarks", "py"}


def test_the_citation_names_the_version_and_licence_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


# The recipes of CONTRIBUTING.md ---------------------------------------------------------------------------------------


def recipes():
    """The Python blocks of CONTRIBUTING.md: each module with its path, each test, and the program at the end."""
    return blocks(TEXTS["CONTRIBUTING.md"], "python")


@pytest.fixture
def own_modules(monkeypatch):
    """The modules of the recipes, as if their files were there."""
    sources = [source for source in recipes() if source.startswith('"""')]
    names = [path.removesuffix(".py").replace("/", ".") for path in TO_WRITE if path.startswith("mirror/")]
    assert len(sources) == len(names)
    for name, source in zip(names, sources, strict=True):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, name, "exec"), module.__dict__)


def test_the_tests_of_the_recipes_pass(own_modules):
    tests = {}
    for source in recipes():
        if "\ndef test_" in source:
            exec(compile(source, "CONTRIBUTING.md", "exec"), tests)
    functions = [function for name, function in tests.items() if name.startswith("test_")]
    assert len(functions) == 3
    for function in functions:
        function()


@pytest.mark.slow
def test_a_cast_of_the_recipes_counsels(own_modules, output, capsys):
    program = next(source for source in recipes() if "Counseling(settings)" in source)
    exec(compile(program, "CONTRIBUTING.md", "exec"), {})
    assert "complete" in capsys.readouterr().out


def test_the_instrument_of_the_recipes_is_sound(tmp_path):
    (tmp_path / "pacing.yaml").write_text(blocks(TEXTS["CONTRIBUTING.md"], "yaml")[0], encoding="utf-8")
    assert read_instrument(str(tmp_path / "pacing.yaml")).bounds("pacing") == (1, 5)
