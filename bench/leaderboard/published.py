"""Published results, to be shown beside a board and never ranked with what it measured.

``published.toml`` in this package is the source; ``python -m bench.leaderboard.published FOLDER``
makes Parquet files of it.
"""

from __future__ import annotations

import sys
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bench.tables.sections import Section

WORDS: Final = (
    "Published by others, not measured here: the code is different, and for other suites the data "
    "too. They are never ranked."
)
_UNITS: Final = {"sdr": "dB"}

Record = dict[str, Any]


def published_results() -> list[Record]:
    """One row a (system, suite, split, metric, part), as in ``schema.PUBLISHED``."""
    return [
        {
            **_about(entry),
            "metric": entry["metric"],
            "part": part,
            "value": float(value),
            "unit": _UNITS.get(entry["metric"], ""),
        }
        for entry in _content()["results"]
        for part, value in entry["values"].items()
    ]


def published_value(system: str, suite: str, split: str, protocol: str) -> float | None:
    """The HAAQI that was published of a system; None where there is none."""
    wanted = (system, suite, split, protocol, "haaqi", "mean")
    names = ("system", "suite", "split", "protocol", "metric", "part")
    for row in published_results():
        if tuple(row[name] for name in names) == wanted:
            return float(row["value"])
    return None


def published_training() -> list[Record]:
    """One row a (system, name, epoch), as in ``schema.PUBLISHED_TRAINING``."""
    return [
        {**_about(entry), "name": entry["name"], "epoch": epoch, "value": float(value)}
        for entry in _content()["curves"]
        for epoch, value in zip(entry["epochs"], entry["values"], strict=True)
    ]


def published_table(number: int) -> Record:
    """A table of the seed paper: ``title``, ``columns``, those ``missing`` here, what is ``known``.

    Example:
        >>> published_table(3)["missing"]
        ['left', 'right', 'LUFS difference']
    """
    return next(table for table in _content()["tables"] if table["number"] == number)


def published_sections() -> list[Section]:
    """All of it as tables: by metric, then the training curves."""
    results = published_results()
    metrics = list(dict.fromkeys(row["metric"] for row in results))
    tables = [_metric_section(metric, results) for metric in metrics]
    return [*tables, _training_section(published_training())]


def write_published(folder: Path) -> None:
    """Write ``published.parquet`` and ``published_training.parquet``.

    Raises:
        BenchError: the folder cannot be written.
    """
    from bench.board.files import write_table

    write_table(folder / "published.parquet", "published", published_results())
    write_table(folder / "published_training.parquet", "published_training", published_training())


def _metric_section(metric: str, results: list[Record]) -> Section:
    """A row a (system, suite, split, protocol), a column a part."""
    chosen = [row for row in results if row["metric"] == metric]
    parts = dict.fromkeys(row["part"] for row in chosen)
    about = ("system", "suite", "split", "protocol")
    keys = {source["citation"]: key for key, source in _content()["sources"].items()}
    used = dict.fromkeys(keys[row["source"]] for row in chosen)
    rows: dict[tuple[str, ...], Record] = {}
    for row in chosen:
        which = tuple(row[name] for name in about)
        empty = {name: row[name] for name in about} | dict.fromkeys(parts)
        more = {"source": keys[row["source"]], "note": row["note"]}
        rows.setdefault(which, {**empty, **more})[row["part"]] = row["value"]
    unit = f", {_UNITS[metric]}" if metric in _UNITS else ""
    cited = "; ".join(f"{key}: {_content()['sources'][key]['citation']}" for key in used)
    words = f"{WORDS} Sources: {cited}."
    least = ("source", "right", "left", "other", "bass")
    return Section(f"Published {metric}{unit}", tuple(rows.values()), words, least=least)


def _training_section(curves: list[Record]) -> Section:
    """A row an epoch, a column a curve; the curves are of one system."""
    names = {row["name"]: row for row in curves}
    by_epoch: dict[int, Record] = {}
    for row in sorted(curves, key=lambda row: row["epoch"]):
        empty = {"epoch": row["epoch"], **dict.fromkeys(names)}
        by_epoch.setdefault(row["epoch"], empty)[row["name"]] = row["value"]
    first = curves[0]
    about = "; ".join(f"{name} ({row['split']}): {row['note']}" for name, row in names.items())
    title = f"Published training of {first['system']}, protocol {first['protocol']}"
    return Section(title, tuple(by_epoch.values()), f"{first['source']}. {about}.")


def _about(entry: Record) -> Record:
    source = _content()["sources"][entry["source"]]
    return {
        "system": entry["system"],
        "suite": entry["suite"],
        "split": entry["split"],
        "protocol": entry.get("protocol", ""),
        "source": source["citation"],
        "url": source["url"],
        "note": entry.get("note", ""),
        "published": True,
    }


@lru_cache(maxsize=1)
def _content() -> Record:
    text = resources.files("bench.leaderboard").joinpath("published.toml")
    return tomllib.loads(text.read_text(encoding="utf-8"))


if __name__ == "__main__":
    write_published(Path(sys.argv[1]))
