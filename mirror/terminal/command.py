"""The command line: a command per stage with papermill's options, and what is about runs and this machine."""

import sys

import click
from click.shell_completion import get_completion_class

from mirror.garbage import search_seldom
from mirror.terminal.stage_command import StageCommand
from mirror.terminal.stages import STAGES

TARGET_NAMES = ("laptop", "24gb", "80gb", "8x80gb")
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


@mirror.command(
    "explore",
    short_help="play the client in a browser",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def explore(words: tuple[str, ...]) -> None:
    """Serve the panel to a browser on this machine; WORDS are those of `python -m mirror.exploration`."""
    from mirror.exploration import command

    sys.exit(command.main(words, "mirror explore"))


@mirror.command("list", short_help="list params files, and runs with their state")
@click.argument("stage", required=False, type=click.Choice(list(STAGES)))
def list_runs(stage: str | None) -> None:
    """List the params files and the runs, with their state: of one STAGE, or of all."""
    from mirror.terminal.run_list import listing  # reads YAML, which completion does without

    click.echo(listing([STAGES[stage]] if stage else list(STAGES.values())))


@mirror.command("doctor", short_help="check this machine, and say what it lacks")
@click.option("--for", "target", type=click.Choice(TARGET_NAMES), help="The machine; by default what its GPUs suggest.")
def doctor(target: str | None) -> None:
    """Check this machine for training and counseling: what it lacks, and the command that mends it.

    Ends with 1 if something is missing. Downloads nothing and shows no secret.
    """
    from mirror.terminal.doctor.examination import examine, report  # imports PyTorch, to see the GPUs

    name, found = examine(target)
    click.echo(report(name, found))
    sys.exit(any(not check.is_met for check in found))


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
    search_seldom()
    mirror(prog_name="mirror")
