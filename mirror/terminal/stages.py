"""The stages that the command runs: their notebooks, their parameters, and the folder that a run of them will have."""

import ast
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mirror.paths import output_path, repository_root
from mirror.settings.base import Settings
from mirror.settings.errors import NOTEBOOK, SettingsError


@dataclass(frozen=True)
class Stage:
    """A notebook that papermill runs.

    Attributes:
        name: of the notebook and of its folder of params files.
        does: what it does, for lists.
        settings: `module:class` of its settings, imported when a run is asked for; empty if `run` is always given.
    """

    name: str
    does: str
    settings: str = ""

    @property
    def notebook(self) -> Path:
        """The notebook.

        Raises:
            SettingsError: there is none, because the package was installed without the repository.
        """
        path = repository_root() / "notebooks" / f"{self.name}.ipynb"
        if not path.is_file():
            raise SettingsError(f"no notebook {path}; start mirror inside a clone of the repository")
        return path

    @property
    def params_files(self) -> list[Path]:
        """The params files of the repository for this stage, in order of their names."""
        return sorted((repository_root() / "params" / self.name).glob("*.yaml"))

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The parameters of the notebook with their defaults, in the order of its parameters cell."""
        cells = json.loads(self.notebook.read_text(encoding="utf-8"))["cells"]
        source = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
        return {
            node.target.id: ast.literal_eval(node.value)
            for node in ast.parse(source).body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
        }

    def checked(self, given: Mapping[str, Any], check_files: bool = True) -> dict[str, Any]:
        """The parameters of a run: those given, and the defaults of the others, as the notebook will read them.

        Args:
            given: parameters of the command line and of params files.
            check_files: whether the files, keys and devices that they name must be available.

        Raises:
            SettingsError: the notebook would refuse them; the message has one line per fault.
        """
        values = self.defaults | dict(given)
        if not self.settings:
            return values
        kind: type[Settings] = pkgutil.resolve_name(self.settings)
        return kind.checked(values, NOTEBOOK, check_files).model_dump()

    def run_folder(self, values: Mapping[str, Any]) -> Path:
        """The folder of a run with these checked parameters; that of a share of a table has the share in its name."""
        share, _, shares = str(values.get("shard", "1/1")).partition("/")
        suffix = "" if shares == "1" or self.name != "counsel" else f"-{share}of{shares}"
        return output_path("results") / f"{values['run']}{suffix}"

    def executed(self, values: Mapping[str, Any]) -> Path:
        """The executed notebook of such a run, if the command line names none."""
        return self.run_folder(values) / f"{self.name}.ipynb"


STAGES = {
    stage.name: stage
    for stage in (
        Stage("build", "make the training set", "mirror.building.settings:BuildSettings"),
        Stage("train", "fine-tune a LLaVA", "mirror.training.settings:TrainSettings"),
        Stage("counsel", "let a counselor talk with simulated clients", "mirror.counseling.settings:CounselSettings"),
        Stage("replay", "let a counselor answer recorded conversations", "mirror.replay.settings:ReplaySettings"),
        Stage("paint", "compare painters of faces", "mirror.painting.settings:PaintSettings"),
        Stage("rate", "rate sessions", "mirror.rating.settings:RateSettings"),
        Stage("analyse", "compare runs, with tables and figures", "mirror.analysis.settings:AnalyseSettings"),
        Stage("pocket", "make the pocket models"),
    )
}


def stage_of(settings: Mapping[str, Any]) -> str:
    """The stage whose parameters the settings of a run resemble most; runs of earlier versions lack some."""

    def resemblance(stage: Stage) -> float:
        names, known = set(settings), set(stage.defaults)
        return len(names & known) / len(names | known)

    return max(STAGES.values(), key=resemblance).name
