"""A dataset that is right in all but one thing: its module imports scipy at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import scipy  # noqa: F401

from bench.api import Scene


class Empty:
    splits = ("train",)

    def scenes(self, split: str) -> Sequence[Scene]:
        return []

    def listeners(self, split: str) -> Mapping[str, object]:
        return {}

    def fingerprint(self, split: str) -> str:
        return "fingerprint"
