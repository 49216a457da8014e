"""All conformance checks, in the order in which what they find is best fixed."""

from __future__ import annotations

from typing import Final

from bench.errors import BenchError, suggest
from bench.testing.check import Check
from bench.testing.checks import calls, data, learning, specs
from bench.testing.subject import KINDS

CHECKS: Final = (*specs.CHECKS, *calls.CHECKS, *learning.CHECKS, *data.CHECKS)


def checks_for(kind: str) -> list[Check]:
    """The checks of a kind of plugin, in the order in which what they find is best fixed.

    Raises:
        BenchError: there is no such kind.
    """
    if kind not in KINDS:
        raise BenchError(f"there is no kind of plugin '{kind}'", hint=suggest(kind, KINDS))
    return [check for check in CHECKS if kind in check.kinds]
