"""``bench submit``: the challenge's files of a system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import (
    FOLDER,
    check_run_or_parts,
    executor_options,
    limit_option,
    system_options,
    time_limit_option,
    workers_option,
)


@click.command()
@click.argument("folder", type=FOLDER)
@system_options
@click.option("--split", default="", help="Split, without --run.  [default: the suite's]")
@limit_option
@workers_option
@time_limit_option
@executor_options
def command(folder: Path, run: str, suite: str, **choices: Any) -> int:
    """Write FOLDER/enhanced_signals/SCENE_LISTENER_remix.flac, 32 kHz and 16 bit, of every pair.

    The system is that of a trained run (--run), or the one given by the other options. An
    interrupted command continues where it stopped.
    """
    parts = ("separator", "gains", "prescription", "max_loudness_loss", "split")
    check_run_or_parts(run, {name: choices[name] for name in parts})

    from bench.commands.submissions import submit
    from bench.runtime.console import ConsoleProgress

    done = submit(folder, run=run, suite=suite, progress=ConsoleProgress(), **choices)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    for failure in done.failed:
        click.echo(f"failed: {failure}", err=True)
    if not done.failed:
        click.echo(f"{done.label}: {done.folder}")
        click.echo(f"Score it: bench score {done.folder} --suite {suite or done.suite} --name NAME")
    return 1 if done.failed else 0
