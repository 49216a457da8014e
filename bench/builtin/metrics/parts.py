"""Values by part, with the reasons of those that have none."""

from __future__ import annotations

from collections.abc import Mapping


class PartScores(dict[str, float]):
    """Values by part, and why parts have none: `reasons`, by part.

    Example:
        >>> scores = PartScores({"mean": 7.0}, {"bass": "the stem is silent"})
        >>> dict(scores), scores.reasons
        ({'mean': 7.0}, {'bass': 'the stem is silent'})
    """

    def __init__(self, values: Mapping[str, float], reasons: Mapping[str, str]) -> None:
        super().__init__(values)
        self.reasons = dict(reasons)
