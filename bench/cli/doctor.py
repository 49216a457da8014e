"""``bench doctor``: what works on this machine, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench.cli.options import FOLDER, text_format_option


@click.command()
@click.option(
    "--scheduler",
    default="",
    metavar="ADDRESS|FILE",
    help="Also check the workers of this Dask cluster.",
)
@click.option(
    "--root",
    type=FOLDER,
    default=None,
    help="With --scheduler: a dataset that each worker should see.",
)
@text_format_option
def command(format: str, scheduler: str, root: Path | None) -> int:
    """Check this machine: what works, what is missing and how to get it. Changes nothing.

    Exit code 1 if there is a problem; what only some runs need is "missing", which is no problem.
    """
    from bench.commands.doctor import doctor

    found = doctor(scheduler=scheduler, root=root)
    if format == "json":
        click.echo(json.dumps(found.as_dict(), indent=2))
        return 0 if found.ok else 1
    width = min(32, max(len(one.name) for items in found.sections.values() for one in items))
    colours = {"missing": "yellow", "problem": "red"}
    for title, items in found.sections.items():
        click.echo(click.style(title, bold=True))
        for one in items:
            status = click.style(f"{one.status}: ", fg=colours[one.status]) if one.hint else ""
            click.echo(f"  {one.name:<{width}}  {status}{one.value}")
            if one.hint:
                click.echo(f"  {'':<{width}}  {one.hint}")
    count = len(found.problems)
    click.echo(f"\n{count} problem{'' if count == 1 else 's'}" if count else "\nno problem")
    return 1 if count else 0
