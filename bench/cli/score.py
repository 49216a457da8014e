"""``bench score``: audio that somebody made, a folder of it or one file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.api import MetricSpec
from bench.cli.listener_options import chosen_listener, listener_options
from bench.cli.options import FORMATS, board_folder, out_option
from bench.errors import BenchError

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.plugins import Plugins
    from bench.submission.file import PairScores


@click.command(short_help="Score a folder of handed-in files, or one file beside its reference.")
@click.argument("what", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--reference",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Of one file: the remix that it should be, before amplification.",
)
@click.option(
    "--mixture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Of one file: the unprocessed mixture, amplified and scored beside.",
)
@listener_options
@click.option("--name", default="", help="Of a folder: its label.  [default: the folder's name]")
@click.option(
    "--seen",
    default="",
    help="Of a folder: what its system was trained on, by commas; else it is not ranked.",
)
@click.option("--suite", default="demo", show_default=True, help="Of a folder: name or TOML file.")
@click.option("--split", default="", help="Of a folder.  [default: the suite's]")
@click.option("--protocol", default="", help="Of a folder.  [default: the suite's]")
@click.option("--prescription", default="", help="Of the reference.  [default: nalr]")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Only so many pairs.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes.  [default: all]")
@click.option(
    "-o",
    "--option",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Of a folder: as dataset.root=DIR.",
)
@out_option
@click.option(
    "--format", type=click.Choice(FORMATS), default="table", show_default=True, help="How to show."
)
def command(
    what: Path,
    reference: Path | None,
    mixture: Path | None,
    listener: Path | None,
    listener_id: str,
    audiogram: str,
    audiogram_right: str,
    format: str,
    **folder: Any,
) -> int:
    """Score WHAT: a folder of SCENE_LISTENER_remix.flac files, or one processed file.

    A folder becomes a row on the suite's board; a file that is missing or wrong is a failed row.
    One file is scored against --reference for the listener that is named.
    """
    if what.is_dir():
        if reference is not None or listener is not None or audiogram:
            hint = "The set's metadata name the references and listeners of a folder."
            raise BenchError("this is for one file", where="--reference, --listener", hint=hint)
        return _score_folder(what, format=format, **folder)
    if reference is None:
        hint = "Give the remix that it should be: --reference FILE"
        raise BenchError("one file needs its reference", where=str(what), hint=hint)
    if format == "latex":
        raise BenchError("one file is shown as table, csv, json or markdown", where="--format")
    who = chosen_listener(listener, listener_id, audiogram, audiogram_right)

    from bench.plugins import installed
    from bench.submission.file import score_pair

    plugins = installed()
    scores = score_pair(
        what, reference, who, plugins,
        mixture=mixture, prescription=folder["prescription"] or "nalr",
    )  # fmt: skip
    _show_pair(scores, plugins, what, reference, who, format)
    return 0 if scores.ok else 1


def _score_folder(
    folder: Path,
    *,
    name: str,
    seen: str,
    suite: str,
    split: str,
    protocol: str,
    prescription: str,
    limit: int,
    workers: int,
    option: tuple[str, ...],
    out: Path | None,
    format: str,
) -> int:
    from bench.board.store import Board
    from bench.commands.runs import resolve_sections
    from bench.leaderboard.export import show
    from bench.leaderboard.table import leaderboard
    from bench.options import parse_options
    from bench.runtime.console import ConsoleProgress
    from bench.spec.resolve import open_dataset
    from bench.submission.folder import score_folder

    plugins, loaded, spec = resolve_sections(
        parse_options(option),
        {
            "separator": "oracle",
            "gains": "fixed",
            "prescription": prescription,
            "suite": suite,
            "split": split,
            "protocol": protocol,
            "limit": limit,
        },
    )
    board = Board(board_folder(out, loaded.name))
    scored = score_folder(
        folder,
        spec,
        board,
        loaded,
        plugins,
        open_dataset(spec, plugins),
        name=name or folder.resolve().name,
        seen=[part.strip() for part in seen.split(",") if part.strip()],
        workers=workers,
        progress=ConsoleProgress(),
    )
    table = leaderboard(board, loaded.name, spec.split, spec.protocol, baseline=loaded.baseline)
    show(table, format)
    for (scene, who), reason in list(scored.failed.items())[:20]:
        click.echo(f"failed: {scene}, {who}: {reason}", err=True)
    if len(scored.failed) > 20:
        click.echo(f"failed: and {len(scored.failed) - 20} more; the board has them all", err=True)
    click.echo(f"Board:  {board.path}", err=True)
    return 1 if scored.failed else 0


def _show_pair(
    scores: PairScores,
    plugins: Plugins,
    processed: Path,
    reference: Path,
    listener: Listener,
    format: str,
) -> None:
    from bench.cli.tables import echo_sections

    for note in scores.notes:
        click.echo(f"note: {note}", err=True)
    rows = _rows(scores, plugins)
    if format == "json":
        content = {
            "processed": str(processed),
            "reference": str(reference),
            "listener": listener.id,
            "notes": scores.notes,
            "scores": rows,
        }
        click.echo(json.dumps(content, indent=2))
        return
    echo_sections({f"{processed.name} for {listener.id}": rows}, format)


def _rows(scores: PairScores, plugins: Plugins) -> Sequence[dict[str, Any]]:
    """A row a metric and part: the file's value, and the mixture's beside it."""
    plain = {(row["metric"], row["part"]): row["value"] for row in scores.unprocessed}
    rows = []
    for row in scores.rows:
        entry = {"metric": row["metric"], "part": row["part"], "processed": row["value"]}
        if scores.unprocessed:
            entry["mixture"] = plain.get((row["metric"], row["part"]))
        entry["unit"] = getattr(plugins.get(MetricSpec, row["metric"]).spec, "unit", "")
        if row["reason"]:
            entry["reason"] = row["reason"]
        rows.append(entry)
    return rows
