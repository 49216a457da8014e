"""``bench data``: make and look at datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import text_format_option

if TYPE_CHECKING:
    from bench.data.validate import Report

jobs_option = click.option(
    "--jobs", type=click.IntRange(min=0), default=0, help="Processes.  [default: one a core]"
)


@click.group(short_help="Make and look at datasets.")
def command() -> None:
    """Make and look at datasets."""


@command.command("demo")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--songs", type=click.IntRange(min=1), default=8, help="Songs to train on.")
@click.option("--valid-songs", type=click.IntRange(min=1), default=4, help="Songs to score.")
@click.option("--seconds", type=click.FloatRange(min=1), default=12.0, help="Length of a song.")
@click.option("--scenes", type=click.IntRange(min=1), default=2, help="Scenes a song.")
@click.option("--listeners", type=click.IntRange(min=1), default=2, help="Listeners a scene.")
@jobs_option
def demo_command(
    folder: Path,
    songs: int,
    valid_songs: int,
    seconds: float,
    scenes: int,
    listeners: int,
    jobs: int,
) -> None:
    """Write a synthesised set of any size, in the Cadenza layout, into FOLDER.

    An interrupted command goes on where it stopped.
    """
    from bench.data.generate.demo import write_demo
    from bench.runtime.console import ConsoleProgress

    write_demo(
        folder,
        songs_train=songs,
        songs_valid=valid_songs,
        seconds=seconds,
        scenes_per_song=scenes,
        listeners_per_scene=listeners,
        processes=jobs,
        progress=ConsoleProgress(),
    )
    click.echo(f"Use it: bench run --suite cadenza-icassp-2024 -o dataset.root={folder}")


@command.command("prepare")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
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
    help="The challenge's metadata. What is missing is made by the challenge's draws.",
)
@click.option(
    "--listeners",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="JSON file of listeners, where the metadata have none.",
)
@click.option("--split", multiple=True, help="Split, may be repeated.  [default: all there are]")
@jobs_option
def prepare_command(
    out: Path,
    music: Path,
    hrtf: Path,
    metadata: Path | None,
    listeners: Path | None,
    split: tuple[str, ...],
    jobs: int,
) -> int:
    """Make the music at the microphones in OUT, as the challenge's generator does.

    The same files, bit for bit. An interrupted command goes on where it stopped.
    """
    from bench.data.generate.metadata import Sources
    from bench.data.generate.prepare import locked, plan_preparation, prepare
    from bench.runtime.console import ConsoleProgress

    with locked(out):
        plan = plan_preparation(out, Sources(music, hrtf, metadata, listeners), split)
        click.echo(
            f"{', '.join(plan.samples)}: {sum(map(len, plan.samples.values()))} samples, "
            f"{plan.done} files there, {plan.files} to write ({plan.size / 1e9:.2f} GB)",
            err=True,
        )
        notes, failed = prepare(plan, jobs, ConsoleProgress())
    for note in notes:
        click.echo(f"note: {note}", err=True)
    for failure in failed:
        click.echo(f"failed: {failure}", err=True)
    if failed:
        return 1
    click.echo(f"Check it: bench data validate {out}")
    click.echo(f"Use it:   bench run --suite cadenza-icassp-2024 -o dataset.root={out}")
    return 0


@command.command("validate")
@click.argument("root", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--split", multiple=True, help="Split, may be repeated.  [default: all there are]")
@click.option("--metadata-only", is_flag=True, help="Read no audio: done in seconds.")
@jobs_option
@text_format_option
def validate_command(
    root: Path, split: tuple[str, ...], metadata_only: bool, jobs: int, format: str
) -> int:
    """Check the set in ROOT: metadata, files, lengths, NaN, levels; exit code 1 for errors."""
    import json

    from bench.data.validate import validate
    from bench.runtime.console import ConsoleProgress

    report = validate(
        root, split, audio=not metadata_only, workers=jobs, progress=ConsoleProgress()
    )
    if format == "json":
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _show_report(report)
    return 0 if report.ok else 1


def _show_report(report: Report, most: int = 20) -> None:
    from statistics import median

    from bench.cli.tables import echo_sections

    sections = {report.root: [{"split": k, **v} for k, v in report.splits.items()]}
    if report.samples:
        sections["Integrated loudness at the microphones"] = report.levels()
        rests = sorted(s.residual for s in report.samples if s.residual is not None)
        if rests:
            sections["Mixture minus sum of stems, against the mixture"] = [
                {
                    "samples": len(rests),
                    "dB median": f"{median(rests):.1f}",
                    "highest": f"{rests[-1]:.1f}",
                }
            ]
    echo_sections(sections, "table")
    for level in ("error", "warning", "note"):
        found = [finding for finding in report.findings if finding.level == level]
        for finding in found[:most]:
            click.echo(f"{level}: {finding.where}: {finding.what}")
        if len(found) > most:
            click.echo(f"{level}: and {len(found) - most} more; --format json shows all")
    errors = sum(finding.level == "error" for finding in report.findings)
    click.echo("The set is in order." if report.ok else f"Errors: {errors}.")


@command.command("info")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("-o", "--option", multiple=True, metavar="dataset.NAME=VALUE", help="As in run.")
def info_command(suite: str, option: tuple[str, ...]) -> None:
    """Say what a suite's dataset holds: songs, scenes, listeners, pairs by split."""
    from bench.cli.options import spec_from
    from bench.spec.resolve import open_dataset

    plugins, loaded, spec = spec_from(
        separator="mixture",
        gains="fixed",
        prescription="",
        loss="",
        suite=suite,
        protocol="",
        split="",
        epochs=None,
        seed=0,
        limit=0,
        option=option,
    )
    dataset = open_dataset(spec, plugins)
    click.echo(f"{loaded.name}: {loaded.summary}")
    for split in dataset.splits:
        scenes = dataset.scenes(split)
        click.echo(
            f"  {split}: {len({s.song for s in scenes})} songs, {len(scenes)} scenes, "
            f"{len(dataset.listeners(split))} listeners, "
            f"{sum(len(s.listeners) for s in scenes)} pairs, "
            f"fingerprint {dataset.fingerprint(split)[:12]}"
        )
