"""The command line. Each command is a file here, imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from bench.errors import BenchError, suggest
from bench.version import __version__

COMMANDS = {
    "run": "Train a system, score it beside the baselines, show the leaderboard.",
    "plan": "Say what a run would do, and what of it is there already.",
    "ablate": "Run every combination of lists and a grid; say what each part brought.",
    "runs": "List the runs of a board.",
    "show": "Show all that a board keeps of a run, its failures too.",
    "suites": "List the suites: data, protocol, metrics and baselines.",
    "compare": "Show two runs in full: by metric, part, ear and hearing loss.",
    "leaderboard": "Show a leaderboard as text, CSV, JSON, Markdown or LaTeX.",
    "board": "List, show, merge and verify boards; remove a run.",
    "power": "Say how many songs and listeners it takes to see a difference.",
    "report": "Write a report to open in a browser.",
    "listen": "Write a page to hear the systems of a board side by side.",
    "listening-test": "Make a blind listening test; bring its ratings into the board.",
    "plugins": "List, show, check and write separators, gains, losses, ...",
    "data": "Make and look at datasets.",
    "submit": "Write the challenge's FLAC files of a system.",
    "score": "Score a folder of submitted files, or one file beside its reference.",
    "enhance": "Put a song through a system, for one listener.",
    "listener": "Show a listener's audiogram and what NAL-R makes of it.",
    "proxy": "Train and evaluate the proxy: differentiable predictors of HAAQI.",
    "doctor": "Say what works on this machine, what is missing, how to get it.",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is called: ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``bench.cli.<name>``, a hyphen being an underscore, and take its ``command``."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bench.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command as click does, with a suggestion for a misspelt one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = suggest(args[0], list(COMMANDS))
            raise BenchError(f"there is no command '{args[0]}'", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bench")
@click.option("--debug", is_flag=True, help="Stop at the first error, with its traceback.")
def group(debug: bool) -> None:
    """Train and benchmark music enhancement for people with hearing aids.

    The main job:  bench run --separator hdemucs-ft --gains cnn
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 0 done, 1 failed scenes, 2 wrong input."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = group.main(args=arguments, prog_name="bench", standalone_mode=False)
    except BenchError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
