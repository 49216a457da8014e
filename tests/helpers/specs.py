"""Specifications of runs."""

from __future__ import annotations

from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite


def make(**changes: object) -> RunSpec:
    choices: dict[str, object] = {"separator": "hdemucs-ft", "gains": "cnn", **changes}
    return make_run_spec(installed(), load_suite("demo"), **choices)  # type: ignore[arg-type]
