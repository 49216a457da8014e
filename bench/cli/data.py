"""``bench data``: make and look at datasets."""

from __future__ import annotations

from pathlib import Path

import click


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
def demo_command(
    folder: Path, songs: int, valid_songs: int, seconds: float, scenes: int, listeners: int
) -> None:
    """Write the synthesised demo set, in the Cadenza layout, into FOLDER."""
    from bench.data.demo import write_demo

    write_demo(
        folder,
        songs_train=songs,
        songs_valid=valid_songs,
        seconds=seconds,
        scenes_per_song=scenes,
        listeners_per_scene=listeners,
    )
    click.echo(f"Use it: bench run --suite cadenza-icassp-2024 -o dataset.root={folder}")


@command.command("info")
@click.option("--suite", default="demo", show_default=True, help="Name, or a TOML file.")
@click.option("-o", "--option", multiple=True, metavar="dataset.NAME=VALUE", help="As in run.")
def info_command(suite: str, option: tuple[str, ...]) -> None:
    """Say what a suite's dataset holds: songs, scenes, listeners, pairs by split."""
    from bench.cli.options import spec_from
    from bench.spec import open_dataset

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
