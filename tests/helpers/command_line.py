"""The command line in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.cli import main

Bench = Callable[..., int]


def run_bench(*arguments: object) -> int:
    """Run ``bench ARGUMENTS``; returns the exit code."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)
