"""The board on disk: atomic writes by several processes, readable by any Parquet reader.

Every file is written whole beside its place and then moved there, so that a reader sees either the
old file or the new one. Nothing is locked: a run's row, a scene's scores and an epoch each have a
file of their own, and the last writer of a file wins.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.board.layout import (
    CONSOLIDATED,
    checkpoint_folder,
    epoch_file,
    run_file,
    scores_folder,
    training_folder,
)
from bench.board.schema import SCHEMA_VERSION, VERSION_KEY, arrow_schema
from bench.board.versions import upgraded, was_light
from bench.errors import BenchError
from bench.runtime.files import replacing

# A letter first: a reader that infers types from the folders' names must not take one for a number.
_RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class Board:
    """A board of runs, scores and training logs in the folder `path`.

    Nothing is created before the first write. Reading never fails for a damaged file: it is left
    out, and named with the reason in :attr:`damaged`.

    Example:
        >>> board = Board(Path("leaderboards/demo"))  # doctest: +SKIP
        >>> board.append_scores("r4f1c", "scene_1", rows)  # doctest: +SKIP
        >>> board.scores("r4f1c", metric="haaqi").value.mean()  # doctest: +SKIP
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.damaged: dict[Path, str] = {}
        """Files that the latest reads could not use, with the reason."""

    # --- runs ----------------------------------------------------------------------------------

    def write_run(self, row: Mapping[str, Any]) -> None:
        """Write or replace a run's row; columns that it lacks are null.

        Raises:
            ValueError: an unknown or missing column, or a run id that cannot be a file's name.
        """
        run_id = _checked_id(str(row.get("run_id", "")))
        full = {"schema_version": SCHEMA_VERSION, **row}
        write_table(run_file(self.path, run_id), "runs", [full])

    def runs(self) -> pd.DataFrame:
        """All runs, oldest first; columns as in ``schema.RUNS``."""
        frame = self._read("runs", sorted((self.path / "runs").glob("run_id=*.parquet")))
        return frame.sort_values(["created", "run_id"], ignore_index=True, na_position="first")

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run's row as plain Python values, null as None; None where there is no such run."""
        path = run_file(self.path, _checked_id(run_id))
        table = self._table("runs", [path] if path.exists() else [])
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows[0] if rows else None

    def forget(self, run_id: str) -> None:
        """Remove all that the board has of a run."""
        _checked_id(run_id)
        for folder in (scores_folder, training_folder, checkpoint_folder):
            shutil.rmtree(folder(self.path, run_id), ignore_errors=True)
        run_file(self.path, run_id).unlink(missing_ok=True)

    # --- scores --------------------------------------------------------------------------------

    def append_scores(self, run_id: str, scene: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the scores of a scene, all listeners and metrics together.

        Scores that the run already has of this scene are replaced. A NaN value is stored as null.

        Raises:
            ValueError: no row, a row of another scene, or an unknown or missing column.
        """
        if not rows:
            raise ValueError(f"no scores for scene {scene!r}")
        full = [{"scene": scene, **row} for row in rows]
        if any(row["scene"] != scene for row in full):
            raise ValueError(f"scores of other scenes than {scene!r}")
        write_table(self._scores_folder(run_id) / _part_name(scene), "scores", full)

    def scored_scenes(self, run_id: str, *, include_failed: bool = True) -> set[str]:
        """Ids of the scenes that have scores; failed ones only with `include_failed`."""
        frame = self.scores(run_id)
        scenes = set(frame["scene"])
        return scenes if include_failed else scenes - set(frame["scene"][frame.status == "failed"])

    def scores(
        self, run_id: str | Iterable[str] | None = None, *, metric: str | None = None
    ) -> pd.DataFrame:
        """Scores of one run, of several or of all; ``run_id`` first, then as in ``schema.SCORES``.

        A scene's newest scores only, whatever a killed or repeated run left behind.
        """
        frames = []
        for name in self._run_ids("scores", run_id):
            frame = self._run_scores(name)
            frames.append(frame[frame.metric == metric] if metric is not None else frame)
        return pd.concat(frames, ignore_index=True) if frames else _empty("scores")

    def consolidate(self, run_id: str) -> None:
        """Bring the parts of a finished run into one file.

        Killed in between, it leaves parts beside the file that already holds them; every reading
        of this class counts such rows once, and the next call removes them.
        """
        folder = self._scores_folder(run_id)
        parts = _parts(folder)
        if not parts:
            return
        frame = self._run_scores(run_id).drop(columns="run_id")
        readable = [path for path in parts if path not in self.damaged]
        table = pa.Table.from_pandas(frame, schema=arrow_schema("scores"), preserve_index=False)
        _replace(folder / CONSOLIDATED, table)
        for path in readable:
            path.unlink(missing_ok=True)

    # --- training ------------------------------------------------------------------------------

    def append_epoch(self, run_id: str, row: Mapping[str, Any]) -> None:
        """Keep an epoch's log: its ``epoch`` and any numbers by name; see ``schema.TRAINING``.

        What the run already has of this epoch is replaced.
        """
        epoch = int(row["epoch"])
        rows = [
            {"epoch": epoch, "name": name, "value": None if value is None else float(value)}
            for name, value in row.items()
            if name != "epoch"
        ]
        write_table(epoch_file(self.path, _checked_id(run_id), epoch), "training", rows)

    def training(self, run_id: str | Iterable[str] | None = None) -> pd.DataFrame:
        """Training logs in long form: ``run_id``, ``epoch``, ``name``, ``value``."""
        frames = []
        for name in self._run_ids("training", run_id):
            folder = training_folder(self.path, name)
            frame = self._read("training", sorted(folder.glob("*.parquet")), name)
            frame.insert(0, "run_id", name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else _empty("training")

    # --- files ---------------------------------------------------------------------------------

    def _scores_folder(self, run_id: str) -> Path:
        return scores_folder(self.path, _checked_id(run_id))

    def _run_ids(self, table: str, run_id: str | Iterable[str] | None) -> list[str]:
        if run_id is None:
            folders = sorted((self.path / table).glob("run_id=*/"))
            return [folder.name.removeprefix("run_id=") for folder in folders]
        return [_checked_id(name) for name in ([run_id] if isinstance(run_id, str) else run_id)]

    def _run_scores(self, run_id: str) -> pd.DataFrame:
        folder = self._scores_folder(run_id)
        for _ in range(10):
            try:
                whole = self._read("scores", sorted(folder.glob(CONSOLIDATED)))
                parts = self._read("scores", _parts(folder))
                break
            except FileNotFoundError:  # just consolidated by another process: look again
                continue
        else:
            raise BenchError("the scores keep changing", where=str(folder), hint="Try again.")
        newer = whole["scene"].isin(parts["scene"])
        frame = pd.concat([whole[~newer], parts], ignore_index=True) if len(whole) else parts
        frame.insert(0, "run_id", run_id)
        return frame

    def _read(self, table: str, files: Sequence[Path], run_id: str = "") -> pd.DataFrame:
        frame: pd.DataFrame = self._table(table, files, run_id).to_pandas()
        return frame

    def _table(self, table: str, files: Sequence[Path], run_id: str = "") -> pa.Table:
        tables = []
        for path in files:
            try:
                content, version = _read_table(path, table)
                light = version >= SCHEMA_VERSION or was_light(self._as_written(run_id))
                tables.append(upgraded(content, table, version, light=light))
                self.damaged.pop(path, None)
            except FileNotFoundError:
                raise
            except (OSError, pa.ArrowException, _UnusableError) as error:
                self.damaged[path] = " ".join(str(error).split())
        return pa.concat_tables(tables) if tables else arrow_schema(table).empty_table()

    def _as_written(self, run_id: str) -> dict[str, Any]:
        """A run's row by the names of its own version; empty where it cannot be read."""
        try:
            rows = _read_table(run_file(self.path, run_id), "runs")[0].to_pylist()
        except (OSError, pa.ArrowException, _UnusableError):
            return {}
        return dict(rows[0]) if rows else {}


class _UnusableError(Exception):
    """A file that is no part of a board."""


def _checked_id(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"not a run id: {run_id!r}")
    return run_id


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if path.name != CONSOLIDATED)


