"""``bench score``: score submitted audio, a folder of it or one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import (
    FILE,
    chosen_listener,
    executor_options,
    format_option,
    limit_option,
    listener_options,
    names,
    option_option,
    out_option,
    protocol_option,
    split_option,
    suite_option,
    time_limit_option,
    workers_option,
)
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.submission.file import PairScores

_MOST = 20
"""Most failures that are listed."""


@click.command()
@click.argument("what", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--reference",
    type=FILE,
    default=None,
    help="One file: the ideal remix, before amplification.",
)
@click.option(
    "--mixture",
    type=FILE,
    default=None,
    help="One file: the unprocessed mixture, to be amplified and scored too.",
)
@listener_options
@click.option("--name", default="", help="Folder: label of its row.  [default: the folder's name]")
@click.option(
    "--trained-on",
    default="",
    help="Folder: training data of its system, separated by commas; required for ranking.",
    callback=lambda context, parameter, text: names(text),
)
@suite_option
@split_option
@protocol_option
@out_option
@click.option(
    "--prescription", default="", help="Prescription of the reference.  [default: the suite's]"
)
@limit_option
@workers_option
@time_limit_option
@executor_options
@option_option("Folder: an option, as dataset.root=DIR.")
@format_option
def command(
    what: Path,
    reference: Path | None,
    mixture: Path | None,
    listener: Path | None,
    listener_id: str,
    audiogram: str,
    audiogram_right: str,
    format: str,
    **choices: Any,
) -> int:
    """Score WHAT: a folder of SCENE_LISTENER_remix.flac files, or one processed file.

    A folder becomes a row on the suite's board; a file that is missing or wrong is a failed row.
    One file is scored against --reference, for the given listener.
    """
    if what.is_dir():
        if reference is not None or listener is not None or audiogram:
            hint = "The set's metadata name the references and listeners of a folder."
            raise BenchError(
                "these are for scoring one file", where="--reference, --listener", hint=hint
            )
        return _score_folder(what, format, choices)
    if reference is None:
        hint = "Give the ideal remix: --reference FILE"
        raise BenchError("one file needs its reference", where=str(what), hint=hint)
    if format == "latex":
        raise BenchError("one file's scores can be table, csv, json or markdown", where="--format")
    who = chosen_listener(listener, listener_id, audiogram, audiogram_right)

    from bench.commands.songs import score

    scores = score(
        what,
        reference,
        who,
        mixture=mixture,
        prescription=choices["prescription"],
        suite=choices["suite"],
    )
    for note in scores.notes:
        click.echo(f"note: {note}", err=True)
    _show_file(scores, what, reference, who.id, format)
    return 0 if scores.ok else 1


def _score_folder(folder: Path, format: str, choices: dict[str, Any]) -> int:
    from bench.commands.submissions import score_folder
    from bench.leaderboard.export import show
    from bench.runtime.console import ConsoleProgress

    scored = score_folder(folder, progress=ConsoleProgress(), **choices)
    show(scored.leaderboard, format)
    for (scene, who), reason in list(scored.failed.items())[:_MOST]:
        click.echo(f"failed: {scene}, {who}: {reason}", err=True)
    if len(scored.failed) > _MOST:
        left = len(scored.failed) - _MOST
        click.echo(f"failed: and {left} more; the board has them all", err=True)
    click.echo(f"Board:  {scored.board.path}", err=True)
    return 1 if scored.failed else 0


def _show_file(
    scores: PairScores, processed: Path, reference: Path, listener: str, format: str
) -> None:
    from bench.cli.printing import print_tables

    rows = _rows(scores)
    if format != "json":
        print_tables({f"{processed.name} for {listener}": rows}, format)
        return
    content = {
        "processed": str(processed),
        "reference": str(reference),
        "listener": listener,
        "notes": scores.notes,
        "scores": rows,
    }
    click.echo(json.dumps(content, indent=2))


def _rows(scores: PairScores) -> Sequence[dict[str, Any]]:
    """One row per metric and part: the file's value, and the mixture's beside it."""
    plain = {(row["metric"], row["part"]): row["value"] for row in scores.unprocessed}
    rows = []
    for row in scores.rows:
        entry = {"metric": row["metric"], "part": row["part"], "processed": row["value"]}
        if scores.unprocessed:
            entry["mixture"] = plain.get((row["metric"], row["part"]))
        entry["unit"] = scores.units.get(row["metric"], "")
        if row["reason"]:
            entry["reason"] = row["reason"]
        rows.append(entry)
    return rows
