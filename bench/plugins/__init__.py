"""Plugins: what is installed, and how each is found, checked and looked up.

:func:`installed` gives the :class:`Plugins` of this environment, loaded once a process.
"""

from __future__ import annotations

from bench.plugins.catalogue import Plugins
from bench.plugins.kinds import KINDS, OBSERVER, Kind
from bench.plugins.loader import installed, load
from bench.plugins.local import LocalPlugin, with_local
from bench.plugins.registered import Conflict, Failure, Observer, Registered

__all__ = [
    "KINDS",
    "OBSERVER",
    "Conflict",
    "Failure",
    "Kind",
    "LocalPlugin",
    "Observer",
    "Plugins",
    "Registered",
    "installed",
    "load",
    "with_local",
]
