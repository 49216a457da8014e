"""The separator that does nothing."""

from __future__ import annotations

from bench.separation.unseparated import Unseparated


class Mixture(Unseparated):
    """Each stem is a quarter of the mixture, so that their sum is the mixture."""
