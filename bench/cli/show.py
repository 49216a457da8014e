"""``bench show``: everything that a board keeps of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import out_option, text_format_option

if TYPE_CHECKING:
    from bench.commands.inventory import RunDetails

_ABOUT = (
    *("suite", "split", "protocol", "status", "failure", "separator", "gains", "prescription"),
    *("loss", "epochs", "seed", "n_pairs", "n_failed", "created", "seconds", "unranked_reason"),
    *("bench_version", "python_version", "torch_version", "hardware"),
)


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--suite", default="", help="Suite of the board, without --out.")
@out_option
@click.option("--failures", is_flag=True, help="Why pairs failed, with the traceback.")
@click.option("--scene", default="", metavar="ID", help="Also show the scores of one scene.")
@text_format_option
def command(run: str, failures: bool, format: str, **choices: Any) -> None:
    """Show everything that a board keeps of RUN: its settings, versions, scores and failures.

    RUN is an id, a label or the name on a leaderboard, such as "hdemucs-ft + cnn"; of several runs
    with that name, the newest.
    """
    from bench.commands.inventory import show_run

    found = show_run(run, **choices)
    if format == "json":
        click.echo(_json(found))
    elif failures:
        _print_failures(found)
    else:
        _print(found)


def _print(found: RunDetails) -> None:
    from bench.cli.printing import print_tables
    from bench.leaderboard.comparison import settings_of
    from bench.tables.markup import clean

    click.echo(f"{clean(str(found.row['label'] or found.run_id))} ({found.run_id})")
    for name in _ABOUT:
        value = found.row.get(name)
        if value not in (None, ""):
            text = f"{value:.1f}" if isinstance(value, float) else clean(str(value))
            text = f"{value:%Y-%m-%d %H:%M} UTC" if hasattr(value, "strftime") else text
            click.echo(f"  {name:<17}{text}")
    versions = json.loads(found.row.get("plugin_versions_json") or "{}")
    said = ", ".join(f"{name} {version}" for name, version in versions.items())
    click.echo(f"  {'plugins':<17}{clean(said)}")
    own = "not on this board" if found.row.get("epochs") else "none of its own"
    click.echo(f"  {'weights':<17}{found.weights or own}")
    listen = f"bench listen --out {found.board} --run {found.run_id}"
    click.echo(f"  {'to hear it':<17}{found.listening or listen}")
    if found.means:
        click.echo("")
        print_tables({"Scores, mean over pairs": found.means}, "table")
    if found.scene:
        click.echo("")
        print_tables({"Scores of the scene": found.scene}, "table")
    if settings := settings_of(found.row):
        click.echo("")
        rows = [{"setting": name, "value": value} for name, value in settings.items()]
        print_tables({"Settings": rows}, "table")
    for one in found.failures:
        click.echo(f"failed: {clean(one.words)}")
    if any(one.traceback for one in found.failures):
        click.echo(f"Tracebacks: bench show {found.run_id} --failures --out {found.board}")


def _print_failures(found: RunDetails) -> None:
    from bench.tables.markup import clean

    if not found.failures:
        why = found.row.get("failure")
        click.echo(f"The run failed: {clean(str(why))}" if why else "Nothing failed.")
    for one in found.failures:
        click.echo(clean(one.words))
        click.echo(f"first in scene {clean(one.scene)}, listener {clean(one.listener)}")
        for line in one.traceback.splitlines() or ["(no traceback: the error is about the input)"]:
            click.echo(f"  {clean(line)}")
        click.echo("")


def _json(found: RunDetails) -> str:
    content = {
        "run": {name: _plain(value) for name, value in found.row.items()},
        "means": list(found.means),
        "scene": list(found.scene),
        "failures": [vars(one) for one in found.failures],
        "weights": None if found.weights is None else str(found.weights),
        "listening": None if found.listening is None else str(found.listening),
    }
    return json.dumps(content, indent=2)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
