"""``bench listening-test``: blind tests with people, and their ratings in the board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import FOLDER, excerpt_options, out_option

if TYPE_CHECKING:
    from bench.listening.ratings import ImportedRatings

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Blind listening tests: MUSHRA (ITU-R BS.1534-3) and ABX."""


@command.command("make")
@excerpt_options
@click.option(
    "--heard",
    type=click.Choice(["remix", "amplified", "simulated"]),
    default="remix",
    show_default=True,
    help="Before amplification, amplified, or amplified and through a simulated hearing loss.",
)
@click.option(
    "--method",
    type=click.Choice(["mushra", "abx"]),
    default="mushra",
    show_default=True,
    help="Rate systems beside an open reference, or distinguish each from its reference.",
)
@click.option(
    "--anchor",
    "anchors",
    type=float,
    multiple=True,
    help="MUSHRA: cut-off of a low-pass anchor in Hz; may be repeated.  [default: 3500, 7000]",
)
@click.option(
    "--mixture/--no-mixture", default=False, help="MUSHRA: also rate the unprocessed mixture."
)
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=None,
    help="ABX: how often each comparison is asked.  [default: 8]",
)
@click.option(
    "--questions", type=_EXISTING, default=None, help="TOML file of questions asked at the end."
)
@click.option(
    "--checks/--no-checks",
    default=True,
    show_default=True,
    help="Begin with a page for volume and headphones.",
)
@click.option(
    "--post",
    default="",
    metavar="URL",
    help="Address that the page sends the ratings to.  [default: a file is saved]",
)
@click.option("--seed", type=int, default=None, help="Seed of the codes.  [default: a new one]")
@click.option("--to", type=FOLDER, required=True, help="Folder to write.")
def make_command(to: Path, anchors: tuple[float, ...], **choices: Any) -> None:
    """Write test/index.html for the participants, and key.json, which stays with you.

    In MUSHRA, each pair of --scenes and --listeners is a trial: an open reference and, in random
    order, the systems, the hidden reference and low-pass anchors. In ABX, each pair and system is
    asked several times: is X the reference, A, or the system, B?
    """
    from bench.commands.listening import make_listening_test
    from bench.runtime.console import ConsoleProgress

    made = make_listening_test(to, anchors=anchors or None, progress=ConsoleProgress(), **choices)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"Trials:               {made.trials}, after a training trial")
    click.echo(f"For the participants: {made.page}")
    click.echo(f"For you only:         {made.key}")


@command.command("import")
@click.argument("ratings", nargs=-1, required=True, type=_EXISTING)
@click.option("--key", type=_EXISTING, required=True, help="The test's key.json.")
@out_option
def import_command(ratings: tuple[Path, ...], key: Path, out: Path | None) -> None:
    """Import the files that participants sent into the board, as the metric mushra or abx.

    In MUSHRA, participants who rate the hidden reference below 90 in more than 15 % of the trials
    do not count (BS.1534-3).
    """
    from bench.commands.listening import import_ratings

    found = import_ratings(ratings, key, out)
    _show(found)
    click.echo(f"Board:  {found.board}", err=True)


def _show(found: ImportedRatings) -> None:
    """The participants and the mean ratings, hidden reference and anchors included."""
    from bench.leaderboard.render import clean
    from bench.listening.ratings import LEAST_REFERENCE, MOST_MISSED, distinguished

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
        if one.checked is False:
            click.echo(f"- {one.code} did not pass the headphone check")
    if found.method == "abx":
        for system in distinguished(found.ratings):
            click.echo(
                f"{clean(system.label)}: distinguished from the reference in {system.right} of "
                f"{system.answers} answers, {100 * system.right / system.answers:.0f} % "
                f"(p = {system.p:.2g} by guessing)"
            )
        _show_absent(found)
        return
    means = found.ratings.groupby("name").rating.agg(["mean", "size"])
    for name, (mean, size) in means.sort_values("mean", ascending=False).iterrows():
        click.echo(f"{mean:6.1f}  {clean(str(name))}  ({size:.0f} ratings)")
    _show_absent(found)


def _show_absent(found: ImportedRatings) -> None:
    from bench.leaderboard.render import clean

    for label in found.absent:
        click.echo(f"warning: {clean(label)} is not on this board; its ratings are kept unscored")
