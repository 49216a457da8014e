"""Scores of runs by (song, scene, listener): one array per run and part of a metric.

A board keeps scores in long form, 384,000 rows a run of the official size, most of whose columns
are texts. Statistics need numbers alone, one a pair, all runs in one order. That form is made once
and kept in the cache by the content of the run's files, so that a changed board is never mistaken
for the one that was read before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.board.failures import Failure, failures_of
from bench.board.schema import NO_SCORES
from bench.board.store import Board
from bench.runtime.kept import KeptFiles, limit_from_environment
from bench.runtime.machine import cache_folder

PAIR: Final = ["song", "scene", "listener"]
"""The index levels of scores that are compared pair by pair."""
_TEXTS: Final = ("song", "scene", "listener", "genre")
_HEARING: Final = ("pta_left", "pta_right")
_READ: Final = (*_TEXTS, *_HEARING, "metric", "part", "value", "status")
_FAILED: Final = "failed"
_CAUSES: Final = b"bench.failures"
_ABOUT: Final = (*_TEXTS, *_HEARING, _FAILED)
_DIGEST: Final = 32
_LIMIT: Final = 2 * 10**9
"""Bytes that are kept at most: 200 boards' worth of demos, or 500 runs of the official size."""

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class _Run:
    """One run's scores: texts and hearing by pair, then a column a part of a metric."""

    table: pa.Table

    @cached_property
    def keys(self) -> list[str]:
        return [name for name in self.table.column_names if name not in _ABOUT]

    def column(self, name: str) -> Array:
        values: Array = self.table.column(name).to_numpy()
        return values


