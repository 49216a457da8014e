"""Restore the runs of a board: their specs and their trained systems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api import MetricSpec, SeparatorSpec
from bench.board.layout import BEST, checkpoint_folder
from bench.errors import BenchError, suggest
from bench.spec.identity import FILE_MARK
from bench.spec.resolve import make_run_spec
from bench.spec.run import RunSpec

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.plugins import Plugins
    from bench.spec.suite import Suite
    from bench.system.system import System


@dataclass(frozen=True)
class StoredRun:
    """A run of a board: `weights` is the checkpoint of its training, if it trained."""

    run_id: str
    label: str
    spec: RunSpec
    weights: Path | None

    def caution(self, plugins: Plugins) -> str:
        """The caution on music of a kind that the weights were not trained on.

        A separator that was trained on other music than its first weights knows that, too.
        """
        trainable = plugins.get(SeparatorSpec, self.spec.separator.name).spec.trainable
        learned = self.weights is not None and trainable
        known = learned and self.spec.music not in self.spec.trained_on
        return "" if known else self.spec.weights_caution

    def system(self, plugins: Plugins) -> System:
        """Its system, trained, ready to run.

        Raises:
            BenchError: weights are missing or damaged, or a plugin cannot be imported.
        """
        from bench.system.system import build_system
        from bench.system.weights import load_weights

        system = build_system(self.spec, plugins)
        if self.weights is not None:
            system.load_state(load_weights(self.weights))
        system.train(False)
        return system


def stored_run(
    board: Board,
    name: str,
    suite: Suite,
    plugins: Plugins,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> StoredRun:
    """A run that a board keeps.

    Args:
        board: the board.
        name: the run's id or label.
        suite: the suite that the run belongs to.
        plugins: the installed plugins.
        options: by section, as from :func:`bench.options.parse_options`. A board keeps neither
            where the data lie nor the paths of files that were given as options: they go here.

    Raises:
        BenchError: there is no such run, it cannot be reproduced with what is installed here, or
            its weights are not on the board.
    """
    row = row_of(board, name)
    label = str(row["label"] or name)
    spec = _spec(row, suite, plugins, options or {}, label)
    weights = None
    if spec.trains:
        weights = checkpoint_folder(board.path, str(row["run_id"])) / BEST
        if not weights.is_file():
            hint = f"Train it here: bench run --suite {suite.name} ..."
            raise BenchError("the weights of its training are missing", where=label, hint=hint)
    return StoredRun(str(row["run_id"]), label, spec, weights)


def row_of(board: Board, name: str) -> dict[str, Any]:
    """The row of a run by its id, or of the newest one of a label.

    Raises:
        BenchError: there is none; it names the closest.
    """
    frame = board.runs()
    found = frame[(frame.run_id == name) | (frame.label == name)]
    if found.empty:
        known = [*frame.label.dropna(), *frame.run_id]
        hint = suggest(name, known) if known else "It has no runs yet."
        raise BenchError(f"there is no run '{name}'", where=str(board.path), hint=hint)
    # Of runs with the same label the newest one.
    return board.run(str(found.run_id.iloc[-1])) or {}


def _spec(
    row: Mapping[str, Any],
    suite: Suite,
    plugins: Plugins,
    options: Mapping[str, Mapping[str, Any]],
    label: str,
) -> RunSpec:
    if row["suite"] != suite.name:
        hint = f"Give its suite: --suite {row['suite']}"
        raise BenchError(f"it belongs to the suite '{row['suite']}'", where=label, hint=hint)
    kept = json.loads(row["spec_json"])
    metrics = _metrics(kept, plugins)
    suite = suite.with_metrics(metrics)
    spec = make_run_spec(
        plugins,
        suite,
        separator=kept["separator"]["name"],
        gains=kept["gains"]["name"],
        prescription=kept["prescription"]["name"],
        loss=kept.get("loss", ""),
        protocol=kept["protocol"],
        split=kept["split"],
        seed=kept.get("seed", 0),
        limit=kept.get("limit", 0),
        options={**_options(kept, options, label), "metric": _metric_options(metrics, plugins)},
    )
    again = json.loads(json.dumps(spec.canonical()))
    # Metrics and training do not change what the system is: a suite may have got others since. Nor
    # does an option that a plugin has got since, as long as it is at its default.
    for part in ("separator", "gains", "prescription"):
        options = {**again[part]["options"], **kept[part]["options"]}
        if options != again[part]["options"]:
            what = f"it cannot be reproduced: its {part} has changed"
            raise BenchError(what, where=label, hint=f"It was {json.dumps(kept[part])}")
    return spec


def _metrics(kept: Mapping[str, Any], plugins: Plugins) -> dict[str, Mapping[str, Any]]:
    """The options of the metrics that a run was scored with, as far as they are installed here."""
    named = {one["name"]: one.get("options") or {} for one in kept.get("metrics", ())}
    return {name: own for name, own in named.items() if plugins.spec_of(MetricSpec, name)}


def _metric_options(metrics: Mapping[str, Mapping[str, Any]], plugins: Plugins) -> dict[str, Any]:
    """The same by ``metric.option``; those that a metric has no more, and files, are left out."""
    return {
        f"{name}.{key}": value
        for name, own in metrics.items()
        for key, value in own.items()
        if hasattr(plugins.get(MetricSpec, name).options({}), key)
        and not str(value).startswith(FILE_MARK)
    }


def _options(
    kept: Mapping[str, Any], given: Mapping[str, Mapping[str, Any]], label: str
) -> dict[str, dict[str, Any]]:
    """The options that a run was made with, with the given ones in their place."""
    options: dict[str, dict[str, Any]] = {"dataset": dict(given.get("dataset", {}))}
    for section in ("separator", "gains", "prescription"):
        own = kept[section]["options"]
        # Several runs of a board may be asked for at once: each takes the options that it has.
        new = {key: value for key, value in given.get(section, {}).items() if key in own}
        options[section] = {**own, **new}
        for key, value in options[section].items():
            if str(value).startswith(FILE_MARK):
                hint = f"Give its path: -o {section}.{key}=PATH"
                raise BenchError(f"{section}.{key} was given as a file", where=label, hint=hint)
    options["training"] = dict(kept.get("training", {}))
    options["loss"] = {
        f"{loss['name']}.{key}": value
        for loss in kept.get("losses", [])
        for key, value in loss["options"].items()
    }
    return options
