"""Scenes as the ICASSP 2024 Cadenza challenge draws them: gains, head positions, listeners.

The draws are those of pyclarity's ``recipes.cad_icassp_2024.generate_dataset``, record for record,
with generators of their own instead of numpy's global one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from bench.api import STEMS

GAIN_STEPS = (-10, -6, -3, 3, 6, 10)
"""dB; what a listener may ask for, beside no change."""
LISTENER_SEED = "icassp2024"


def gains_table() -> dict[str, dict[str, int]]:
    """The 1,105 requested gains of the challenge by id, dB per stem.

    No change first, then one, two and three changed stems in every combination.
    """
    none = dict.fromkeys(STEMS, 0)
    rows = [none]
    for count in (1, 2, 3):
        for stems in combinations(STEMS, count):
            for steps in product(GAIN_STEPS, repeat=count):
                rows.append(none | dict(zip(stems, steps, strict=True)))
    return {f"gain_{number:04d}": row for number, row in enumerate(rows, start=1)}


def _legacy_generator(name: str) -> np.random.RandomState:
    """The recipe's seed: the MD5 of a name, modulo 10^8, for numpy's legacy generator."""
    digest = hashlib.md5(name.encode("utf-8"), usedforsecurity=False).hexdigest()
    return np.random.RandomState(int(digest, 16) % 10**8)


def draw_scenes(
    songs: Sequence[str],
    gains: Sequence[str],
    head_positions: Sequence[str],
    scenes_per_song: int,
    first_id: int = 10_001,
) -> dict[str, dict[str, str]]:
    """Draw gains and a head position for every scene, without replacement within a song.

    Args:
        songs: track names; each seeds its own scenes.
        gains: ids of requested gains.
        head_positions: ids, at least `scenes_per_song`.
        scenes_per_song: how many.
        first_id: number of the first scene.

    Returns:
        The contents of ``scenes.<split>.json``.
    """
    scenes: dict[str, dict[str, str]] = {}
    for song in songs:
        rng = _legacy_generator(song)
        gains_left, positions_left = list(gains), list(head_positions)
        for _ in range(scenes_per_song):
            gain = str(rng.choice(gains_left, 1, replace=False)[0])
            position = str(rng.choice(positions_left, 1, replace=False)[0])
            gains_left.remove(gain)
            positions_left.remove(position)
            scenes[f"scene_{first_id + len(scenes):04d}"] = {
                "music": song,
                "gain": gain,
                "head_loudspeaker_positions": position,
            }
    return scenes


def draw_listeners(
    scenes: Sequence[str], listeners: Sequence[str], listeners_per_scene: int
) -> dict[str, list[str]]:
    """Draw the listeners of every scene: the contents of ``scene_listeners.<split>.json``."""
    rng = _legacy_generator(LISTENER_SEED)
    if len(listeners) <= listeners_per_scene:
        return {scene: list(listeners) for scene in scenes}
    return {
        scene: [str(x) for x in rng.choice(list(listeners), listeners_per_scene, replace=False)]
        for scene in scenes
    }