class PairScores:
    """The scores of runs, each an array over the same pairs; NaN where there is no value.

    Args:
        board: the board.
        run_ids: runs to read; one that has no scores has no keys.
        hearing_loss_below: dB HL; pairs whose listener's better ear averages this or more have no
            scores here.
    """

    def __init__(
        self, board: Board, run_ids: Iterable[str], hearing_loss_below: float | None = None
    ) -> None:
        kept = KeptFiles(cache_folder() / "boards", min(_LIMIT, limit_from_environment()))
        self._runs = {name: _read(board, name, kept) for name in dict.fromkeys(run_ids)}
        self.pairs, places = _united([run.table for run in self._runs.values()])
        """All pairs of the runs, with the levels PAIR."""
        self._places = dict(zip(self._runs, places, strict=True))
        self._limit = hearing_loss_below

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs, in the order in which they were asked for."""
        return tuple(self._runs)

    def keys(self, run_id: str) -> list[str]:
        """``metric/part`` of all that a run has rows of, in the order in which they stand."""
        return self._runs[run_id].keys

    def parts(self, metric: str) -> list[str]:
        """The parts of a metric in all runs, in the order in which they stand."""
        named = (key.partition("/") for run_id in self._runs for key in self.keys(run_id))
        return list(dict.fromkeys(part for name, _, part in named if name == metric))

    @property
    def metrics(self) -> list[str]:
        """The metrics of all runs, in the order in which they stand."""
        keys = (key for run_id in self._runs for key in self.keys(run_id))
        return list(dict.fromkeys(key.partition("/")[0] for key in keys))

    def n_failed(self, run_id: str) -> int:
        """Pairs of a run of which something failed."""
        run = self._runs[run_id]
        return int(np.count_nonzero(run.column(_FAILED))) if len(run.table) else 0

    def failures(self, run_id: str) -> tuple[Failure, ...]:
        """Why pairs of a run failed, the most frequent cause first."""
        kept = (self._runs[run_id].table.schema.metadata or {}).get(_CAUSES, b"[]")
        return tuple(
            Failure(**{**one, "metrics": tuple(one["metrics"])}) for one in json.loads(kept)
        )

    def values(self, run_id: str, key: str) -> Array:
        """Values of a metric's headline (``"haaqi"``) or part (``"haaqi/left"``), ``(n,)``.

        The headline is the part ``mean``, or the first where there is none of that name.
        """
        run = self._runs[run_id]
        metric, _, part = key.partition("/")
        if not part:
            own = [name for name in run.keys if name.partition("/")[0] == metric]
            key = f"{metric}/mean" if f"{metric}/mean" in own or not own else own[0]
        places = self._places[run_id]
        if key not in run.keys:
            return np.full(len(self.pairs), np.nan)
        values = run.column(key)
        if places is not None:
            spread = np.full(len(self.pairs), np.nan)
            spread[places] = values
            values = spread
        if metric in NO_SCORES or not self.excluded.any():
            return values
        return np.where(self.excluded, np.nan, values)

    @cached_property
    def excluded(self) -> NDArray[np.bool_]:
        """Which pairs are left out for their listener's hearing loss, ``(n,)``."""
        if self._limit is None:
            return np.zeros(len(self.pairs), bool)
        better: NDArray[np.bool_] = self.hearing.min(axis=1) >= self._limit
        return better

    def n_excluded(self, run_id: str) -> int:
        """Pairs of a run that are left out for their listener's hearing loss."""
        places = self._places[run_id]
        own = self.excluded if places is None else self.excluded[places]
        return int(np.count_nonzero(own))

    def series(self, run_id: str, key: str) -> pd.Series:
        """The same with the pairs as its index; all series of one object share it."""
        return pd.Series(self.values(run_id, key), self.pairs, copy=False)

    def frame(self, *metrics: str) -> pd.DataFrame:
        """Values of some metrics in long form, as :meth:`Board.scores` has them; texts as codes.

        Rows without a value are left out, and so are the columns with the reasons.
        """
        places = [self.pairs.get_level_values(name) for name in PAIR]
        about = pd.DataFrame(
            {name: pd.Categorical(place) for name, place in zip(PAIR, places, strict=True)}
        ).assign(genre=pd.Categorical(self.genres))
        for number, name in enumerate(_HEARING):
            about[name] = self.hearing[:, number]
        parts = list(dict.fromkeys(part for metric in metrics for part in self.parts(metric)))

        def constant(text: str, known: Sequence[str]) -> Any:
            codes = np.full(len(about), known.index(text), np.int16)
            return pd.Categorical.from_codes(codes, pd.Index(list(known)))

        found = [
            about.assign(
                run_id=constant(run_id, self.run_ids),
                metric=constant(metric, metrics),
                part=constant(part, parts),
                value=self.values(run_id, key),
            )
            for run_id in self._runs
            for key in self.keys(run_id)
            for metric, _, part in [key.partition("/")]
            if metric in metrics
        ]
        if not found:
            empty = [*about, "run_id", "metric", "part", "value", "status"]
            return pd.DataFrame({name: pd.Series(dtype=object) for name in empty})
        whole = pd.concat([frame[frame["value"].notna()] for frame in found], ignore_index=True)
        return whole.assign(status="ok")

    @cached_property
    def hearing(self) -> Array:
        """Each pair's mean thresholds at 0.5, 1, 2 and 4 kHz, left and right, dB HL, ``(n, 2)``."""
        found = np.full((len(self.pairs), len(_HEARING)), np.nan)
        for name, run in reversed(self._runs.items()):
            places = self._places[name]
            own = np.column_stack([run.column(ear) for ear in _HEARING])
            found[slice(None) if places is None else places] = own
        return found

    @cached_property
    def genres(self) -> NDArray[np.object_]:
        """Each pair's genre, ``(n,)``; empty where it is not known."""
        found = np.full(len(self.pairs), "", object)
        for name, run in reversed(self._runs.items()):
            places = self._places[name]
            own = run.table.column("genre").to_pandas().astype(object).fillna("").to_numpy()
            found[slice(None) if places is None else places] = own
        return found


def _read(board: Board, run_id: str, kept: KeptFiles) -> _Run:
    """The scores of a run: kept ones, where its files are what they were."""
    files = board.score_files(run_id)
    path = kept.folder / f"{_content_of(files)}.arrow"
    table = _kept_table(path) if kept.limit else None
    if table is not None:
        kept.used(path)
        return _Run(table)
    table = _by_pair(board.scores_table(run_id, _READ, encoded=True))
    if pc.any(table[_FAILED]).as_py():
        causes = [asdict(one) for one in _failures(board, run_id)]
        table = table.replace_schema_metadata({_CAUSES: json.dumps(causes)})
    whole = not any(file in board.damaged for file in board.score_files(run_id))
    if kept.limit and whole and len(table):
        kept.put(path, lambda draft: _write(draft, table))
    return _Run(table)


def _failures(board: Board, run_id: str) -> list[Failure]:
    """The causes of what failed in a run that has failures."""
    columns = ("scene", "listener", "metric", "status", "reason", "traceback")
    table = board.scores_table(run_id, columns, encoded=True)
    bad = pc.equal(table["status"].cast(pa.string()), "failed")
    scenes = table["scene"].cast(pa.string())
    some = table.filter(pc.is_in(scenes, scenes.filter(bad).unique()))
    texts = pa.schema([(name, pa.string()) for name in columns])
    return failures_of(some.cast(texts).to_pandas())


