"""Runs that differ in nothing but their seed, as one system."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_SEED_IN_LABEL = re.compile(r"(, )?\bseed \d+(?=[,)])")


def without_seed(run: Mapping[str, Any]) -> str:
    """What runs that differ in their seed alone have in common; the run's id where it has no seed.

    Only a run that trains has a seed that counts.
    """
    try:
        spec = json.loads(run["spec_json"] or "{}")
    except json.JSONDecodeError:
        return str(run["run_id"])
    if not isinstance(spec, dict) or "seed" not in spec:
        return str(run["run_id"])
    del spec["seed"]
    return json.dumps(spec, sort_keys=True)


def common_label(runs: Sequence[Mapping[str, Any]]) -> str:
    """The label of runs that differ in their seed, without it.

    Example:
        >>> common_label([{"label": "a + b (mse, seed 1)"}, {"label": "a + b (mse, seed 2)"}])
        'a + b (mse)'
        >>> common_label([{"label": "a + b (seed 1)"}, {"label": "a + b"}])
        'a + b'
    """
    found = {_SEED_IN_LABEL.sub("", str(run["label"])) for run in runs}
    cleaned = {label.replace("(, ", "(").replace(" ()", "") for label in found}
    return min(cleaned, key=lambda label: (len(label), label))
