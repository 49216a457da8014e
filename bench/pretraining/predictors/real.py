"""True HAAQI labels on music in the Cadenza layout, for testing only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.api import Scene
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.data.generate.at_mic import match_loudness
from bench.hearing.audiograms import audiogram_tensor
from bench.pretraining.predictors.degradations import Material, degrade, draw_degradation
from bench.pretraining.predictors.labels import Ear, Shard, label_ear
from bench.runtime.seeds import derive

Array = NDArray[np.float64]

_DRAWN: Final = 4
"""Degradations a scene besides clean stems and the mixture, half of them of unseen kinds."""


def real_shards(root: Path) -> Iterator[Shard]:
    """Labels of both ears of every (scene, listener) pair of every split, a shard an ear.

    The remixes are those of clean stems, of the mixture and of four drawn degradations, amplified
    by NAL-R at 65 dB SPL as the official protocol has it.

    Args:
        root: of the dataset.

    Raises:
        BenchError: the dataset does not exist or is damaged.
    """
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    for split in dataset.splits:
        listeners = dataset.listeners(split)
        for scene in dataset.scenes(split):
            own, remixes, kinds = _remixes(scene)
            for name in scene.listeners:
                audiograms = audiogram_tensor(listeners[name]).double().numpy()
                for index in (0, 1):
                    if np.any(own[index]):
                        yield label_ear(own, remixes, kinds, Ear(index, audiograms[index]), 0)


def _remixes(scene: Scene) -> tuple[Array, list[Array], list[str]]:
    rng = np.random.default_rng(derive(0, "proxy real", scene.id))
    mixture = scene.mixture().double().numpy()
    stems = scene.stems().double().numpy()
    gains = 10 ** (np.array(scene.gains) / 20)
    material = Material(stems, mixture, gains, scene.sample_rate)
    kinds = ["clean", "mixture"]
    kinds += [draw_degradation(rng, unseen=index % 2 == 1) for index in range(_DRAWN)]

    def matched(remix: Array) -> Array:
        result: Array = match_loudness(remix.T, mixture.T, scene.sample_rate).T
        return result

    remixes = [
        matched(mixture) if k == "mixture" else matched(degrade(k, material, rng)) for k in kinds
    ]
    return matched(material.remix(stems)), remixes, kinds
