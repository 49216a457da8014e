"""The prepared set beside the challenge's own generator, file by file."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf
from recipes.cad_icassp_2024.generate_dataset import generate_at_mic_musdb18 as official

from bench.api import STEMS
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.data.generate.at_mic import to_at_mic, to_int16
from bench.data.generate.hrtf import spherical_head
from bench.data.generate.metadata import Sources
from bench.data.generate.prepare import locked, plan_preparation, prepare
from bench.errors import BenchError

pytestmark = pytest.mark.usefixtures("quick_workers")

RATE = 44_100
PARTS = ("mixture", *STEMS)
SILENT = "Bär - Ohne Gesang"


def write_song(folder: Path, seed: int, seconds: float = 1.1, silent: str = "") -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    frames = round(seconds * RATE)
    swell = np.linspace(0.1, 1.0, frames)[:, None]
    stems = {stem: 0.12 * swell * rng.standard_normal((frames, 2)) for stem in STEMS}
    if silent:
        stems[silent] = np.zeros((frames, 2))
    for part, sound in {"mixture": np.sum(list(stems.values()), axis=0), **stems}.items():
        soundfile.write(folder / f"{part}.wav", sound, RATE, subtype="PCM_16")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Two songs, two heads at two pairs of angles, five listeners."""
    music, hrtf = tmp_path / "music", tmp_path / "hrtf"
    write_song(music / "train" / "A - Song", 1)
    write_song(music / "train" / SILENT, 2, seconds=0.9, silent="vocals")
    hrtf.mkdir()
    for subject, radius in (("VP_E1", 0.08), ("VP_N6", 0.09)):
        for angle in (-30.0, -22.5, 22.5, 30.0):
            name = f"BTE_fr-{subject}-{'n' if angle < 0 else 'p'}{abs(angle)}.wav"
            soundfile.write(hrtf / name, spherical_head(angle, radius), RATE, subtype="FLOAT")
    listeners = {
        f"L{k:04d}": {
            "name": f"L{k:04d}",
            "audiogram_cfs": [250, 8000],
            "audiogram_levels_l": [10, 40 + k],
            "audiogram_levels_r": [20, 50],
        }
        for k in range(1, 6)
    }
    (tmp_path / "listeners.json").write_text(json.dumps(listeners))
    return Sources(music, hrtf, listeners=tmp_path / "listeners.json")


