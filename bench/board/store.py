"""The board on disk: atomic writes by several processes, readable by any Parquet reader.

Every file is written whole beside its place and then moved there, so that a reader sees either the
old file or the new one. Nothing is locked: a run's row, a scene's scores and an epoch each have a
file of their own, and the last writer of a file wins.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bench.board.files import UnusableError, read_table, replace_table, schema_of, write_table
from bench.board.layout import (
    CONSOLIDATED,
    checkpoint_folder,
    epoch_file,
    run_file,
    scores_folder,
    training_folder,
    verified_folder,
)
from bench.board.schema import SCHEMA_VERSION, arrow_schema
from bench.board.versions import upgraded, was_light
from bench.errors import BenchError
from bench.runtime.files import remove

# A letter first: a reader that infers types from the folders' names must not take one for a number.
_RUN_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_RUN_FILE = re.compile(r"run_id=[A-Za-z][A-Za-z0-9_-]*\.parquet")
_SCORES_FILE = re.compile(r"scores\.parquet|[A-Za-z0-9_-]{1,60}\.[0-9a-f]{12}\.parquet")
_VERIFIED_FILE = re.compile(r"[0-9]{8}T[0-9]{12}\.parquet")
_NOT_OURS = "not of this board, but maybe a cloud drive's copy"
_EPOCH_FILE = re.compile(r"epoch-[0-9]{4,}\.parquet")


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
        self._rows: dict[Path, tuple[tuple[int, ...], pa.Table, int]] = {}
        """Rows of runs that were read, with what tells whether their file is still the same."""

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
        frame = self._read("runs", self._own(self.path / "runs", _RUN_FILE))
        return frame.sort_values(["created", "run_id"], ignore_index=True, na_position="first")

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run's row as plain Python values, null as None; None where there is no such run."""
        path = run_file(self.path, _checked_id(run_id))
        table = self._table("runs", [path] if path.exists() else [])
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows[0] if rows else None

    def forget(self, run_id: str) -> None:
        """Remove everything that the board has of a run; its row last, so that it can be repeated.

        Raises:
            OSError: a file of it cannot be removed.
        """
        _checked_id(run_id)
        for place in (
            scores_folder, training_folder, checkpoint_folder, verified_folder, run_file,
        ):  # fmt: skip
            remove(place(self.path, run_id))

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
        frame = self.scores(run_id, columns=["scene", "status"])
        scenes = set(frame["scene"])
        return scenes if include_failed else scenes - set(frame["scene"][frame.status == "failed"])

    def scores(
        self,
        run_id: str | Iterable[str] | None = None,
        *,
        metric: str | Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Scores of one run, of several or of all; ``run_id`` first, then as in ``schema.SCORES``.

        A scene's newest scores only, whatever a killed or repeated run left behind.

        Args:
            run_id: of one run, of several, or of all.
            metric: of one metric alone, or of several.
            columns: these columns alone, in this order.
        """
        frames = []
        for name in self._run_ids("scores", run_id):
            frame = self.scores_table(name, columns, metric).to_pandas()
            frame.insert(0, "run_id", name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else _empty("scores", columns)

    def scores_table(
        self,
        run_id: str,
        columns: Sequence[str] | None = None,
        metric: str | Iterable[str] | None = None,
        *,
        encoded: bool = False,
    ) -> pa.Table:
        """Scores of a run as an Arrow table; the arguments are those of :meth:`scores`.

        Args:
            run_id: the run.
            columns: these columns alone, in this order.
            metric: of one metric alone, or of several.
            encoded: whether texts are dictionaries, which take a tenth of the memory.
        """
        wanted = list(columns or arrow_schema("scores").names)
        metrics = [metric] if isinstance(metric, str) else None if metric is None else list(metric)
        needed = [*wanted, *({"scene", *(["metric"] if metrics else [])} - set(wanted))]
        table = self._run_table(run_id, needed, encoded)
        if metrics is not None:
            table = table.filter(pc.is_in(table["metric"], pa.array(metrics, pa.string())))
        return table.select(wanted)

    def score_files(self, run_id: str) -> list[Path]:
        """The files of a run's scores that are there now."""
        return self._own(self._scores_folder(run_id), _SCORES_FILE)

    def consolidate(self, run_id: str) -> None:
        """Bring the parts of a finished run into one file.

        Killed in between, it leaves parts beside the file that already holds them; every reading
        of this class counts such rows once, and the next call removes them.
        """
        folder = self._scores_folder(run_id)
        parts = self._parts(folder)
        if not parts:
            return
        table = self.scores_table(run_id)
        readable = [path for path in parts if path not in self.damaged]
        replace_table(folder / CONSOLIDATED, table)
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
            files = self._own(training_folder(self.path, name), _EPOCH_FILE)
            if files:
                frame = self._read("training", files, name)
                frame.insert(0, "run_id", name)
                frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else _empty("training")

    # --- verifications -------------------------------------------------------------------------

    def write_verification(self, run_id: str, row: Mapping[str, Any]) -> None:
        """Keep the result of a verification; columns as in ``schema.VERIFIED``."""
        name = f"{row['when']:%Y%m%dT%H%M%S%f}.parquet"
        write_table(verified_folder(self.path, _checked_id(run_id)) / name, "verified", [row])

    def verifications(self, run_id: str) -> list[dict[str, Any]]:
        """The verifications of a run, oldest first."""
        folder = verified_folder(self.path, _checked_id(run_id))
        files = self._own(folder, _VERIFIED_FILE)
        rows: list[dict[str, Any]] = self._table("verified", files).to_pylist()
        return rows

    # --- files ---------------------------------------------------------------------------------

    def _own(self, folder: Path, name: re.Pattern[str]) -> list[Path]:
        """The files of a folder whose names a board gives; any other is named in `damaged`.

        A cloud drive leaves copies of a file that changed in two places, under names of its own:
        what is in them is somewhere else, too, or is older.
        """
        found = []
        for path in sorted(folder.glob("*.parquet")):
            if name.fullmatch(path.name):
                found.append(path)
            elif not path.name.startswith("."):
                self.damaged[path] = _NOT_OURS
        return found

    def _is_copy(self, run_id: str) -> bool:
        """Whether a folder is a copy that was named after a run, as ``r1-LAPTOP``."""
        ends = [number for number, letter in enumerate(run_id) if letter in "-_"]
        named = any(run_file(self.path, run_id[:end]).exists() for end in ends)
        return named and self.run(run_id) is None

    def _parts(self, folder: Path) -> list[Path]:
        return [path for path in self._own(folder, _SCORES_FILE) if path.name != CONSOLIDATED]

    def _scores_folder(self, run_id: str) -> Path:
        return scores_folder(self.path, _checked_id(run_id))

    def _run_ids(self, table: str, run_id: str | Iterable[str] | None) -> list[str]:
        if run_id is None:
            found = []
            for folder in sorted((self.path / table).glob("run_id=*/")):
                name = folder.name.removeprefix("run_id=")
                if _RUN_ID.fullmatch(name) and not self._is_copy(name):
                    found.append(name)
                else:
                    self.damaged[folder] = _NOT_OURS
            return found
        return [_checked_id(name) for name in ([run_id] if isinstance(run_id, str) else run_id)]

    def _run_table(self, run_id: str, columns: Sequence[str], encoded: bool) -> pa.Table:
        folder = self._scores_folder(run_id)
        for _ in range(10):
            try:
                kept = sorted(folder.glob(CONSOLIDATED))
                whole = self._table("scores", kept, run_id, columns, encoded)
                parts = self._table("scores", self._parts(folder), run_id, columns, encoded)
                break
            except FileNotFoundError:  # just consolidated by another process: look again
                continue
        else:
            raise BenchError("the scores keep changing", where=str(folder), hint="Try again.")
        if not len(parts) or not len(whole):
            return whole if len(whole) else parts
        newer = parts["scene"].cast(pa.string()).unique()
        older = whole.filter(pc.invert(pc.is_in(whole["scene"].cast(pa.string()), newer)))
        both = pa.concat_tables([older, parts])
        return both.unify_dictionaries() if encoded else both

    def _read(self, table: str, files: Sequence[Path], run_id: str = "") -> pd.DataFrame:
        frame: pd.DataFrame = self._table(table, files, run_id).to_pandas()
        return frame

    def _table(
        self,
        table: str,
        files: Sequence[Path],
        run_id: str = "",
        columns: Sequence[str] | None = None,
        encoded: bool = False,
    ) -> pa.Table:
        tables = []
        schema = schema_of(table, columns, encoded)
        for path in files:
            try:
                content, version = self._content(path, table, schema)
                if table == "runs" and content["run_id"].to_pylist() != [_id_of(path)]:
                    raise UnusableError(_NOT_OURS)
                light = version >= SCHEMA_VERSION or was_light(self._as_written(run_id))
                tables.append(upgraded(content, table, version, light=light))
                self.damaged.pop(path, None)
            except FileNotFoundError:
                raise
            except (OSError, pa.ArrowException, UnusableError) as error:
                self.damaged[path] = " ".join(str(error).split())
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def _content(self, path: Path, table: str, schema: pa.Schema) -> tuple[pa.Table, int]:
        """What :func:`read_table` gives; a run's row is read again only where its file changed."""
        if table != "runs":
            return read_table(path, table, schema)
        status = path.stat()
        state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._rows.get(path)
        if known is None or known[0] != state:
            known = self._rows[path] = (state, *read_table(path, table, schema))
        return known[1], known[2]

    def _as_written(self, run_id: str) -> dict[str, Any]:
        """A run's row by the names of its own version; empty where it cannot be read."""
        try:
            path = run_file(self.path, run_id)
            rows = self._content(path, "runs", arrow_schema("runs"))[0].to_pylist()
        except (OSError, pa.ArrowException, UnusableError):
            return {}
        return dict(rows[0]) if rows else {}


def _id_of(path: Path) -> str:
    """The run that a file of the table ``runs`` is called after."""
    return path.stem.removeprefix("run_id=")


def _checked_id(run_id: str) -> str:
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"not a run id: {run_id!r}")
    return run_id


def _part_name(scene: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", scene)[:60]
    return f"{readable}.{hashlib.sha256(scene.encode()).hexdigest()[:12]}.parquet"


def _empty(table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    frame: pd.DataFrame = schema_of(table, columns, False).empty_table().to_pandas()
    frame.insert(0, "run_id", pd.Series(dtype="str"))
    return frame
