"""What every command checks of its arguments, whoever calls it: the command line or Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from bench.options import Rule, convert
from bench.runtime.progress import Progress, reporting
from bench.spec.choices import check_choices

P = ParamSpec("P")
R = TypeVar("R")

RULES: Final[Mapping[str, Rule]] = {
    "workers": Rule(least=0, most=4096),
    "time_limit": Rule(least=0, most=1e9),
    "songs": Rule(least=1, most=1e6),
    "valid_songs": Rule(least=1, most=1e6),
    "scenes": Rule(least=1, most=1e6),
    "listeners": Rule(least=1, most=1e6),
    "epochs": Rule(least=1, most=1e6),
    "seconds": Rule(least=1, most=3600),
    "seed": Rule(least=-(2**63), most=2**63 - 1),
    "sample_rate": Rule(least=8000, most=192_000),
    "detect": Rule(),
    "share": Rule(),
}
"""The bounds of numbers, by the names that they have in all commands."""
_TYPES: Final = {"int": int, "float": float, "int | None": int, "float | None": float}


def checked(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose numbers and choices are checked before it begins.

    Numbers are finite, within RULES and of their type, or the text of such a number. Listeners have
    audiograms that an audiometer can measure. What is in ``**choices`` is checked by
    :func:`bench.spec.choices.check_choices`. What shows its progress is told of deeper work, too.
    """
    signature = inspect.signature(command)
    types = {name: str(one.annotation) for name, one in signature.parameters.items()}
    numbers = {name: _TYPES[kind] for name, kind in types.items() if kind in _TYPES}
    listeners = [name for name, kind in types.items() if kind == "Listener"]

    @wraps(command)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, kind in numbers.items():
            value = bound.arguments.get(name)
            if value is not None:
                number = convert(value, kind, where=name)
                bound.arguments[name] = RULES[name].checked(number, where=name)
        if listeners:
            from bench.hearing.audiograms import check_listener

            for name in listeners:
                check_listener(bound.arguments[name], where=name)
        choices: Mapping[str, Any] | None = bound.arguments.get("choices")
        if choices is not None:
            bound.arguments["choices"] = dict(check_choices(choices))
        progress: Progress | None = bound.arguments.get("progress")
        # What is too deep to be told, as the reading of large files, shows there, too.
        with reporting(progress) if progress is not None else nullcontext():
            return command(*bound.args, **bound.kwargs)

    return call
