"""The command of a stage: papermill's options, with its notebook and the executed notebook known.

papermill is imported when the options are asked for, so that the list of commands is immediate.
"""

import logging
import sys
from functools import cached_property
from pathlib import Path

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from mirror.terminal.stages import Stage

# Checks IRIs in JSON schemas, of which a notebook's has none; takes longer to import than all else of papermill.
UNUSED = "rfc3987_syntax"


class StageCommand(click.Command):
    """`mirror STAGE [OUT]`, with papermill's options."""

    def __init__(self, stage: Stage) -> None:
        """Makes the command; papermill is not imported."""
        self.stage = stage
        about = f"{stage.does[0].upper()}{stage.does[1:]}: papermill with notebooks/{stage.name}.ipynb."
        super().__init__(stage.name, help=about, short_help=stage.does)

    @cached_property
    def _papermill(self) -> click.Command:
        sys.modules.setdefault(UNUSED, None)  # type: ignore[arg-type]
        from papermill.cli import papermill

        return papermill

    @cached_property
    def _options(self) -> list[click.Parameter]:
        """Papermill's options; those for parameters complete the names that this stage has."""
        completed = {"parameters_file": self._params_files, "parameters": self._names, "parameters_raw": self._names}
        found: list[click.Parameter] = [click.Argument(["out"], default="", metavar="[OUT]")]
        for option in self._papermill.params:
            if option.name in completed:
                option = click.Option(
                    [*option.opts, *option.secondary_opts],
                    nargs=option.nargs,
                    multiple=True,
                    help=getattr(option, "help", None),
                    shell_complete=completed[option.name],
                )
            if isinstance(option, click.Option):
                found.append(option)
        return found

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The executed notebook, then papermill's options, then `--help`."""
        help_option = self.get_help_option(ctx)
        return [*self._options, *([help_option] if help_option else [])]

    def invoke(self, ctx: click.Context) -> None:
        """Runs the notebook, or explains its parameters."""
        options = {name: value for name, value in ctx.params.items() if name != "out"}
        if options["help_notebook"]:
            ctx.invoke(self._papermill, **options, notebook_path=str(self.stage.notebook), output_path="")
            return
        from mirror.terminal import execution, kernel

        def is_given(name: str) -> bool:
            return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT

        logging.basicConfig(level=options["log_level"] if is_given("log_level") else "WARNING", format="%(message)s")
        chosen = options | {
            "engine": options["engine"] or kernel.ENGINE,
            "progress_bar": bool(options["progress_bar"]),
        }

        def papermill(notebook: str, out: str) -> None:
            ctx.invoke(self._papermill, **chosen, notebook_path=notebook, output_path=out)

        command = execution.Command(self.stage, ctx.params["out"], options, sys.argv[1:])
        ctx.exit(execution.run(command, papermill))

    # Completion -------------------------------------------------------------------------------------------------------

    def _params_files(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Params files of this stage that begin so, and else whatever the shell finds."""
        files = [_shown(path) for path in self.stage.params_files]
        found = [CompletionItem(name) for name in files if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]

    def _names(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names of this stage's parameters."""
        return [CompletionItem(name) for name in self.stage.defaults if name.startswith(incomplete)]


def _shown(path: Path) -> str:
    """A path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
