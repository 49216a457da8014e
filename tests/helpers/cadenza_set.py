"""Writes tiny datasets in the Cadenza layout for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

STEMS = ("vocals", "drums", "bass", "other")
CFS = [250, 500, 1000, 2000, 3000, 4000, 6000, 8000]
FRAMES = 1000


def listener(name: str, left: list[float] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "audiogram_cfs": CFS,
        "audiogram_levels_l": left or [10, 20, 30, 40, 50, 60, 70, 80],
        "audiogram_levels_r": [15, 25, 35, 45, 55, 65, 75, 85],
    }


def metadata() -> dict[str, Any]:
    """Two songs, three scenes, three listeners; file name -> content."""
    return {
        "gains.json": {
            "gain_1": {"vocals": 0, "drums": -10, "bass": 6, "other": 3},
            "gain_2": {"vocals": -3.5, "drums": 0, "bass": 0, "other": 0},
        },
        "head_loudspeaker_positions.json": {
            "hlp_1": {"subject": "X", "left_angle": -30.0, "right_angle": 30.0, "mic": "BTE_fr"}
        },
        "scenes.valid.json": {
            "scene_2": {"music": "Song A", "gain": "gain_1", "head_loudspeaker_positions": "hlp_1"},
            "scene_1": {"music": "Song A", "gain": "gain_2", "head_loudspeaker_positions": "hlp_1"},
            "scene_3": {"music": "Song B", "gain": "gain_2", "head_loudspeaker_positions": "hlp_1"},
        },
        "scene_listeners.valid.json": {
            "scene_1": ["L1", "L2"],
            "scene_2": ["L3"],
            "scene_3": ["L2"],
        },
        "listeners.valid.json": {name: listener(name) for name in ("L1", "L2", "L3")},
        "at_mic_music.valid.json": {
            f"{song}-hlp_1": {
                "Track Name": f"{song}-hlp_1",
                "Split": "valid",
                "Path": f"valid/{song}-hlp_1",
                "Original Track Name": song,
                "Head Position": "hlp_1",
            }
            for song in ("Song A", "Song B")
        },
        "musdb18.valid.json": [{"Track Name": "Song A", "Genre": "Rock", "Split": "valid"}],
    }


def signal(seed: int, frames: int = FRAMES) -> np.ndarray:
    """Reproducible samples ``(frames, 2)`` that 16 bits hold exactly."""
    rng = np.random.default_rng(seed)
    return rng.integers(-(2**14), 2**14, (frames, 2)) / 2**15


def write_set(root: Path, files: dict[str, Any] | None = None) -> Path:
    """Write the metadata (a text as it is, None not at all) and the audio."""
    folder = root / "metadata"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files or metadata()).items():
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content, indent=1)
            (folder / name).write_text(text, encoding="utf-8")
    for number, song in enumerate(("Song A", "Song B")):
        sample = root / "audio" / "at_mic_music" / "valid" / f"{song}-hlp_1"
        sample.mkdir(parents=True, exist_ok=True)
        for offset, part in enumerate(("mixture", *STEMS)):
            samples = signal(10 * number + offset)
            sf.write(sample / f"{part}.wav", samples, 44_100, subtype="PCM_16")
    return root
