"""The command line: a command per stage with papermill's options, and what is about runs and this machine."""

import click
from click.shell_completion import get_completion_class

from mirror.terminal.stage_command import StageCommand
from mirror.terminal.stages import STAGES

SHELLS = ("bash", "zsh", "fish")


class _InOrder(click.Group):
    """Lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
def mirror() -> None:
    """Run the stages of a study, list runs, and check this machine.

    A stage takes papermill's options: `mirror train -p cot planning` is `papermill notebooks/train.ipynb
    results/train-pocket-planning/train.ipynb -p cot planning`, with the folder made.
    """


for stage in STAGES.values():
    mirror.add_command(StageCommand(stage))


@mirror.command("completion", short_help="print a script for completion in the shell")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that lets SHELL complete commands, options, params files and parameters.

    For bash: eval "$(mirror completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(mirror, {}, "mirror", "_MIRROR_COMPLETE").source())


def main() -> None:
    """Run the command line."""
    mirror(prog_name="mirror")
