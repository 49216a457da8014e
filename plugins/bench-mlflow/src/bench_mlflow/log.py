"""One run of bench as a run of MLflow."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

# Before MLflow reads them: it sends nothing of its own to anybody, and a server that does not
# answer holds a training up for seconds, not for an hour. Who sets them has the last word.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from bench.api import RunInfo

RUN_ID: Final = "bench.run_id"
"""The tag by which a run that goes on is found again."""
_NO_SCORES: Final = ("time", "seconds", "gains")
_WHOLES: Final = ("loss", "grad_norm", "seconds")
"""Names of the training log that others begin with."""
_LONGEST_NAME: Final = 250
_LONGEST_VALUE: Final = 500
_MOST_PARAMS: Final = 100
"""MLflow's limits for a name and for one call, and the strictest one there was for a value."""


class RunLog:
    """Logs one run; one begun by an earlier process is continued.

    Args:
        uri: of the tracking server or folder.
        experiment: its name; made where it is not there.
        run_id: bench's, which becomes a tag.
    """

    def __init__(self, uri: str, experiment: str, run_id: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)
        place = _experiment(self._client, experiment)
        found = self._client.search_runs([place], f"tags.`{RUN_ID}` = '{run_id}'", max_results=1)
        if found:
            self.id = str(found[0].info.run_id)
            self._client.update_run(self.id, status="RUNNING")
        else:
            made = self._client.create_run(place, run_name=run_id, tags={RUN_ID: run_id})
            self.id = str(made.info.run_id)
        self._described = False
        self._values: dict[str, list[float]] = {}
        self._last = 0

    def describe(self, spec: RunInfo) -> None:
        """Log the run's label as its name and its settings as parameters, once."""
        if self._described:
            return
        self._described = True
        self._client.update_run(self.id, name=spec.label)
        known = (
            *("suite", "split", "protocol", "separator", "gains", "prescription"),
            *("loss", "epochs", "seed"),
        )
        values = {name: str(getattr(spec, name)) for name in known}
        for name, value in _flat(spec.settings):
            values.setdefault(name, str(value))
        params = [Param(_signs(k), v[:_LONGEST_VALUE]) for k, v in values.items() if v]
        for at in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self.id, params=params[at : at + _MOST_PARAMS])

    def epoch(self, epoch: int, row: Mapping[str, Any]) -> None:
        """Log each number of an epoch."""
        self._last = max(self._last, epoch)
        self._write({k: v for k, v in row.items() if k != "epoch"}, epoch)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the scores of a scene; what failed is left out."""
        for row in rows:
            if row["value"] is not None and row["metric"] not in _NO_SCORES:
                name = f"scores/{row['metric']}/{row['part']}"
                self._values.setdefault(name, []).append(float(row["value"]))

    def close(self, status: str) -> None:
        """Log the means of the scores at the last epoch, and end the run."""
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        self._write(means, self._last)
        self._client.set_tag(self.id, "bench.status", status)
        self._client.set_terminated(self.id, "FAILED" if status == "failed" else "FINISHED")

    def _write(self, values: Mapping[str, Any], step: int) -> None:
        now = int(1000 * time.time())
        metrics = [
            Metric(_name(name), float(value), now, step)
            for name, value in values.items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        if metrics:
            self._client.log_batch(self.id, metrics=metrics)


def _experiment(client: MlflowClient, name: str) -> str:
    """The id of an experiment, which somebody else may make in the same moment."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings within settings as ``training.epochs``."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _signs(name: str) -> str:
    """A name with no signs but those that MLflow takes."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:_LONGEST_NAME]


def _name(name: str) -> str:
    """The name of a metric, such as MLflow takes.

    Its folders hold a name as a file and what is below it as a folder, so no name may be the
    beginning of another: ``loss``, beside ``loss/mse``, becomes ``loss/total``, and a slash in the
    name of a song or a part, the last of three or four, another sign.
    """
    if name in _WHOLES:
        return f"{name}/total"
    parts = _signs(name).split("/", 3 if name.startswith("song/") else 2)
    parts[-1] = parts[-1].replace("/", "_")
    return "/".join(part if part.strip(".") else "_" for part in parts)[:_LONGEST_NAME]
