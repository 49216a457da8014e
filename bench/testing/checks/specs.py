"""Checks of what a plugin says of itself, and of how it is imported and made."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
import typing
from functools import lru_cache
from typing import Final

from bench import api
from bench.api import LossSpec, MetricSpec, SeparatorSpec
from bench.plugins import KINDS, OBSERVER, Observer
from bench.spec.loss import PLACES
from bench.testing.check import check
from bench.testing.subject import Skip, Subject

HEAVY: Final = ("torch", "torchaudio", "pandas", "matplotlib", "scipy", "numba", "pyarrow")
"""What a light module must not import, nor anything that it imports."""
_PROTOCOLS: Final = {
    "separator": api.Separator,
    "gains": api.GainStrategy,
    "prescription": api.Prescription,
    "loss": api.Loss,
    "metric": api.Metric,
    "dataset": api.Dataset,
    "front-end": api.Predictor,
}
_TYPES: Final = (str, int, float, bool)


@check(
    "spec",
    tuple(KINDS),
    expects="a spec with a one-line summary and values that the harness knows",
    fix="correct the spec that the register_... hook returns",
)
def _spec(subject: Subject) -> str | None:
    spec = subject.registered.spec
    if not spec.summary.strip() or "\n" in spec.summary:
        return f"the summary {spec.summary!r}"
    if isinstance(spec, LossSpec) and spec.default_place not in PLACES:
        return f"default_place={spec.default_place!r}, which is not one of {', '.join(PLACES)}"
    if isinstance(spec, MetricSpec) and len(set(spec.parts)) < max(1, len(spec.parts)):
        return f"parts={spec.parts!r}"
    told = spec.trained_on or hasattr(subject.options, "weights_trained_on")
    if isinstance(spec, SeparatorSpec) and "weights" in spec.needs and not told:
        return "weights, and nothing about what they were trained on (trained_on)"
    return None


@check(
    "options",
    tuple(KINDS),
    expects="options=None, or a frozen dataclass whose fields are str, int, float or bool, each "
    "with a default and a help text",
    fix="write each field as NAME: TYPE = bench.api.option(DEFAULT, 'what it does', unit='dB')",
)
def _options(subject: Subject) -> str | None:
    cls = subject.registered.spec.options
    if cls is None:
        return None
    if not dataclasses.is_dataclass(cls):
        return f"{cls!r}, which is not a dataclass"
    if not cls.__dataclass_params__.frozen:  # type: ignore[union-attr]
        return f"the dataclass {cls} is not frozen"
    types = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if types[field.name] not in _TYPES:
            return f"'{field.name}' is of type {types[field.name]!r}"
        if not field.metadata.get("help"):
            return f"'{field.name}' has no help text"
        if field.default is dataclasses.MISSING:
            return f"'{field.name}' has no default"
        if type(field.default) is not types[field.name]:
            return f"'{field.name}' is {types[field.name].__name__}, its default {field.default!r}"
    return None


@check(
    "import-light",
    (*KINDS, OBSERVER),
    expects="an entry point whose module imports none of " + ", ".join(HEAVY),
    fix="keep only the hooks and options in that module; import the rest in the target's module, "
    "or inside functions",
)
def _import_light(subject: Subject) -> str | None:
    module = subject.plugin.module
    if not module:
        raise Skip("the module of its entry point is not known")
    return heavy_imports(f"import {module}")


@lru_cache(maxsize=64)
def heavy_imports(code: str) -> str | None:
    """The packages of HEAVY that `code` imports in a fresh interpreter, or how it fails."""
    tell = f"import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return f"'{code}' failed in a fresh interpreter: {last[0]}"
    found = (done.stdout.strip().splitlines() or [""])[-1]
    return f"'{code}' imports {', '.join(found.split())}" if found else None


@check(
    "pickle",
    tuple(KINDS),
    expects="options that survive pickling unchanged and can be stored in a run's record",
    fix="define the options class at the top of a module, of plain str, int, float and bool",
)
def _pickle(subject: Subject) -> str | None:
    if subject.options is None:
        raise Skip("it has no options")
    json.dumps(dataclasses.asdict(subject.options))
    back = pickle.loads(pickle.dumps(subject.options))
    return None if back == subject.options else f"{back!r} instead of {subject.options!r}"


@check(
    "made",
    tuple(KINDS),
    expects="an instance with the methods of its kind, constructed from the options",
    fix="give options that it cannot do without (bench plugins check -o NAME=VALUE, or options= "
    "in Python), say in the spec's `needs` what must be installed or downloaded first, and see "
    "bench.api for the methods",
)
def _made(subject: Subject) -> str | None:
    made = subject.make()
    if isinstance(made, _PROTOCOLS[subject.kind]):
        return None
    return f"{type(made).__name__} is not a {_PROTOCOLS[subject.kind].__name__}"


@check(
    "hooks",
    (OBSERVER,),
    expects="at least one of the observer hooks",
    fix="mark a function such as scene_scored with @bench.api.hookimpl",
)
def _hooks(subject: Subject) -> str | None:
    assert isinstance(subject.plugin, Observer)
    return None if subject.plugin.hooks else "none"


CHECKS: Final = (
    _spec,
    _options,
    _import_light,
    _pickle,
    _made,
    _hooks,
)