def _part_name(scene: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", scene)[:60]
    return f"{readable}.{hashlib.sha256(scene.encode()).hexdigest()[:12]}.parquet"


def _empty(table: str) -> pd.DataFrame:
    frame: pd.DataFrame = arrow_schema(table).empty_table().to_pandas()
    frame.insert(0, "run_id", pd.Series(dtype="str"))
    return frame


def write_table(path: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as one file of a table of the schema, in one step; what they lack is null.

    Raises:
        ValueError: an unknown or missing column.
        BenchError: the file cannot be written.
    """
    schema = arrow_schema(table)
    for row in rows:
        unknown = sorted(set(row) - set(schema.names))
        missing = [
            field.name for field in schema if not field.nullable and row.get(field.name) is None
        ]
        if unknown or missing:
            raise ValueError(f"table {table}: unknown columns {unknown}, missing columns {missing}")
    columns = [
        pa.array([row.get(field.name) for row in rows], type=field.type, from_pandas=True)
        for field in schema
    ]
    _replace(path, pa.Table.from_arrays(columns, schema=schema))


def _replace(path: Path, table: pa.Table) -> None:
    """Put `table` at `path` in one step that outlasts a power cut."""
    try:
        with replacing(path) as draft:
            pq.write_table(table, draft, compression="zstd")
    except OSError as error:
        raise BenchError(
            f"the board cannot be written: {error.strerror or error}",
            where=str(path.parent),
            hint="Check that there is space and that you may write there, or give another --out.",
        ) from error


def _read_table(path: Path, table: str) -> tuple[pa.Table, int]:
    """The content of a file, with the columns of the schema, and the schema's version in it."""
    with pq.ParquetFile(path) as file:
        version = (file.schema_arrow.metadata or {}).get(VERSION_KEY)
        if version is None:
            raise _UnusableError("not a file of a bench board")
        if int(version) > SCHEMA_VERSION:
            raise _UnusableError(
                f"written with board schema {int(version)}, newer than this bench's "
                f"{SCHEMA_VERSION}; update bench to read it"
            )
        content = file.read()
    schema = arrow_schema(table)
    missing = [
        field.name
        for field in schema
        if not field.nullable and field.name not in content.column_names
    ]
    if missing:
        raise _UnusableError(f"columns are missing: {', '.join(missing)}")
    columns = [
        content.column(field.name).cast(field.type)
        if field.name in content.column_names
        else pa.nulls(content.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema), int(version)