def _content_of(files: Sequence[Path]) -> str:
    """The name of what was made from some files by this very code."""
    digest = blake2b(_code(), digest_size=_DIGEST)
    for file in files:
        try:
            digest.update(blake2b(file.name.encode() + b"\0" + file.read_bytes()).digest())
        except OSError:  # consolidated in between: what is read then is not kept under this name
            digest.update(b"gone")
    return digest.hexdigest()


@cache
def _code() -> bytes:
    """All that may change what is made of a file."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


def _write(draft: Path, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue()
    with draft.open("wb") as file:
        file.write(blake2b(content, digest_size=_DIGEST).digest())
        file.write(content)


def _kept_table(path: Path) -> pa.Table | None:
    """What was kept, or None where there is nothing, or something damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = memoryview(content)[_DIGEST:]
    if content[:_DIGEST] != blake2b(body, digest_size=_DIGEST).digest():
        return None
    return pa.ipc.open_file(pa.py_buffer(body)).read_all()


def _by_pair(long: pa.Table) -> pa.Table:
    """One row a pair, in the order of first rows, from one a (pair, metric, part)."""
    scene, scenes = _codes(long, "scene")
    listener, listeners = _codes(long, "listener")
    metric, metrics = _codes(long, "metric")
    part, parts = _codes(long, "part")
    status, statuses = _codes(long, "status")
    row, first = _numbered(scene * len(listeners) + listener, len(scenes) * len(listeners))
    column, heads = _numbered(metric * len(parts) + part, len(metrics) * len(parts))
    value = long["value"].combine_chunks().to_numpy(zero_copy_only=False)
    wide = np.full((len(heads), len(first)), np.nan)
    ok = (np.array(statuses, object) == "ok")[status] & ~np.isnan(value)
    if ok.all():
        wide[column, row] = value
    else:
        wide[column[ok], row[ok]] = value[ok]
    failed = np.zeros(len(first), bool)
    failed[row[(np.array(statuses, object) == "failed")[status]]] = True
    about = long.select([*_TEXTS, *_HEARING]).take(pa.array(first))
    texts = {name: about[name].combine_chunks() for name in _TEXTS}
    # A scene whose song is not known is a song of its own.
    song, names = (texts[name].cast(pa.string()) for name in ("song", "scene"))
    known = pc.fill_null(pc.not_equal(song, ""), False)
    texts["song"] = pc.if_else(known, song, names).dictionary_encode()
    hearing = {name: about[name].combine_chunks() for name in _HEARING}
    scores = {
        f"{metrics[metric[head]]}/{parts[part[head]]}": pa.array(wide[number])
        for number, head in enumerate(heads)
    }
    return pa.table({**texts, **hearing, _FAILED: pa.array(failed), **scores})


def _codes(table: pa.Table, name: str) -> tuple[Codes, list[str]]:
    """The texts of a column as numbers, and the texts."""
    column = table[name].unify_dictionaries().combine_chunks()
    return np.asarray(column.indices, np.int64), column.dictionary.to_pylist()


def _numbered(keys: Codes, size: int) -> tuple[Codes, Codes]:
    """Each key's number in the order of first places, and those places; keys are below `size`."""
    place = np.full(size, -1, np.int64)
    place[keys[::-1]] = np.arange(len(keys))[::-1]
    used = np.flatnonzero(place >= 0)
    used = used[np.argsort(place[used])]
    number = np.empty(size, np.int64)
    number[used] = np.arange(len(used))
    return number[keys], place[used]


def _united(
    tables: Sequence[pa.Table],
) -> tuple[pd.MultiIndex, list[Codes | None]]:
    """All pairs of the runs, and where each run's are among them; None where they are all."""
    levels: list[dict[str, int]] = [{} for _ in PAIR]
    coded = []
    for table in tables:
        own = []
        for name, level in zip(PAIR, levels, strict=True):
            codes, texts = _codes(table, name)
            known = np.array([level.setdefault(text, len(level)) for text in texts], np.int64)
            own.append(known[codes])
        coded.append(own)
    sizes = [max(1, len(level)) for level in levels]
    keys = [(song * sizes[1] + scene) * sizes[2] + who for song, scene, who in coded]
    united = pd.unique(np.concatenate([*keys, np.empty(0, np.int64)]))
    index = pd.Index(united)
    places = [
        None if np.array_equal(own, united) else np.asarray(index.get_indexer(own)) for own in keys
    ]
    scene, who = np.divmod(united, sizes[2])
    song, scene = np.divmod(scene, sizes[1])
    numbers: list[Any] = [song, scene, who]
    return pd.MultiIndex([list(level) for level in levels], numbers, names=PAIR), places