def digest(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def make(out: Path, sources: Sources, workers: int = 1) -> tuple[list[str], list[str]]:
    with locked(out):
        return prepare(plan_preparation(out, sources), workers)


def load(root: Path, name: str) -> Any:
    return json.loads((root / "metadata" / f"{name}.json").read_text(encoding="utf-8"))


def test_every_file_is_the_generators(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generator's own ``run`` on the same sources and metadata."""
    out, theirs = tmp_path / "ours", tmp_path / "theirs"
    notes, failed = make(out, sources)
    assert not failed
    assert len(notes) == 4  # the silent stem at each of the song's head positions
    assert all("vocals.wav: silent" in note and SILENT in note for note in notes)
    path = {
        "scene_file": out / "metadata/scenes.train.json",
        "music_file": out / "metadata/musdb18.train.json",
        "head_loudspeaker_positions_file": out / "metadata/head_loudspeaker_positions.json",
        "music_dir": sources.music,
        "hrtf_dir": sources.hrtf,
        "output_music_dir": theirs,
        "output_music_file": tmp_path / "at_mic_music.train.json",
    }
    config = {"path": {k: str(v) for k, v in path.items()}, "sample_rate": RATE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it takes minus infinity from minus infinity
        official.run.__wrapped__(OmegaConf.create(config))
    assert load(out, "at_mic_music.train") == json.loads(
        (tmp_path / "at_mic_music.train.json").read_text()
    )
    ours = digest(out / "audio/at_mic_music")
    expected = digest(theirs)
    assert len(ours) == 2 * 4 * 5
    assert set(ours) == set(expected)
    for name, content in ours.items():
        if SILENT in name and "vocals" in name:
            assert not soundfile.read(out / "audio/at_mic_music" / name)[0].any()
        else:
            assert content == expected[name], name


def test_real_songs_give_the_sets_files(real_data: Path, tmp_path: Path) -> None:
    """Real songs, heads and scenes; the files were made with the generator's functions."""
    root = real_data / "cadenza_real"
    sources = Sources(real_data / "music", root / "audio/hrtf", root / "metadata")
    with locked(tmp_path):
        plan = plan_preparation(tmp_path, sources, ["valid"])
        notes, failed = prepare(plan, 1)
    assert not failed
    assert [note for note in notes if "MDN Multitrack" in note]
    expected = digest(root / "audio/at_mic_music/valid")
    ours = digest(tmp_path / "audio/at_mic_music/valid")
    assert set(ours) == set(expected)
    for name in ours:
        samples = [
            soundfile.read(folder / "audio/at_mic_music/valid" / name, dtype="int16")[0]
            for folder in (tmp_path, root)
        ]
        np.testing.assert_array_equal(*samples)
    for name in ("scenes.valid", "scene_listeners.valid", "at_mic_music.valid", "gains"):
        assert load(tmp_path, name) == load(root, name)


def test_metadata_are_the_challenges_draws(sources: Sources, tmp_path: Path) -> None:
    """The generator's own functions draw from the same lists."""
    from recipes.cad_icassp_2024.generate_dataset import generate_train_scenes as draws

    out = tmp_path / "out"
    with locked(out):
        plan_preparation(out, sources).write_metadata()
    folder = out / "metadata"
    ours = {name: load(out, name) for name in ("scenes.train", "scene_listeners.train")}
    config = OmegaConf.create(
        {
            "path": {
                "metadata_dir": str(folder),
                "gains_file": str(folder / "gains.json"),
                "head_loudspeaker_positions_file": str(folder / "head_loudspeaker_positions.json"),
            },
            "scene": {"number_scenes_per_song": 4},
            "scene_listener": {"number_listeners_per_scene": 2},
        }
    )
    state = np.random.get_state()  # noqa: NPY002 - the recipe draws from numpy's global generator
    try:
        draws.generate_scenes(config)
        draws.generate_scene_listener(config)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    assert ours == {name: load(out, name) for name in ours}
    first = load(out, "head_loudspeaker_positions")["hlp_0001"]
    assert first == {"subject": "VP_E1", "left_angle": -30.0, "right_angle": 22.5, "mic": "BTE_fr"}


def test_the_challenges_first_scene_comes_out(
    sources: Sources, real_data: Path, tmp_path: Path
) -> None:
    """Published: scene_10001 of 144 head positions, its listeners of the 83, its gains."""
    write_song(sources.music / "train" / "A Classic Education - NightOwl", 3, seconds=0.5)
    subjects = [f"VP_E{k}" for k in range(1, 10)] + [f"VP_N{k}" for k in range(1, 8)]
    response = (sources.hrtf / "BTE_fr-VP_E1-n30.0.wav").read_bytes()
    for path in sources.hrtf.iterdir():
        path.unlink()
    for subject in subjects:
        for angle in (22.5, 30.0, 37.5):
            for side in "np":
                target = sources.hrtf / f"BTE_fr-{subject}-{side}{angle}.wav"
                target.write_bytes(response)
    (sources.music / "train" / "A - Song").rename(sources.music / "train" / "B - Song")
    listeners = real_data / "cadenza_real/metadata/listeners.train.json"
    with locked(tmp_path / "out"):
        made = Sources(sources.music, sources.hrtf, listeners=listeners)
        plan_preparation(tmp_path / "out", made).write_metadata()
    assert load(tmp_path / "out", "scenes.train")["scene_10001"] == {
        "music": "A Classic Education - NightOwl",
        "gain": "gain_0639",
        "head_loudspeaker_positions": "hlp_0056",
    }
    assert load(tmp_path / "out", "scene_listeners.train")["scene_10001"] == ["L0066", "L0057"]
    assert load(tmp_path / "out", "head_loudspeaker_positions")["hlp_0001"] == {
        "subject": "VP_E1",
        "left_angle": -37.5,
        "right_angle": 22.5,
        "mic": "BTE_fr",
    }


def test_the_set_is_read_by_the_harness(sources: Sources, tmp_path: Path) -> None:
    make(tmp_path / "out", sources)
    dataset = CadenzaDataset(CadenzaOptions(root=str(tmp_path / "out")))
    scenes = dataset.scenes("train")
    assert [len(scene.listeners) for scene in scenes] == [2] * 8
    assert scenes[0].stems().shape == (4, 2, round(1.1 * RATE))


def test_processes_write_the_same_set(sources: Sources, tmp_path: Path) -> None:
    make(tmp_path / "one", sources)
    make(tmp_path / "two", sources, workers=2)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_goes_on_where_it_stopped(sources: Sources, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out, sources)
    whole = digest(out)
    audio = sorted((out / "audio").rglob("*.wav"))
    times = {path: path.stat().st_mtime_ns for path in audio}
    # Missing, cut short by a full disk, and left behind by a killed process.
    audio[0].unlink()
    audio[1].write_bytes(audio[1].read_bytes()[:10_000])
    (audio[2].parent / ".bass.wav.123.part").write_bytes(b"half")
    with locked(out):
        plan = plan_preparation(out, sources)
        assert (plan.files, plan.done) == (2, 38)
        prepare(plan, 1)
    assert digest(out) == whole
    changed = [path for path in audio if path.stat().st_mtime_ns != times[path]]
    assert changed == audio[:2]


SCRIPT = """
import sys, time
from pathlib import Path
from bench.data.generate import streaming, prepare as p
from bench.data.generate.metadata import Sources
to_int16 = streaming.to_int16
def slowly(signal):
    print("writing", flush=True)
    time.sleep(30)
    return to_int16(signal)
if sys.argv[4] == "slow":
    streaming.to_int16 = slowly
out = Path(sys.argv[1])
sources = Sources(Path(sys.argv[2]), Path(sys.argv[3]), listeners=Path(sys.argv[5]))
with p.locked(out):
    p.prepare(p.plan_preparation(out, sources), 1)
"""


def test_a_kill_leaves_no_damaged_file(sources: Sources, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, *map(str, (out, sources.music, sources.hrtf))]
    command += ["slow", str(sources.listeners)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        with pytest.raises(BenchError, match="another process is writing here"), locked(out):
            pass
        process.kill()
    assert list(out.rglob(".*.part"))
    assert not list(out.rglob("*.wav"))
    make(out, sources)
    make(tmp_path / "fresh", sources)
    assert digest(out) == digest(tmp_path / "fresh")


def test_space_is_checked_first(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=70 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(BenchError, match=r"\d MB, but only [\d,]+ MB are free"):
        plan_preparation(tmp_path / "out", sources, scenes_per_song=4)
    assert not (tmp_path / "out" / "audio").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: (m / "A - Song/bass.wav").unlink(), "missing"),
        (
            lambda m: soundfile.write(m / "A - Song/bass.wav", np.zeros((RATE, 2)), 48_000),
            "48000 Hz, expected 44100",
        ),
        (
            lambda m: soundfile.write(m / "A - Song/bass.wav", np.zeros((RATE, 2)), RATE),
            "44100 samples, the mixture 48510",
        ),
        (
            lambda m: soundfile.write(m / "A - Song/bass.wav", np.zeros(48_510), RATE),
            "1 channels, expected 2",
        ),
    ],
)
def test_wrong_sources_are_told_before_any_work(
    sources: Sources, tmp_path: Path, spoil: Any, message: str
) -> None:
    spoil(sources.music / "train")
    with pytest.raises(BenchError, match=message) as caught:
        plan_preparation(tmp_path / "out", sources)
    assert "bass.wav" in str(caught.value)


def test_a_bad_file_does_not_stop_the_others(sources: Sources, tmp_path: Path) -> None:
    path = sources.music / "train" / "A - Song" / "drums.wav"
    samples, _ = soundfile.read(path)
    samples[1234, 1] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    _, failed = make(tmp_path / "out", sources)
    assert len(failed) == 1
    assert failed[0].startswith(f"{path}: sample 1234 is NaN or infinite")
    assert len(list((tmp_path / "out/audio").rglob("*.wav"))) == 36
    # Without this file a set is not taken for complete.
    assert not (tmp_path / "out/metadata/at_mic_music.train.json").exists()


def test_scenes_that_differ_are_not_overwritten(sources: Sources, tmp_path: Path) -> None:
    out, given = tmp_path / "out", tmp_path / "given"
    make(out, sources)
    given.mkdir()
    changed = load(out, "scenes.train")
    changed["scene_10001"]["gain"] = "gain_0001"
    (given / "scenes.train.json").write_text(json.dumps(changed))
    other = Sources(sources.music, sources.hrtf, given, sources.listeners)
    with pytest.raises(BenchError, match="already exists"):
        plan_preparation(out, other)


def test_memory_of_a_long_song_is_bounded(tmp_path: Path) -> None:
    """Half a minute: the filtered signal of one file is 21 MB, the recipe takes several such."""
    import tracemalloc

    from bench.data.generate.streaming import measure, write_at_mic

    rng = np.random.default_rng(0)
    source, response = tmp_path / "song.wav", spherical_head(30.0, 0.0875)
    soundfile.write(source, 0.1 * rng.standard_normal((30 * RATE, 2)), RATE, subtype="PCM_16")
    signal = 30 * RATE * 2 * 8
    tracemalloc.start()
    try:
        wanted = measure(source)
        assert tracemalloc.get_traced_memory()[1] < 0.5 * signal
        write_at_mic(source, tmp_path / "out.wav", response, response, wanted, RATE)
        assert tracemalloc.get_traced_memory()[1] < 1.6 * signal
    finally:
        tracemalloc.stop()
    whole = to_at_mic(soundfile.read(source)[0], response, response, RATE)
    written, _ = soundfile.read(tmp_path / "out.wav", dtype="int16")
    np.testing.assert_array_equal(written, to_int16(whole))


# --- songs as other systems leave them ----------------------------------------------------------


@pytest.mark.parametrize("name", ["Mixture.wav", "mixture.WAV", "MIXTURE.Wav"])
def test_names_in_another_case(sources: Sources, tmp_path: Path, name: str) -> None:
    make(tmp_path / "plain", sources)
    song = sources.music / "train" / "A - Song"
    (song / "mixture.wav").rename(song / name)
    (song / "bass.wav").rename(song / "Bass.WAV")
    for path in sources.hrtf.iterdir():
        path.rename(path.with_suffix(".WAV"))
    make(tmp_path / "out", sources)
    assert digest(tmp_path / "out") == digest(tmp_path / "plain")


def test_files_that_a_mac_leaves_are_no_songs(sources: Sources, tmp_path: Path) -> None:
    make(tmp_path / "plain", sources)
    train = sources.music / "train"
    for path in (
        train / "._B - Song.stem.mp4",
        train / ".DS_Store",
        train / "._A - Song" / "mixture.wav",
        train / "A - Song" / "._mixture.wav",
        sources.music / ".Trashes" / "x" / "mixture.wav",
        sources.hrtf / "._BTE_fr-VP_E1-n22.5.wav",
    ):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"\0\5\26\7")
    make(tmp_path / "out", sources)
    assert digest(tmp_path / "out") == digest(tmp_path / "plain")


def test_a_folder_of_decomposed_letters_is_the_song_of_the_metadata(
    sources: Sources, tmp_path: Path
) -> None:
    make(tmp_path / "plain", sources)
    given = tmp_path / "plain" / "metadata"
    (sources.music / "train" / SILENT).rename(
        sources.music / "train" / unicodedata.normalize("NFD", SILENT)
    )
    make(tmp_path / "drawn", sources)
    assert digest(tmp_path / "drawn") == digest(tmp_path / "plain")
    make(tmp_path / "given", Sources(sources.music, sources.hrtf, given))
    assert digest(tmp_path / "given") == digest(tmp_path / "plain")


@pytest.mark.parametrize("spoilt", ["header", "samples"])
def test_a_call_that_failed_does_not_spoil_the_next(
    sources: Sources, tmp_path: Path, spoilt: str
) -> None:
    make(tmp_path / "plain", sources)
    broken = sources.music / "train" / "Broken"
    write_song(broken, 3)
    bass = broken / "bass.wav"
    if spoilt == "header":
        bass.write_bytes(bass.read_bytes()[:-100])
        with pytest.raises(BenchError, match="truncated"):
            make(tmp_path / "out", sources)
        assert not list((tmp_path / "out").rglob("*"))
    else:
        sound = np.zeros((round(1.1 * RATE), 2))
        sound[5] = np.nan
        soundfile.write(bass, sound, RATE, subtype="FLOAT")
        _, failed = make(tmp_path / "out", sources)
        assert len(failed) == 1
    shutil.rmtree(broken)
    make(tmp_path / "out", sources)
    theirs, ours = digest(tmp_path / "plain"), digest(tmp_path / "out")
    assert {name: ours[name] for name in theirs} == theirs


@pytest.mark.parametrize("path", ["/etc", "../outside", "train/../../x"])
def test_metadata_do_not_lead_out_of_the_music(sources: Sources, tmp_path: Path, path: str) -> None:
    make(tmp_path / "plain", sources)
    given = tmp_path / "plain" / "metadata"
    tracks = load(tmp_path / "plain", "musdb18.train")
    tracks[0]["Path"] = path
    (given / "musdb18.train.json").write_text(json.dumps(tracks))
    with pytest.raises(BenchError, match="leaves its folder"):
        make(tmp_path / "out", Sources(sources.music, sources.hrtf, given))


def test_music_behind_links(sources: Sources, tmp_path: Path) -> None:
    make(tmp_path / "plain", sources)
    song = sources.music / "train" / "A - Song"
    song.rename(tmp_path / "store")
    song.symlink_to(tmp_path / "store")
    (tmp_path / "store" / "bass.wav").rename(tmp_path / "5e.bin")
    (tmp_path / "store" / "bass.wav").symlink_to(tmp_path / "5e.bin")
    make(tmp_path / "out", sources)
    assert digest(tmp_path / "out") == digest(tmp_path / "plain")


def test_nobody_elses_drafts_are_removed(sources: Sources, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out, sources)
    (sample,) = {path.parent for path in sorted(out.rglob("bass.wav"))[:1]}
    ours = [sample / ".bass.wav.123.part", out / "metadata" / ".scenes.train.json.7.part"]
    strangers = [out / ".big.zip.part", out / "audio" / ".x.wav.1.part", sample / ".notes.part"]
    for path in (*ours, *strangers):
        path.write_bytes(b"half")
    with locked(out):
        assert [path.exists() for path in ours] == [False, False]
    assert all(path.exists() for path in strangers)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL])
def test_a_disk_without_locks(
    sources: Sources,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    out = tmp_path / "out"
    (out / "metadata").mkdir(parents=True)
    draft = out / "metadata" / ".scenes.train.json.7.part"
    draft.write_bytes(b"somebody may be writing it")
    with locked(out):
        assert draft.exists()
    assert "cannot be locked" in caplog.text
    assert make(out, sources)[1] == []
