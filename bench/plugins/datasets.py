"""Datasets of other packages: what they give is checked where it comes in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.api import MOST_GAIN, STEMS, Scene
from bench.errors import BenchError
from bench.plugins.guard import Guarded
from bench.runtime.files import fault_of

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


class GuardedDataset(Guarded):
    """A dataset of a plugin, whose calls are guarded, and whose scenes and listeners are checked.

    Args:
        thing: the dataset.
        who: the plugin.
    """

    def scenes(self, split: str) -> Sequence[Scene]:
        """The scenes of a split.

        Raises:
            BenchError: an id is there twice or cannot be part of a file's name, gains are not four
                numbers up to 40 dB up or down, or a listener is not of the split.
        """
        found: Sequence[Scene] = self._ask("scenes", split)
        known = self._ask("listeners", split)
        seen: set[str] = set()
        for scene in found:
            fault = fault_of_scene(scene, known)
            if not fault and scene.id in seen:
                fault = f"two scenes have the id '{scene.id}'"
            if fault:
                raise BenchError(fault, where=f"{self._who}, split {split}")
            seen.add(scene.id)
        return found

    def listeners(self, split: str) -> Mapping[str, Listener]:
        """The listeners of a split by id.

        Raises:
            BenchError: one has no audiograms, or a frequency or level out of range.
        """
        from bench.hearing.audiograms import check_listener

        found: Mapping[str, Listener] = self._ask("listeners", split)
        for name, listener in found.items():
            if fault := fault_of(name):
                what = f"{ascii(name)[:80]} is not a valid id: {fault}"
                raise BenchError(what, where=f"{self._who}, split {split}")
            check_listener(listener, where=f"{self._who}, split {split}, listener {name}")
        return found

    def _ask(self, method: str, split: str) -> Any:
        return self.__getattr__(method)(split)


def fault_of_scene(scene: Scene, listeners: Mapping[str, Listener]) -> str:
    """What is wrong with a scene of a split with these listeners; empty where nothing is."""
    if fault := fault_of(scene.id):
        return f"{ascii(scene.id)[:80]} is not a valid id: {fault}"
    gains = scene.gains
    if len(gains) != len(STEMS) or not all(
        math.isfinite(gain) and abs(gain) <= MOST_GAIN for gain in gains
    ):
        wanted = f"four numbers in dB, at most {MOST_GAIN:g} up or down"
        return f"the gains of scene '{scene.id}' are {gains}, not {wanted}"
    lost = [name for name in scene.listeners if name not in listeners]
    return f"scene '{scene.id}' has the unknown listener '{lost[0]}'" if lost else ""
