"""The columns of a board, with types and units: the one place where they are written down.

A board is a folder of four tables in Parquet:

* ``runs/run_id=<id>.parquet``: one file and one row a run.
* ``scores/run_id=<id>/*.parquet``: one row a (scene, listener, metric, part), in long form, so that
  a third-party metric needs no new column.
* ``training/run_id=<id>/*.parquet``: one row a (epoch, name), in long form for the same reason.
* ``verified/run_id=<id>/*.parquet``: one row each time that a share of a run was scored again.

`scores` and `training` are Hive-partitioned by ``run_id``: readers such as
``pandas.read_parquet("scores")`` or DuckDB's ``read_parquet('scores/**/*.parquet')`` add that
column from the folder's name, which is why it is in none of those files.

What others published lies apart, in ``leaderboards/published``: the tables ``published`` (one row a
(system, split, metric, part)) and ``published_training`` (one row a (system, name, epoch)).

Each file carries the schema's version under the key ``bench.schema_version`` of its metadata.
Adding a column keeps the version; renaming, removing or redefining one raises it, and so does a
metric or loss that is called otherwise. :mod:`bench.board.versions` reads older ones.

This module imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION: Final = 2
VERSION_KEY: Final = b"bench.schema_version"

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp"]
RunStatus = Literal["running", "done", "failed-scenes", "failed"]
ScoreStatus = Literal["ok", "missing", "failed"]

RUN_STATUSES: Final = ("running", "done", "failed-scenes", "failed")
SCORE_STATUSES: Final = ("ok", "missing", "failed")
PROTOCOLS: Final = ("challenge", "shared-gains")

TIME_METRIC: Final = "time"
"""Reserved metric: seconds that this pair took, part "total"; a scene's stages that its listeners
share are counted with the first of them."""
PROFILE_METRIC: Final = "seconds"
"""Reserved metric, of profiled runs only: seconds of a stage for this pair; the part names it."""
GAINS_METRIC: Final = "gains"
"""Reserved metric: the gains that were applied, dB; the part is a stem, or ``left-<stem>``."""
NO_SCORES: Final = (TIME_METRIC, PROFILE_METRIC, GAINS_METRIC)
"""The reserved metrics, which are not scores."""


@dataclass(frozen=True)
class Column:
    """A column: `type` as stored, `unit` of its values ("" where it has none)."""

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    required: bool = False


RUNS: Final = (
    Column("run_id", "string", "hash of spec, code, plugins and data", required=True),
    Column("schema_version", "int64", "version of this schema"),
    Column("status", "string", "running, done, failed-scenes or failed", required=True),
    Column("failure", "string", "why the run as a whole failed; null where it did not"),
    Column("created", "timestamp", "when the run began", "UTC"),
    Column("finished", "timestamp", "when it ended; null while it runs", "UTC"),
    Column("seconds", "float64", "computing time, all attempts together", "s"),
    Column("suite", "string", "suite that the run belongs to", required=True),
    Column("split", "string", "split that was scored", required=True),
    Column("protocol", "string", "reference protocol: challenge or shared-gains", required=True),
    Column("separator", "string", "separator plugin"),
    Column("gains", "string", "gain strategy plugin"),
    Column("prescription", "string", "prescription plugin"),
    Column("loss", "string", "loss expression; empty where nothing was trained"),
    Column("epochs", "int64", "epochs of training; 0 where nothing was trained"),
    Column("seed", "int64", "seed of the run"),
    Column("label", "string", "name of the row in a leaderboard"),
    Column("spec_json", "string", "the whole RunSpec as JSON"),
    Column("bench_version", "string", "version of bench"),
    Column("code_hash", "string", "hash of bench's source"),
    Column("plugin_versions_json", "string", "distribution and version of each plugin, as JSON"),
    Column("dataset_fingerprint", "string", "hash of the split's metadata and audio"),
    Column(
        "rules_json", "string", "the suite's contrasts, exclusion and baseline when the run began"
    ),
    Column("songs", "string", "excerpts and songs of the split, and how songs were identified"),
    Column("ranked", "bool", "whether the row takes part in the ranking"),
    Column("unranked_reason", "string", "why the row is not ranked; empty where it is"),
    Column("trained_on", "string", "data that the weights were trained on, comma-separated"),
    Column("hardware", "string", "processor, cores, memory, accelerator; never a host's name"),
    Column("python_version", "string", "version of Python"),
    Column("torch_version", "string", "version of PyTorch"),
    Column("n_pairs", "int64", "(scene, listener) pairs that the run has to score", "pairs"),
    Column("n_failed", "int64", "pairs that failed", "pairs"),
)

SCORES: Final = (
    Column("scene", "string", "scene id", required=True),
    Column("song", "string", "song of the scene; scenes of a song are not independent"),
    Column("genre", "string", "genre of the song; empty where unknown"),
    Column("listener", "string", "listener id", required=True),
    Column("pta_left", "float64", "left ear's mean threshold at 0.5, 1, 2 and 4 kHz", "dB HL"),
    Column("pta_right", "float64", "right ear's mean threshold at 0.5, 1, 2 and 4 kHz", "dB HL"),
    Column("metric", "string", "metric plugin, or one of time, seconds and gains", required=True),
    Column("part", "string", "part of the metric, such as mean, left or vocals", required=True),
    Column("value", "float64", "the score in the metric's unit; null where there is none"),
    Column(
        "status",
        "string",
        "ok; missing where the metric's definition gives no value; failed",
        required=True,
    ),
    Column("reason", "string", "why there is no value; empty where ok"),
    Column("traceback", "string", "where in the code it failed; null where it did not"),
    Column("seconds", "float64", "time that the metric took for this pair", "s"),
)

TRAINING: Final = (
    Column("epoch", "int64", "epoch, from 1; 0 is before any training", required=True),
    Column(
        "name",
        "string",
        "loss (the whole objective), loss/<term> (each term, unweighted), lr, grad_norm, "
        "grad_norm/<part>/<term> (of the weighted term, at the first step of epochs 1, 6, ...), "
        "seconds, seconds/<stage>, batch_seconds/<stage> (of a batch, in the mean), "
        "train/<metric>/<part>, valid/<metric>/<part> or "
        "song/<metric>/<part>/<song> (the headline in validation, by song)",
        required=True,
    ),
    Column("value", "float64", "its value; of a loss and of grad_norm the epoch's mean"),
)

VERIFIED: Final = (
    Column("by", "string", "who rescored a share of the run", required=True),
    Column("when", "timestamp", "when that was", "UTC", required=True),
    Column("pairs", "int64", "(scene, listener) pairs that were rescored", "pairs"),
    Column("share", "float64", "their share of the run's pairs, 0 to 1"),
    Column("difference", "float64", "largest difference of a score, in its metric's unit"),
    Column("within", "float64", "difference up to which scores agree, in their metric's unit"),
    Column("agrees", "bool", "whether all scores agree", required=True),
    Column("code_hash", "string", "hash of bench's source at the verification"),
    Column("hardware", "string", "processor, cores, memory, accelerator; never a host's name"),
)

_PUBLISHED_ABOUT: Final = (
    Column("system", "string", "the system, as its publication names it", required=True),
    Column("suite", "string", "suite or data set that it was scored on", required=True),
    Column("split", "string", "split that it was scored on", required=True),
    Column(
        "protocol", "string", "reference protocol; empty if it is not one of bench's", required=True
    ),
    Column("source", "string", "who published it, and where", required=True),
    Column("url", "string", "address of the publication; empty where none is known"),
    Column("note", "string", "what a reader must know about the number; may be empty"),
    Column(
        "published", "bool", "always true: not measured by bench, and never ranked", required=True
    ),
)
PUBLISHED: Final = (
    *_PUBLISHED_ABOUT,
    Column("metric", "string", "metric, named as bench names it", required=True),
    Column("part", "string", "part of the metric, such as mean, left or vocals", required=True),
    Column("value", "float64", "the value as it was printed", required=True),
    Column("unit", "string", "unit of the value; empty where it has none"),
)
PUBLISHED_TRAINING: Final = (
    *_PUBLISHED_ABOUT,
    Column("epoch", "int64", "epoch, from 1", required=True),
    Column("name", "string", "named as in the table training", required=True),
    Column("value", "float64", "the value as it was printed", required=True),
)

TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "runs": RUNS,
    "scores": SCORES,
    "training": TRAINING,
    "verified": VERIFIED,
    "published": PUBLISHED,
    "published_training": PUBLISHED_TRAINING,
}


@cache
def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of one of TABLES, its version in its metadata."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    fields = [
        pa.field(
            column.name,
            types[column.type],
            nullable=not column.required,
            metadata={"description": column.description, "unit": column.unit},
        )
        for column in TABLES[table]
    ]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})
