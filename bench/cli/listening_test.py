"""``bench listening-test``: blind tests with people, and their ratings in the board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.listening_options import chosen_pairs, listening_options
from bench.cli.options import board_folder, out_option

if TYPE_CHECKING:
    from bench.listening.ratings import Imported


@click.group(short_help="Make a blind listening test; bring its ratings into the board.")
def command() -> None:
    """Blind listening tests by MUSHRA (ITU-R BS.1534-3)."""


@command.command("make")
@listening_options
@click.option(
    "--heard",
    type=click.Choice(["remix", "amplified", "simulated"]),
    default="remix",
    show_default=True,
    help="Before amplification, amplified for the listener, or as the listener hears that.",
)
@click.option(
    "--anchor",
    "anchors",
    type=float,
    multiple=True,
    default=(3500.0, 7000.0),
    show_default=True,
    help="Cut-off of a low-pass anchor in Hz; may be repeated.",
)
@click.option("--mixture/--no-mixture", default=False, help="Rate the unprocessed mixture, too.")
@click.option("--seed", type=int, default=None, help="Seed of the codes.  [default: a new one]")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write.",
)
def make(
    heard: str,
    anchors: tuple[float, ...],
    mixture: bool,
    seed: int | None,
    to: Path,
    **choices: Any,
) -> None:
    """Write test/index.html for the participants, and key.json, which stays with you.

    Each pair of --scenes and --listeners is a trial: an open reference, and in an order of each
    participant's own the systems, the hidden reference and low-pass anchors.
    """
    import secrets

    from bench.listening.mushra import make_test

    seed = secrets.randbits(48) if seed is None else seed
    _, runs, pairs = chosen_pairs(ways=(heard,), **choices)
    page, key = make_test(
        to, pairs, runs, way=heard, anchors=anchors, with_mixture=mixture, seed=seed
    )
    click.echo(f"For the participants: {page}")
    click.echo(f"For you alone:        {key}")


@command.command("import")
@click.argument(
    "ratings", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The test's key.json.",
)
@out_option
def import_(ratings: tuple[Path, ...], key: Path, out: Path | None) -> None:
    """Bring the files that participants handed in into the board, as the metric mushra.

    Who rates the hidden reference below 90 in more than 15 % of the trials does not count
    (BS.1534-3).
    """
    from bench.board.store import Board
    from bench.errors import BenchError
    from bench.listening.ratings import import_ratings, read_key

    board = Board(board_folder(out, str(read_key(key).get("suite", ""))))
    if not board.path.is_dir():
        raise BenchError("there is no board here", where=str(board.path), hint="Give --out.")
    _show(import_ratings(board, key, ratings))
    click.echo(f"Board:  {board.path}", err=True)


def _show(found: Imported) -> None:
    """The participants and the mean ratings, hidden reference and anchors included."""
    from bench.leaderboard.render import clean
    from bench.listening.ratings import LEAST_REFERENCE, MOST_MISSED

    counted = [one for one in found.participants if not one.excluded]
    click.echo(f"Test {found.test}: {len(counted)} of {len(found.participants)} participants count")
    for one in found.participants:
        if one.excluded:
            click.echo(
                f"- {one.code} does not: the hidden reference was rated below "
                f"{LEAST_REFERENCE:.0f} in {one.missed} of {one.trials} trials, more than "
                f"{MOST_MISSED:.0%}"
            )
        if one.anchors_high > MOST_MISSED * one.trials:
            click.echo(
                f"- {one.code} rated an anchor above {LEAST_REFERENCE:.0f} in {one.anchors_high} "
                f"of {one.trials} trials"
            )
    means = found.ratings.groupby("name").rating.agg(["mean", "size"])
    for name, (mean, size) in means.sort_values("mean", ascending=False).iterrows():
        click.echo(f"{mean:6.1f}  {clean(str(name))}  ({size:.0f} ratings)")
    for label in found.absent:
        click.echo(f"warning: {clean(label)} is not on this board: its ratings are kept, unscored")
