"""Pytest fixtures for a plugin's own tests.

In ``conftest.py``::

    pytest_plugins = ["bench.testing.fixtures"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener
    from torch import Tensor

    from bench.api import GainQuery, Rendering
    from bench.testing.material import Case


@pytest.fixture
def case() -> Case:
    """1.5 s of two items with all that any kind of plugin is called with; see its methods."""
    from bench.testing.material import Case

    return Case.make()


@pytest.fixture
def stems(case: Case) -> Tensor:
    """Clean stems, float32 ``(2, 4, 2, N)``."""
    return case.stems


@pytest.fixture
def mixture(case: Case) -> Tensor:
    """Their sums, float32 ``(2, 2, N)``."""
    return case.mixture


@pytest.fixture
def listeners(case: Case) -> tuple[Listener, ...]:
    """A listener for each of the two items."""
    return case.listeners


@pytest.fixture
def gain_query(case: Case) -> GainQuery:
    """The input of a gain strategy."""
    return case.query()


@pytest.fixture
def rendering(case: Case) -> Rendering:
    """The input of a metric: the first item, with some noise in each stem."""
    return case.rendering()
