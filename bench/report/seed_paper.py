"""The page of the study ``seed-paper``: the paper's tables and figures, its own values beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd
from markupsafe import Markup

from bench.board.store import Board
from bench.errors import BenchError
from bench.leaderboard.seed_paper import (
    PREDICTED,
    PUBLISHED,
    VALIDATION,
    Trial,
    log_of,
    losses,
    predicted,
    published_curve,
    ratio,
)
from bench.report.curves import draw_curve, label_epochs
from bench.report.html import STYLE, fill, write
from bench.report.style import INK, Drawn, drawing, swatch, to_svg
from bench.tables.sections import Section, section_cells
from bench.version import __version__

_TEMPLATES: Final = Path(__file__).parent / "templates"
Curves = Mapping[str, pd.Series]


def write_seed_paper(
    board: Board, trials: Sequence[Trial], sections: Sequence[Section], out: Path, summary: str
) -> Path:
    """Write the page of a study into a folder.

    Args:
        board: that has the trainings.
        trials: what was run.
        sections: the tables, from :func:`bench.leaderboard.seed_paper.seed_paper_sections`.
        out: folder, made where it is not there.
        summary: what the study asks.

    Returns:
        The page.

    Raises:
        BenchError: it cannot be written.
    """
    page = fill(
        _TEMPLATES / "seed_paper.html.j2",
        styles=(STYLE,),
        scripts=(),
        functions={"swatch": swatch},
        content={
            "summary": summary,
            "version": __version__,
            "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "tables": [(section, *section_cells(section)) for section in sections if section.rows],
            "figures": figures_of(board, trials),
        },
    )
    try:
        return write(out / "seed-paper.html", page)
    except OSError as error:
        problem = f"the page cannot be written: {error.strerror or error}"
        raise BenchError(problem, where=str(out), hint="Give another --out.") from error


def figures_of(board: Board, trials: Sequence[Trial]) -> dict[str, Drawn]:
    """The paper's three figures for each part that is trained, and truth beside prediction."""
    logs = [(trial, log) for trial in trials if not (log := log_of(board, trial)).empty]
    found: dict[str, Drawn] = {}
    for part in dict.fromkeys(trial.part for trial, _ in logs):
        own = [(trial, log) for trial, log in logs if trial.part == part]
        trial, log = max(own, key=lambda pair: pair[0].alpha or 0)
        found[f"Figure 1, {part}"] = _first(part, own)
        found[f"Figure 2, {trial.short}"] = _second(part, log)
        found[f"Figure 3, {trial.short}"] = _third(part, trial, log)
        found[f"Prediction and truth, {trial.short}"] = _truth(part, log)
    return {title: drawn for title, drawn in found.items() if drawn.panels}


def _first(part: str, own: Sequence[tuple[Trial, pd.DataFrame]]) -> Drawn:
    """HAAQI-Net and SDR in training, a line for each weight of HAAQI-Net."""
    panels: list[Markup] = []
    for title, value, name in (
        ("HAAQI-Net in training", predicted, "train/haaqi-net/mean"),
        ("SDR in training, dB", ratio, "train/sdr/mean"),
    ):
        curves = {f"alpha {trial.alpha:g}": value(log) for trial, log in own}
        panels += _panel(f"{part}-1-{name}", title, {**curves, PUBLISHED: published_curve(name)})
    return Drawn(tuple(panels), "Figure 1: HAAQI-Net and SDR in training, by epoch.")


def _second(part: str, log: pd.DataFrame) -> Drawn:
    """True HAAQI in validation."""
    wanted = {title: name for title, name in VALIDATION.items() if name.startswith("valid/haaqi/")}
    curves = {title: log[name] for title, name in wanted.items() if name in log}
    beside = {f"HAAQI, {PUBLISHED}": published_curve("valid/haaqi/mean")}
    panels = _panel(f"{part}-2", "true HAAQI in validation", {**curves, **beside})
    return Drawn(panels, "Figure 2: true HAAQI of both ears in validation, by epoch.")


def _third(part: str, trial: Trial, log: pd.DataFrame) -> Drawn:
    """The five losses."""
    panels: list[Markup] = []
    for name, values in losses(trial, log).items():
        title = "minus HAAQI-Net" if name == PREDICTED else name
        panels += _panel(f"{part}-3-{name}", title, {"": values})
    return Drawn(tuple(panels), "Figure 3: the losses in training, each unweighted, by epoch.")


def _truth(part: str, log: pd.DataFrame) -> Drawn:
    """What HAAQI-Net says in training beside true HAAQI in validation."""
    curves = {
        "HAAQI-Net in training": predicted(log),
        "true HAAQI in validation": log.get(VALIDATION["HAAQI"], pd.Series(dtype=float)),
    }
    panels = _panel(f"{part}-truth", "prediction and truth", curves)
    caption = (
        "HAAQI-Net, which the training maximises, beside the truth. In the paper it rose from "
        ".518 to .974, while true HAAQI rose to .774 by epoch 6 and was .635 one epoch later."
    )
    return Drawn(panels, caption)


def _panel(name: str, title: str, curves: Curves) -> tuple[Markup, ...]:
    """One panel; none where no curve has values."""
    shown = {label: values for label, values in curves.items() if len(values.dropna())}
    if not any(PUBLISHED not in label for label in shown):
        return ()
    with drawing(height=2.4) as (figure, [axes]):
        for number, (label, values) in enumerate(shown.items()):
            draw_curve(axes, values, number, label)
        axes.set_title(title)
        label_epochs(axes)
        if any(shown):
            figure.legend(loc="outside lower left", ncols=2, frameon=False, labelcolor=INK)
        plain = "".join(c if c.isalnum() else "-" for c in name)
        return (to_svg(figure, f"seed-{plain}", f"{title} by epoch"),)
