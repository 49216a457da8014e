"""Scores a rendering with every metric of a run, into rows of the scores table."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bench.api import EARS, STEMS, Metric, MetricSpec, Rendering, Scene
from bench.board.schema import GAINS_METRIC, PROFILE_METRIC, TIME_METRIC
from bench.errors import NoValueError
from bench.hearing.audiograms import pure_tone_average
from bench.plugins import Plugins
from bench.plugins.guard import guarded
from bench.runtime.causes import Cause, cause_of
from bench.runtime.memory import copy_of
from bench.spec.run import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clarity.utils.audiogram import Listener

Row = dict[str, Any]


class Stopwatch:
    """Wall-clock seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


class Scorer:
    """The metrics of a run, made once.

    Args:
        choices: the metrics.
        plugins: the installed plugins.
        strict: whether what a metric raises is raised again, in place of a failed row.
    """

    def __init__(
        self, choices: Sequence[Choice], plugins: Plugins, *, strict: bool = False
    ) -> None:
        self.strict = strict
        self.metrics: list[tuple[MetricSpec, Metric]] = []
        self._own: set[str] = set()
        for choice in choices:
            registered = plugins.get(MetricSpec, choice.name)
            self.metrics.append((registered.spec, registered.build(choice.options)))
            if registered.is_own:
                self._own.add(registered.spec.name)

    def score(self, rendering: Rendering, watch: Stopwatch) -> list[Row]:
        """Rows of one pair; a metric that fails gives a failed row and never stops the others.

        Args:
            rendering: the pair.
            watch: receives the seconds of each metric.
        """
        about = identity_of(rendering.scene, rendering.listener)
        gains = [_row(about, GAINS_METRIC, k, v) for k, v in _gains(rendering).items()]
        rows: list[Row] = []
        for spec, metric in self.metrics:
            rows += self._scored(about, spec, metric, rendering, watch)
        return rows + gains

    def _scored(
        self, about: Row, spec: MetricSpec, metric: Metric, rendering: Rendering, watch: Stopwatch
    ) -> list[Row]:
        """The rows of one metric; one that is not bench's own has copies of all signals."""
        # The arrays of a listener can be written to.
        own = replace(rendering, listener=copy.deepcopy(rendering.listener))
        signals: dict[str, Tensor] = {}
        if spec.name not in self._own:
            own = _copy(own)
            signals = signals_of(own)
        try:
            with watch.stage(spec.name), guarded(f"metric '{spec.name}'", **signals):
                values = metric.score(own)
                rows = [_row(about, spec.name, part, value) for part, value in values.items()]
                # Parts that its definition gives no value, such as the SDR of a silent stem.
                reasons: Mapping[str, str] = getattr(values, "reasons", {})
                return rows + [missing_row(about, spec, why, part) for part, why in reasons.items()]
        except NoValueError as none:
            return [missing_row(about, spec, cause_of(none).reason)]
        # A metric may come from a stranger: whatever it raises is that metric's failed row.
        except Exception as error:
            if self.strict:
                raise
            return [failed_row(about, spec, cause_of(error))]

    def failed(self, scene: Scene, listener: Listener, cause: Cause) -> list[Row]:
        """The rows of a pair that could not even be rendered."""
        about = identity_of(scene, listener)
        return [failed_row(about, spec, cause) for spec, _ in self.metrics]


def _copy(rendering: Rendering) -> Rendering:
    """A rendering that shares nothing that can be written to."""
    scene = copy.copy(rendering.scene)
    with contextlib.suppress(Exception):  # what a dataset made need not be copied
        object.__setattr__(scene, "audio", copy.copy(scene.audio))
    signals = {
        field.name: copy_of(value)
        for field in fields(rendering)
        if isinstance(value := getattr(rendering, field.name), Tensor)
    }
    return replace(rendering, scene=scene, **signals)  # type: ignore[arg-type]


def signals_of(rendering: Rendering) -> dict[str, Tensor]:
    """All signals of a rendering, by name."""
    values = ((f.name, getattr(rendering, f.name)) for f in fields(rendering))
    return {name.replace("_", " "): value for name, value in values if isinstance(value, Tensor)}


def seconds_rows(
    scene: Scene, listener: Listener, watch: Stopwatch, profile: bool = False
) -> list[Row]:
    """The rows of one pair's seconds; with `profile` those of each stage too."""
    about = identity_of(scene, listener)
    rows = [_row(about, TIME_METRIC, "total", sum(watch.seconds.values()))]
    if profile:
        rows += [_row(about, PROFILE_METRIC, part, value) for part, value in watch.seconds.items()]
    return rows


def _gains(rendering: Rendering) -> dict[str, float]:
    """The applied gains, dB, by stem, or by ear and stem."""
    if rendering.gains.ndim == 1:
        return dict(zip(STEMS, rendering.gains.tolist(), strict=True))
    return {
        f"{ear}-{stem}": value
        for ear, row in zip(EARS, rendering.gains.tolist(), strict=True)
        for stem, value in zip(STEMS, row, strict=True)
    }


def identity_of(scene: Scene, listener: Listener) -> Row:
    """The columns that say which pair a row is about."""
    return {
        "scene": scene.id,
        "song": scene.song,
        "genre": scene.genre,
        "listener": listener.id,
        "pta_left": pure_tone_average(listener.audiogram_left),
        "pta_right": pure_tone_average(listener.audiogram_right),
    }


def failed_row(about: Mapping[str, Any], spec: MetricSpec, cause: Cause) -> Row:
    """The row of a failed score: no value, the reason and the traceback."""
    row = _valueless(about, spec, "failed", cause.reason)
    return {**row, "traceback": cause.traceback or None}


def missing_row(about: Mapping[str, Any], spec: MetricSpec, reason: str, part: str = "") -> Row:
    """The row of a score that is undefined by its metric: no value, the reason, no failure."""
    return _valueless(about, spec, "missing", reason, part)


def _valueless(
    about: Mapping[str, Any], spec: MetricSpec, status: str, reason: str, part: str = ""
) -> Row:
    return {
        **about,
        "metric": spec.name,
        "part": part or spec.parts[0],
        "value": None,
        "status": status,
        "reason": reason,
    }


def _row(about: Mapping[str, Any], metric: str, part: str, value: float) -> Row:
    if not math.isfinite(value):
        raise ValueError(f"{metric} returned {value} for '{part}'")
    return {
        **about,
        "metric": metric,
        "part": part,
        "value": float(value),
        "status": "ok",
        "reason": "",
    }


def score_output(
    scorer: Scorer,
    reference: Rendering,
    output: Tensor,
    rate: int,
    watch: Stopwatch,
) -> list[Row]:
    """The rows of submitted audio, scored against a reference.

    Args:
        scorer: metrics that do not read stems.
        reference: a rendering of the clean stems; its own output is replaced.
        output: ``(2, M)``, float64.
        rate: of `output`, Hz.
        watch: receives the seconds of each metric.
    """

    unknown = torch.full((len(STEMS), 2, 1), torch.nan)
    pair = replace(
        reference,
        output=output,
        output_rate=rate,
        stems=unknown,
        remix=unknown[0].double(),
        amplified=None,
    )
    rows = scorer.score(pair, watch)
    # The gains that were applied are the entrant's secret.
    return [row for row in rows if row["metric"] != GAINS_METRIC]
