"""``bench data``: make, prepare and inspect datasets."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import (
    FILE,
    FOLDER,
    executor_options,
    option_option,
    suite_option,
    text_format_option,
    workers_option,
)

if TYPE_CHECKING:
    from bench.data.validate import Report

_splits_option = click.option(
    "--split", "splits", multiple=True, help="Split, may be repeated.  [default: all there are]"
)


@click.group()
def command() -> None:
    """Make, prepare, describe and validate datasets."""


@command.command("demo")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--songs", type=click.IntRange(min=1), default=8, help="Songs of the split train.")
@click.option(
    "--valid-songs", type=click.IntRange(min=1), default=4, help="Songs of the split valid."
)
@click.option("--seconds", type=click.FloatRange(min=1), default=12.0, help="Length of a song.")
@click.option("--scenes", type=click.IntRange(min=1), default=2, help="Scenes for each song.")
@click.option(
    "--listeners", type=click.IntRange(min=1), default=2, help="Listeners for each scene."
)
@workers_option
@executor_options
def demo_command(folder: Path, **choices: Any) -> None:
    """Write a synthesised set of any size, in the Cadenza layout, into FOLDER.

    An interrupted command continues where it stopped.
    """
    from bench.commands.data import make_demo
    from bench.runtime.console import ConsoleProgress

    make_demo(folder, progress=ConsoleProgress(), **choices)
    click.echo(f"Use it: bench run --suite cadenza-icassp-2024 -o dataset.root={folder}")


@command.command("prepare")
@click.argument("out", type=FOLDER)
@click.option(
    "--music",
    type=click.Path(path_type=Path),
    required=True,
    help="Songs as MUSDB18-HQ has them: SPLIT/SONG/{mixture,vocals,drums,bass,other}.wav.",
)
@click.option(
    "--hrtf",
    type=click.Path(path_type=Path),
    required=True,
    help="Impulse responses: BTE_fr-VP_E1-n22.5.wav and so on.",
)
@click.option(
    "--metadata",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="The challenge's metadata. Missing files are drawn as the challenge drew them.",
)
@click.option(
    "--listeners",
    type=FILE,
    default=None,
    help="JSON file of listeners, for metadata without any.",
)
@_splits_option
@workers_option
@executor_options
def prepare_command(out: Path, **choices: Any) -> int:
    """Make the at-mic music in OUT, as the challenge's generator does.

    The same files, bit for bit. An interrupted command continues where it stopped.
    """
    from bench.commands.data import prepare_data
    from bench.runtime.console import ConsoleProgress

    done = prepare_data(out, progress=ConsoleProgress(), **choices)
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    for failure in done.failed:
        click.echo(f"failed: {failure}", err=True)
    click.echo(
        f"{', '.join(done.samples)}: {sum(done.samples.values())} samples, {done.there} files were "
        f"there, {done.written} written ({done.size / 1e9:.2f} GB)",
        err=True,
    )
    if done.failed:
        return 1
    click.echo(f"Check it: bench data validate {out}")
    click.echo(f"Use it:   bench run --suite cadenza-icassp-2024 -o dataset.root={out}")
    return 0


@command.command("validate")
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_splits_option
@click.option("--metadata-only", is_flag=True, help="Read no audio; takes seconds.")
@click.option(
    "--song",
    default="",
    metavar="REGEX",
    help="How to find the song of an excerpt: a regular expression, as -o dataset.song.",
)
@workers_option
@executor_options
@text_format_option
def validate_command(root: Path, format: str, **choices: Any) -> int:
    """Check the set in ROOT: metadata, files, lengths, NaN, levels; exit code 1 for errors."""
    from bench.commands.data import validate_data
    from bench.runtime.console import ConsoleProgress

    report = validate_data(root, progress=ConsoleProgress(), **choices)
    if format == "json":
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show_report(report)
    return 0 if report.ok else 1


def _show_report(report: Report, most: int = 20) -> None:
    from bench.cli.printing import print_tables

    tables: dict[str, Any] = {report.root: [{"split": k, **v} for k, v in report.splits.items()]}
    if report.samples:
        tables["Integrated loudness at the microphones"] = report.levels()
        rests = sorted(s.residual for s in report.samples if s.residual is not None)
        if rests:
            tables["Mixture minus sum of stems, against the mixture"] = [
                {
                    "samples": len(rests),
                    "dB median": f"{median(rests):.1f}",
                    "highest": f"{rests[-1]:.1f}",
                }
            ]
    print_tables(tables, "table")
    for split, songs in report.songs.items():
        click.echo(f"{split}: {songs}")
    for level in ("error", "warning", "note"):
        found = [finding for finding in report.findings if finding.level == level]
        for finding in found[:most]:
            click.echo(f"{level}: {finding.where}: {finding.what}")
        if len(found) > most:
            click.echo(f"{level}: and {len(found) - most} more; --format json shows all")
    errors = sum(finding.level == "error" for finding in report.findings)
    click.echo("The set is in order." if report.ok else f"Errors: {errors}.")


@command.command("info")
@suite_option
@option_option("An option, as in bench run.", metavar="dataset.NAME=VALUE")
def info_command(suite: str, options: dict[str, str]) -> None:
    """Show the contents of a suite's dataset: songs, scenes, listeners, pairs by split."""
    from bench.commands.data import describe_data

    found = describe_data(suite, options=options)
    click.echo(f"{found.suite}: {found.summary}")
    for one in found.splits:
        click.echo(
            f"  {one.split}: {one.songs} songs, {one.scenes} scenes, {one.listeners} listeners, "
            f"{one.pairs} pairs, fingerprint {one.fingerprint[:12]}"
        )
