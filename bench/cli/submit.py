"""``bench submit``: the challenge's files of a system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import out_option
from bench.errors import BenchError


@click.command(short_help="Write the challenge's FLAC files of a system.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--run", default="", help="Id or label of a run on the board.")
@click.option("--separator", default="", help="Separator, without --run.  [default: hdemucs]")
@click.option("--gains", default="", help="Gain strategy, without --run.  [default: fixed]")
@click.option("--prescription", default="", help="Prescription, without --run.  [default: suite's]")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("--split", default="", help="Split, without --run.  [default: the suite's]")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Only so many pairs.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes.  [default: all]")
@click.option(
    "-o",
    "--option",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="An option of a plugin or dataset, as dataset.root=DIR.",
)
@out_option
def command(
    folder: Path,
    run: str,
    suite: str,
    limit: int,
    workers: int,
    option: tuple[str, ...],
    out: Path | None,
    **named: str,
) -> int:
    """Write FOLDER/enhanced_signals/SCENE_LISTENER_remix.flac, 32 kHz and 16 bit, of every pair.

    The system is that of a trained run (--run), or the one that the other options name. An
    interrupted command goes on where it stopped.
    """
    given = next((name for name, value in named.items() if value), "")
    if run and given:
        hint = "A run says that itself: leave one of the two out."
        raise BenchError(f"--run and --{given} are both given", hint=hint)

    from bench.runtime.console import ConsoleProgress
    from bench.spec.resolve import open_dataset
    from bench.submission.write import submit

    plugins, stored = _system(run, suite, limit, option, out, named)
    dataset = open_dataset(stored.spec, plugins)
    failed = submit(stored, folder, plugins, dataset, workers=workers, progress=ConsoleProgress())
    for failure in failed:
        click.echo(f"failed: {failure}", err=True)
    if not failed:
        click.echo(f"{stored.label}: {folder}")
        click.echo(f"Score it: bench score {folder} --suite {suite} --name NAME")
    return 1 if failed else 0


def _system(
    run: str,
    suite: str,
    limit: int,
    option: tuple[str, ...],
    out: Path | None,
    named: dict[str, str],
) -> Any:
    """The installed plugins, and the run or the system that the options name."""
    from dataclasses import replace

    from bench.cli.options import existing_board
    from bench.commands.runs import resolve_sections
    from bench.options import parse_options
    from bench.plugins import installed
    from bench.runs.restore import StoredRun, stored_run

    sections = parse_options(option)
    if run:
        plugins = installed()
        board, loaded, _, _ = existing_board(suite, "", "", out)
        stored = stored_run(board, run, loaded, plugins, sections)
        return plugins, replace(stored, spec=replace(stored.spec, limit=limit or stored.spec.limit))
    plugins, _, spec = resolve_sections(
        sections,
        {
            "separator": named["separator"] or "hdemucs",
            "gains": named["gains"] or "fixed",
            "prescription": named["prescription"],
            "suite": suite,
            "split": named["split"],
            "limit": limit,
        },
    )
    return plugins, StoredRun("", spec.label, spec, None)
