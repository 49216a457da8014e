"""Gains and draws against the challenge's published records and pyclarity's recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from recipes.cad_icassp_2024.generate_dataset import generate_train_scenes as official

from bench.data.generate.draws import draw_listeners, draw_scenes, gains_table


def test_gains_of_the_challenge() -> None:
    """1,105 entries; gain_0138 is a record that the challenge's site shows."""
    gains = gains_table()
    assert len(gains) == 1105
    assert len({tuple(row.values()) for row in gains.values()}) == 1105
    assert gains["gain_0001"] == {"vocals": 0, "drums": 0, "bass": 0, "other": 0}
    assert gains["gain_0138"] == {"vocals": 0, "drums": -10, "bass": 6, "other": 0}
    assert all(min(map(abs, row.values())) == 0 for row in gains.values())


def test_gains_of_the_challenge_whole(real_data: Path) -> None:
    path = real_data / "cadenza_real" / "metadata" / "gains.json"
    assert gains_table() == json.loads(path.read_text())
    assert list(gains_table()) == list(json.loads(path.read_text()))


def test_first_scene_of_the_challenge() -> None:
    """The published scene_10001, drawn from 1,105 gains and 144 head positions."""
    heads = [f"hlp_{k:04d}" for k in range(1, 145)]
    track = "A Classic Education - NightOwl"
    scenes = draw_scenes([track], list(gains_table()), heads, 4)
    assert list(scenes) == ["scene_10001", "scene_10002", "scene_10003", "scene_10004"]
    assert scenes["scene_10001"] == {
        "music": track,
        "gain": "gain_0639",
        "head_loudspeaker_positions": "hlp_0056",
    }


def test_first_listeners_of_the_challenge(real_data: Path) -> None:
    """The published listeners of scene_10001, drawn from the 83 of the training set."""
    path = real_data / "cadenza_real" / "metadata" / "listeners.train.json"
    drawn = draw_listeners(["scene_10001"], sorted(json.loads(path.read_text())), 2)
    assert drawn == {"scene_10001": ["L0066", "L0057"]}


def test_draws_are_those_of_the_recipe(tmp_path: Path) -> None:
    tracks = ["Ärger - Über", "A - B", "Another Track"]
    heads = [f"hlp_{k:04d}" for k in range(1, 10)]
    listeners = [f"L{k:04d}" for k in range(1, 8)]
    metadata = {
        "gains": gains_table(),
        "heads": dict.fromkeys(heads),
        "musdb18.train": [{"Track Name": track} for track in tracks],
        "listeners.train": dict.fromkeys(listeners),
    }
    for name, content in metadata.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    config = OmegaConf.create(
        {
            "path": {
                "metadata_dir": str(tmp_path),
                "gains_file": str(tmp_path / "gains.json"),
                "head_loudspeaker_positions_file": str(tmp_path / "heads.json"),
            },
            "scene": {"number_scenes_per_song": 4},
            "scene_listener": {"number_listeners_per_scene": 2},
        }
    )
    before = np.random.get_state()  # noqa: NPY002 - the recipe draws from numpy's global generator
    try:
        official.generate_scenes(config)
        official.generate_scene_listener(config)
    finally:
        np.random.set_state(before)  # noqa: NPY002
    scenes = draw_scenes(tracks, list(gains_table()), heads, 4)
    assert scenes == json.loads((tmp_path / "scenes.train.json").read_text())
    drawn = draw_listeners(list(scenes), listeners, 2)
    assert drawn == json.loads((tmp_path / "scene_listeners.train.json").read_text())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_listeners_are_all_taken(count: int) -> None:
    listeners = ["a", "b", "c"][:count]
    assert draw_listeners(["s"], listeners, 3) == {"s": listeners}


def test_draws_leave_numpys_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    draw_listeners(["s"], ["a", "b", "c"], 2)
    draw_scenes(["t"], list(gains_table()), ["h1", "h2"], 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
