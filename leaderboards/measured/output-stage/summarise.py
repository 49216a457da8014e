"""Summarise a board of output stages: ``python summarise.py BOARD FOLDER FIGURES``.

Writes ``summary.md`` into FOLDER (every row with what it costs in loudness, and by grade of hearing
loss), and into FIGURES ``output-stage-curve.svg`` (HAAQI against the change of loudness) and
``output-stage-parts.svg`` (the way from the mixture to a perfect score, in separation, gains and
output stage).
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import matplotlib
import pandas as pd

from bench.board.store import Board
from bench.hearing.audiograms import hearing_loss_grade

matplotlib.use("svg")
import matplotlib.pyplot as plt

PERFECT = 0.999
"""HAAQI of a signal that equals its reference."""
NALR = "nalr"


def rows(board: Board) -> pd.DataFrame:
    """One row a run and pair: haaqi, lufs, clipping, and what the run is."""
    runs = board.runs()
    scores = board.scores()
    scores = scores[(scores.part == "mean") & scores.metric.isin(["haaqi", "lufs", "clipping"])]
    wide = scores.pivot_table(
        index=["run_id", "scene", "listener", "pta_left", "pta_right"],
        columns="metric",
        values="value",
    ).reset_index()
    options = [json.loads(text)["prescription"]["options"] for text in runs.spec_json]
    runs = runs.assign(limit=[own.get("max_loudness_loss", 99.0) for own in options])
    about = runs[["run_id", "label", "separator", "gains", "prescription", "limit", "created"]]
    found = wide.merge(about, on="run_id").sort_values("created")
    # Of runs with the same label the newest one.
    found = found.drop_duplicates(["label", "scene", "listener"], keep="last")
    system = ["separator", "gains", "scene", "listener"]
    plain = found[found.prescription == NALR][[*system, "lufs", "haaqi"]]
    plain = plain.rename(columns={"lufs": "plain_lufs", "haaqi": "plain_haaqi"})
    found = found.merge(plain, on=system)
    found["louder"] = found.lufs - found.plain_lufs
    ears = zip(found.pta_left, found.pta_right, strict=True)
    found["grade"] = [hearing_loss_grade(*pair) for pair in ears]
    return found


def table(found: pd.DataFrame) -> str:
    """Every system: HAAQI, its gain over NAL-R alone, loudness and clipping."""
    lines = [
        "| system | n | HAAQI | against `nalr` | loudness against `nalr`, LU | clipped % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    grouped = found.groupby("label")
    order = grouped.haaqi.mean().sort_values(ascending=False).index
    for label in order:
        own = grouped.get_group(label)
        gain = (own.haaqi - own.plain_haaqi).mean()
        lines.append(
            f"| {label} | {len(own)} | {own.haaqi.mean():.3f} | {gain:+.3f} "
            f"| {own.louder.mean():+.1f} | {100 * own.clipping.mean():.1f} |"
        )
    return "\n".join(lines)


def by_grade(found: pd.DataFrame) -> str:
    """The mixture's HAAQI by grade of hearing loss (of the better ear)."""
    own = found[(found.separator == "mixture") & (found.limit == 99.0)]
    wide = own.pivot_table(index="label", columns="grade", values="haaqi", aggfunc="mean")
    pairs = own[own.prescription == NALR].groupby("grade").haaqi.count()
    wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False).index]
    head = [f"{grade} (n {pairs.get(grade, 0)})" for grade in wide.columns]
    lines = [f"| system | {' | '.join(head)} |", "| --- |" + " ---: |" * len(head)]
    lines += [
        f"| {label} | " + " | ".join(f"{value:.3f}" for value in row) + " |"
        for label, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return "\n".join(lines)


def curve(found: pd.DataFrame, path: Path) -> None:
    """HAAQI against the change of loudness, a line a prescription and separator."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    means = found.groupby(["separator", "prescription", "limit"])[["haaqi", "louder"]].mean()
    for (separator, prescription), own in means.reset_index().groupby(
        ["separator", "prescription"]
    ):
        own = own.sort_values("louder")
        dashes = {"mixture": "-", "oracle": "--"}.get(separator, ":")
        axes.plot(own.louder, own.haaqi, dashes, marker="o", label=f"{separator}, {prescription}")
    axes.set_xlabel("loudness against NAL-R's clipped output, LU")
    axes.set_ylabel("HAAQI")
    axes.legend(fontsize=6, ncols=2)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def parts(found: pd.DataFrame, path: Path) -> dict[str, float]:
    """The way from the mixture to a perfect score: separation, gains, output stage, and the rest.

    Separation is what clean stems bring at the mixture's own balance, gains what the requested
    gains bring then, the output stage what the best one brings to that, or to the mixture.

    Returns:
        What each brings, in HAAQI.
    """
    means = found[found.limit == 99.0].groupby(["separator", "gains", "prescription"]).haaqi.mean()
    floor, clean = means["mixture", "fixed", NALR], means["oracle", "fixed", NALR]
    balance = means.get(("oracle", "none", NALR), floor)
    top, staged = means["oracle", "fixed"].max(), means["mixture", "fixed"].max()
    steps = {
        "separation": balance - floor,
        "gains": clean - balance,
        "output stage": top - clean,
        "rest": PERFECT - top,
    }
    colours = ("#8da0cb", "#66c2a5", "#fc8d62", "#cccccc")
    figure, axes = plt.subplots(figsize=(7, 2.0))
    start = floor
    for (name, value), colour in zip(steps.items(), colours, strict=True):
        axes.barh("clean stems", value, left=start, color=colour, label=f"{name} {value:+.3f}")
        start += value
    axes.barh("mixture", staged - floor, left=floor, color=colours[2])
    axes.text(staged + 0.005, "mixture", f"output stage alone {staged - floor:+.3f}", va="center")
    axes.set_xlim(floor - 0.02, 1.0)
    axes.set_xlabel(f"HAAQI, from the mixture with NAL-R ({floor:.3f})")
    axes.legend(fontsize=7, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.35))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    return {**steps, "output stage alone, of the mixture": staged - floor}


@click.command(help=__doc__)
@click.argument("board", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("figures", type=click.Path(file_okay=False, path_type=Path))
def main(board: Path, folder: Path, figures: Path) -> None:
    """Write the summary of BOARD into FOLDER and FIGURES."""
    for one in (folder, figures):
        one.mkdir(parents=True, exist_ok=True)
    found = rows(Board(board))
    matplotlib.rcParams["svg.hashsalt"] = "bench"
    text = table(found)
    # Means are comparable over the same pairs alone.
    counts = found.groupby("label").haaqi.transform("count")
    found = found[counts == counts.max()]
    curve(found, figures / "output-stage-curve.svg")
    split = parts(found, figures / "output-stage-parts.svg")
    ways = "\n".join(f"- {name}: {value:+.3f}" for name, value in split.items())
    text = f"{text}\n\n{by_grade(found)}\n\n{ways}\n"
    (folder / "summary.md").write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
