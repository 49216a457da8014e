"""The command line. Each command is a file here, imported only when it is called."""

from __future__ import annotations

import importlib
import io
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click

from bench.errors import BenchError, suggest
from bench.runtime.progress import Step, reporting
from bench.version import __version__

COMMANDS = {
    "run": "Train a system, score it beside the baselines, show the leaderboard.",
    "plan": "Show what a run would do, and what the board already has.",
    "ablate": "Run every combination of parts; show what each contributes.",
    "runs": "List the runs of a board.",
    "show": "Show everything about a run: settings, scores, failures.",
    "suites": "List the suites: data, protocol, metrics and baselines.",
    "compare": "Show two runs in full: by metric, part, ear and hearing loss.",
    "leaderboard": "Show a leaderboard as text, CSV, JSON, Markdown or LaTeX.",
    "board": "List, show, merge and verify boards; remove a run.",
    "power": "Compute how many songs and listeners it takes to detect a difference.",
    "report": "Write a report to open in a browser.",
    "listen": "Write a page to compare the systems of a board by ear.",
    "listening-test": "Make a blind listening test; import its ratings.",
    "plugins": "List, show, check and create plugins: separators, gains, ...",
    "data": "Make, prepare, describe and validate datasets.",
    "submit": "Write a system's outputs as the challenge's FLAC files.",
    "score": "Score a folder of submitted files, or one file.",
    "enhance": "Enhance a song for one listener.",
    "listener": "Show a listener's audiogram and the NAL-R gain for it.",
    "proxy": "Train and evaluate the proxy: differentiable predictors of HAAQI.",
    "doctor": "Check this machine: what works, what is missing.",
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

    The main command:  bench run --separator hdemucs-ft --gains cnn
    """


class _EndedError(BaseException):
    """The process got a signal that ends it; what is open is closed on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM (Slurm, timeout, docker stop) and SIGHUP end the block by an exception."""

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # once: a second one would stop the tidying up
        raise _EndedError(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        wanted = (signal.SIGTERM, signal.SIGHUP)
        # One that is ignored (nohup) stays so.
        before = {n: signal.signal(n, end) for n in wanted if signal.getsignal(n) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Console:
    """Progress on standard error; what draws it is imported when there is something to draw."""

    def stage(self, title: str, total: int) -> AbstractContextManager[Step]:
        """A stage of `total` steps."""
        from bench.runtime.console import ConsoleProgress

        return ConsoleProgress().stage(title, total)

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(text, err=True)


def _escape_what_cannot_be_encoded() -> None:
    """A table is not lost for a letter that standard output has no code for."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit code 0 done, 1 failed scenes, 2 wrong input."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _escape_what_cannot_be_encoded()
    try:
        with _ended_by_signals(), reporting(_Console()):
            code = group.main(args=arguments, prog_name="bench", standalone_mode=False)
    except _EndedError as end:
        click.echo("ended by a signal; run the same command again to resume", err=True)
        sys.exit(128 + end.number)
    except BenchError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; run the same command again to resume", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # A full or failing disk, a folder that may not be written: nothing is wrong with us.
        if "--debug" in arguments:
            raise
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)
