"""The event file of one run."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from bench.api import RunInfo

_STRING = 7
"""TensorFlow's number for the type of texts."""
_NO_SCORES = ("time", "seconds", "gains")


class RunLog:
    """Writes one run's events into a folder of its own, below `folder`.

    Args:
        folder: of all runs.
        run_id: of the run, which names its folder.
    """

    def __init__(self, folder: str, run_id: str) -> None:
        self.path = Path(folder) / run_id
        self._writer = EventFileWriter(str(self.path))
        self._described = False
        self._values: dict[str, list[float]] = {}
        self._last = 0

    def describe(self, spec: RunInfo) -> None:
        """Write the run's label and settings, once."""
        if self._described:
            return
        self._described = True
        text = json.dumps({"label": spec.label, **spec.settings}, indent=2)
        tensor = TensorProto(dtype=_STRING, string_val=[f"```\n{text}\n```".encode()])
        tensor.tensor_shape.CopyFrom(TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        value = Summary.Value(
            tag="settings", metadata=SummaryMetadata(plugin_data=plugin), tensor=tensor
        )
        self._write(value, 0)

    def epoch(self, epoch: int, row: Mapping[str, Any]) -> None:
        """Write each number of an epoch."""
        self._last = max(self._last, epoch)
        for name, value in row.items():
            if name != "epoch" and isinstance(value, int | float) and math.isfinite(value):
                self._write(Summary.Value(tag=name, simple_value=value), epoch)
        self._writer.flush()

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the scores of a scene; what failed is left out."""
        for row in rows:
            if row["value"] is not None and row["metric"] not in _NO_SCORES:
                name = f"scores/{row['metric']}/{row['part']}"
                self._values.setdefault(name, []).append(float(row["value"]))

    def close(self) -> None:
        """Write the means of the scores at the last epoch, and end the file."""
        for name, values in self._values.items():
            mean = sum(values) / len(values)
            self._write(Summary.Value(tag=name, simple_value=mean), self._last)
        self._writer.close()

    def _write(self, value: Summary.Value, step: int) -> None:
        summary = Summary(value=[value])
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
