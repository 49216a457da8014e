"""The demo dataset: layout, bit-identity, and agreement with the official generator."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clarity.utils.file_io import read_signal
from recipes.cad_icassp_2024.generate_dataset import generate_at_mic_musdb18 as official

from bench.api import STEMS
from bench.data.generate import DEMO_VERSION, demo, demo_root
from bench.data.generate.demo import ensure_demo, write_demo
from bench.errors import BenchError
from bench.runtime.progress import Step

pytestmark = pytest.mark.usefixtures("quick_workers")

PARTS = ("mixture", *STEMS)
SMALL = {"songs_train": 2, "songs_valid": 1, "seconds": 2.5}


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def _metadata(root: Path, name: str) -> dict:
    return json.loads((root / "metadata" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "set"
    write_demo(root, **SMALL)
    return root


class Told:
    """Remembers what it is told of progress."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[tuple[str, int]] = []

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Step]:
        self.stages.append((title, total))
        yield lambda note, done: self.steps.append((note, done))


def test_bit_identical(small: Path, tmp_path: Path) -> None:
    told = Told()
    write_demo(tmp_path / "again", **SMALL, progress=told)
    assert _digest(tmp_path / "again") == _digest(small)
    # 3 songs before the heads and 2 samples of each at the microphones.
    assert told.stages == [("songs", 9)]
    assert [done for _, done in told.steps] == [3, 3, 3]
    assert [p.name for p in tmp_path.iterdir()] == ["again"]


def test_metadata_names_what_is_there(small: Path) -> None:
    gains, heads = _metadata(small, "gains"), _metadata(small, "head_loudspeaker_positions")
    assert len(gains) == 1105
    assert len(heads) >= 6
    for head in heads.values():
        for name in (f"n{abs(head['left_angle'])}", f"p{abs(head['right_angle'])}"):
            info = soundfile.info(
                small / "audio/hrtf" / f"{head['mic']}-{head['subject']}-{name}.wav"
            )
            assert (info.samplerate, info.channels) == (44_100, 2)
    seen: set[str] = set()
    for split, count in (("train", 2), ("valid", 1)):
        tracks = {t["Track Name"]: t for t in _metadata(small, f"musdb18.{split}")}
        scenes = _metadata(small, f"scenes.{split}")
        drawn = _metadata(small, f"scene_listeners.{split}")
        listeners = _metadata(small, f"listeners.{split}")
        samples = _metadata(small, f"at_mic_music.{split}")
        assert len(tracks) == count
        assert not seen & set(tracks)
        seen |= set(tracks)
        assert list(scenes) == list(drawn)
        assert len(scenes) == 2 * count
        for scene, record in scenes.items():
            assert record["gain"] in gains
            assert record["head_loudspeaker_positions"] in heads
            sample = samples[f"{record['music']}-{record['head_loudspeaker_positions']}"]
            assert sample["Original Track Name"] == record["music"]
            assert set(drawn[scene]) <= set(listeners)
            assert len(set(drawn[scene])) == 2
            folders = (
                small / "audio/at_mic_music" / sample["Path"],
                small / "audio/music" / tracks[record["music"]]["Path"],
            )
            for folder in folders:
                assert {p.stem for p in folder.iterdir()} == set(PARTS)
                for path in folder.iterdir():
                    info = soundfile.info(path)
                    assert (info.samplerate, info.channels) == (44_100, 2)
                    assert (info.subtype, info.frames) == ("PCM_16", 110_250)


def test_listeners(small: Path) -> None:
    """Bisgaard et al. (2010), table 2: N3 at 250 Hz to 6 kHz, 8 kHz as 6 kHz."""
    listeners = _metadata(small, "listeners.valid")
    assert listeners["N3"]["audiogram_cfs"] == [250, 500, 1000, 2000, 3000, 4000, 6000, 8000]
    assert listeners["N3"]["audiogram_levels_l"] == [35, 35, 40, 50, 55, 60, 65, 65]
    assert listeners["N4-N2"]["audiogram_levels_l"] == [55, 55, 55, 65, 70, 75, 80, 80]
    assert listeners["N4-N2"]["audiogram_levels_r"] == [20, 20, 25, 35, 40, 45, 50, 50]
    assert set(listeners["NH"]["audiogram_levels_r"]) == {0}
    assert not {"N6", "N7"} & set(listeners)
    assert set(_metadata(small, "listeners.train")) != set(listeners)


def test_samples_are_what_the_official_generator_makes_of_the_music(small: Path) -> None:
    heads = _metadata(small, "head_loudspeaker_positions")
    name, sample = next(iter(_metadata(small, "at_mic_music.train").items()))
    left, right = official.load_hrtf_signals(
        str(small / "audio/hrtf"), heads[sample["Head Position"]]
    )
    for part in PARTS:
        music = read_signal(
            small / "audio/music/train" / sample["Original Track Name"] / f"{part}.wav"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = official.normalise_lufs_level(
                official.apply_hrtf(music, left, right), music, 44_100
            )
        written, _ = soundfile.read(
            small / "audio/at_mic_music/train" / name / f"{part}.wav", dtype="int16"
        )
        clipped = np.clip(expected * 32768.0, -32768.0, 32767.0).astype(np.int16)
        np.testing.assert_array_equal(written, clipped)


def test_nothing_is_left_of_a_write_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(demo, "make_song", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write_demo(tmp_path / "set", **SMALL)
    assert not list(tmp_path.iterdir())


def test_processes_write_the_same_and_go_on_where_they_stopped(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    make_song = demo.make_song

    def fail_at_last(name: str, seconds: float) -> dict[str, np.ndarray]:
        if name == "Bench Demo - Valid 01":
            raise OSError("disk full")
        return make_song(name, seconds)

    def counted(name: str, seconds: float) -> dict[str, np.ndarray]:
        calls.append(name)
        return make_song(name, seconds)

    monkeypatch.setattr(demo, "make_song", fail_at_last)
    with pytest.raises(BenchError, match="disk full"):
        write_demo(tmp_path / "set", **SMALL, processes=1)
    assert not (tmp_path / "set").exists()
    monkeypatch.setattr(demo, "make_song", counted)
    with pytest.raises(BenchError, match="an unfinished set with other options"):
        write_demo(tmp_path / "set", **SMALL | {"seconds": 3.0}, processes=1)
    write_demo(tmp_path / "set", **SMALL, processes=1)
    assert calls == ["Bench Demo - Valid 01"]
    assert _digest(tmp_path / "set") == _digest(small)
    write_demo(tmp_path / "two", **SMALL, processes=2)
    assert _digest(tmp_path / "two") == _digest(small)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "two"]


def test_space_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="MB are free"):
        write_demo(tmp_path / "set", songs_train=10**7, seconds=240.0, processes=1)
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(BenchError, match="not empty") as caught:
        write_demo(tmp_path, **SMALL)
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "mine.txt").read_text() == "x"


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BenchError, match="cannot be written"):
        write_demo(tmp_path / "file" / "set", **SMALL)


def test_made_once_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    assert demo_root() == tmp_path / f"demo-{DEMO_VERSION}"
    calls = []

    def write(root: Path, **_: object) -> None:
        calls.append(root)
        root.mkdir()

    monkeypatch.setattr(demo, "write_demo", write)
    assert ensure_demo() == demo_root()
    assert ensure_demo() == demo_root()
    assert calls == [demo_root()]


def test_needs_no_torch() -> None:
    code = "import sys, bench.data.generate.demo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
