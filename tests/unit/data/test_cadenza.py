"""The reader of the Cadenza layout: content, laziness, every border check, fingerprints."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from clarity.utils.audiogram import Listener

from bench.api import Dataset
from bench.builtin.datasets import DemoOptions
from bench.builtin.datasets.demo import DemoDataset
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.errors import BenchError
from tests.helpers.cadenza_set import STEMS, listener, metadata, signal, write_set
from tests.helpers.paths import SHARED

REAL = SHARED / "cadenza_real"


def open_set(root: Path) -> CadenzaDataset:
    return CadenzaDataset(CadenzaOptions(root=str(root)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set")


def sample_file(root: Path, part: str = "mixture", song: str = "Song A") -> Path:
    return root / "audio" / "at_mic_music" / "valid" / f"{song}-hlp_1" / f"{part}.wav"


# --- what is read ------------------------------------------------------------------------------


def test_scenes_in_the_order_of_the_metadata(root: Path) -> None:
    dataset = open_set(root)
    assert isinstance(dataset, Dataset)
    scenes = dataset.scenes("valid")
    assert [scene.id for scene in scenes] == ["scene_2", "scene_1", "scene_3"]
    first = scenes[0]
    assert (first.song, first.genre, first.head_position) == ("Song A", "Rock", "hlp_1")
    assert first.gains == (0.0, -10.0, 6.0, 3.0)
    assert scenes[1].listeners == ("L1", "L2")
    assert scenes[2].genre == ""


def test_audio_is_that_of_the_files(root: Path) -> None:
    scene = open_set(root).scenes("valid")[2]
    assert (scene.sample_rate, scene.frames) == (44_100, 1000)
    mixture, stems = scene.mixture(), scene.stems()
    assert mixture.dtype == stems.dtype
    assert str(mixture.dtype) == "torch.float32"
    assert mixture.is_contiguous()
    np.testing.assert_array_equal(mixture.numpy(), signal(10).T)
    for number, _ in enumerate(STEMS):
        np.testing.assert_array_equal(stems[number].numpy(), signal(11 + number).T)
    segment = scene.segment(100, 50)
    np.testing.assert_array_equal(segment.mixture().numpy(), signal(10).T[:, 100:150])
    np.testing.assert_array_equal(scene.mixture(990).numpy(), signal(10).T[:, 990:])


def test_listeners_are_those_that_pyclarity_reads(root: Path) -> None:
    found = open_set(root).listeners("valid")
    path = root / "metadata" / "listeners.valid.json"
    expected = Listener.load_listener_dict(path)
    assert set(found) == set(expected)
    for name, who in expected.items():
        assert found[name].id == name
        for ear in ("audiogram_left", "audiogram_right"):
            mine, theirs = getattr(found[name], ear), getattr(who, ear)
            np.testing.assert_array_equal(mine.levels, theirs.levels)
            np.testing.assert_array_equal(mine.frequencies, theirs.frequencies)


def test_splits_in_the_usual_order(root: Path) -> None:
    for name in ("train", "abc"):
        (root / "metadata" / f"scenes.{name}.json").write_text("{}")
    assert open_set(root).splits == ("train", "valid", "abc")


def test_scenes_survive_pickling(root: Path) -> None:
    scene = open_set(root).scenes("valid")[0]
    twin = pickle.loads(pickle.dumps(scene))
    assert twin == scene
    np.testing.assert_array_equal(twin.mixture().numpy(), scene.mixture().numpy())


def test_the_genre_file_is_optional(tmp_path: Path) -> None:
    root = write_set(tmp_path, metadata() | {"musdb18.valid.json": None})
    assert {scene.genre for scene in open_set(root).scenes("valid")} == {""}


def test_excerpts_of_a_song_share_its_name(tmp_path: Path) -> None:
    files = metadata()
    for entry in files["at_mic_music.valid.json"].values():
        entry["Original Track Name"] = "One long song"
    scenes = open_set(write_set(tmp_path, files)).scenes("valid")
    assert {scene.song for scene in scenes} == {"One long song"}


def test_samples_of_one_music_are_of_one_song(tmp_path: Path) -> None:
    files = metadata()
    files["head_loudspeaker_positions.json"]["hlp_2"] = {}
    files["scenes.valid.json"]["scene_1"]["head_loudspeaker_positions"] = "hlp_2"
    sample = files["at_mic_music.valid.json"]["Song A-hlp_1"] | {"Original Track Name": None}
    files["at_mic_music.valid.json"]["Song A-hlp_2"] = sample
    assert {s.song for s in open_set(write_set(tmp_path / "a", files)).scenes("valid")} == {
        "Song A",
        "Song B",
    }
    sample["Original Track Name"] = "Song C"
    with pytest.raises(BenchError, match=r"'Song C', and that of another sample .* 'Song A'"):
        open_set(write_set(tmp_path / "b", files)).scenes("valid")


def test_a_silent_stem_is_no_error(root: Path) -> None:
    sf.write(sample_file(root, "bass"), np.zeros((1000, 2)), 44_100, subtype="PCM_16")
    assert open_set(root).scenes("valid")[0].stems()[2].abs().max() == 0.0


def test_the_demo_is_made_only_where_no_folder_is_given(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "empty"))
    made = types.ModuleType("bench.data.generate.demo")
    made.ensure_demo = lambda: root  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bench.data.generate.demo", made)
    assert len(DemoDataset(DemoOptions()).scenes("valid")) == 3
    made.ensure_demo = lambda: pytest.fail("made")  # type: ignore[attr-defined]
    assert len(DemoDataset(DemoOptions(root=str(root))).scenes("valid")) == 3


def test_metadata_need_neither_torch_nor_audio(root: Path) -> None:
    shutil.rmtree(root / "audio")
    code = (
        "import sys\n"
        "from bench.data import CadenzaOptions\n"
        "from bench.data.cadenza import CadenzaDataset\n"
        f"d = CadenzaDataset(CadenzaOptions(root={str(root)!r}))\n"
        "d.scenes('valid'), d.fingerprint('valid')\n"
        "assert not {'torch', 'pandas', 'numpy', 'soundfile'} & set(sys.modules)\n"
        "d.listeners('valid')\n"
        "assert not {'torch', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- metadata that are wrong -------------------------------------------------------------------


def change(path: list[Any], value: Any) -> Callable[[dict[str, Any]], None]:
    """An edit: the entry at `path` gets `value`; "DELETE" takes it away."""

    def edit(files: dict[str, Any]) -> None:
        at = files
        for key in path[:-1]:
            at = at[key]
        if value == "DELETE":
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return edit


SCENE = ["scenes.valid.json", "scene_1"]
LISTENER = ["listeners.valid.json", "L2"]
SAMPLE = ["at_mic_music.valid.json", "Song A-hlp_1"]

WRONG = {
    "unknown gain": (change([*SCENE, "gain"], "gain_9"), "unknown gain 'gain_9'", "scene_1"),
    "unknown head": (
        change([*SCENE, "head_loudspeaker_positions"], "hlp_2"),
        "unknown head position 'hlp_2'",
        "scenes.valid.json, scene scene_1",
    ),
    "unknown music": (
        change([*SCENE, "music"], "Song C"),
        "unknown music at the microphones 'Song C-hlp_1'",
        "scene_1",
    ),
    "unknown listener": (
        change(["scene_listeners.valid.json", "scene_1"], ["L1", "L9"]),
        "unknown listener 'L9'",
        "scene_listeners.valid.json, scene scene_1",
    ),
    "no listeners of a scene": (
        change(["scene_listeners.valid.json", "scene_1"], "DELETE"),
        "unknown scene 'scene_1'",
        "scene_listeners.valid.json",
    ),
    "empty listeners": (
        change(["scene_listeners.valid.json", "scene_1"], []),
        "the list is empty",
        "scene_1",
    ),
    "listener twice": (
        change(["scene_listeners.valid.json", "scene_1"], ["L1", "L1"]),
        "twice",
        "scene_1",
    ),
    "listeners no list": (
        change(["scene_listeners.valid.json", "scene_1"], "L1"),
        "expected a list of ids, got the string 'L1'",
        "scene_1",
    ),
    "no gain key": (change([*SCENE, "gain"], "DELETE"), "'gain' is missing", "scene_1"),
    "gain no text": (change([*SCENE, "gain"], 7), "must be a string, got the number 7", "scene_1"),
    "scene no object": (change(SCENE, ["x"]), "expected an object, got a list", "scene_1"),
    "scenes a list": (
        change(["scenes.valid.json"], [1]),
        "expected an object of ids, got a list",
        "scenes.valid.json",
    ),
    "no scenes": (change(["scenes.valid.json"], {}), "no entries", "scenes.valid.json"),
    "empty id": (
        change(["scenes.valid.json", ""], metadata()["scenes.valid.json"]["scene_1"]),
        "an id is empty",
        "scenes.valid.json",
    ),
    "gain no number": (
        change(["gains.json", "gain_1", "drums"], "loud"),
        "'drums' must be a number, got the string 'loud'",
        "gains.json, gain_1",
    ),
    "gain true": (
        change(["gains.json", "gain_1", "drums"], True),
        "'drums' must be a number",
        "gain_1",
    ),
    "gain infinite": (
        change(["gains.json", "gain_1", "drums"], float("inf")),
        "'drums' must be finite",
        "gain_1",
    ),
    "gain too large": (
        change(["gains.json", "gain_2", "drums"], -41),
        "the gain of drums is -41 dB, at most 40 dB up or down",
        "gain_2",
    ),
    "gain without a stem": (
        change(["gains.json", "gain_2", "bass"], "DELETE"),
        "'bass' is missing",
        "gain_2",
    ),
    "audiogram too short": (
        change([*LISTENER, "audiogram_levels_r"], [10, 20]),
        "2 levels of the right ear at 8 frequencies",
        "listeners.valid.json, listener L2",
    ),
    "audiogram with text": (
        change([*LISTENER, "audiogram_levels_l", 3], "forty"),
        "'audiogram_levels_l' must be a number, got the string 'forty'",
        "listener L2",
    ),
    "audiogram with null": (
        change([*LISTENER, "audiogram_levels_l", 3], None),
        "must be a number, got null",
        "listener L2",
    ),
    "audiogram with NaN": (
        change([*LISTENER, "audiogram_levels_l", 3], float("nan")),
        "must be finite, got nan",
        "listener L2",
    ),
    "audiogram no list": (
        change([*LISTENER, "audiogram_levels_l"], 40),
        "must be a list of numbers",
        "listener L2",
    ),
    "frequencies fall": (
        change([*LISTENER, "audiogram_cfs"], [8000, 6000, 4000, 3000, 2000, 1000, 500, 250]),
        "increasing frequencies",
        "listener L2",
    ),
    "another name inside": (change([*LISTENER, "name"], "L7"), "named 'L7' inside", "listener L2"),
    "path climbs": (
        change([*SAMPLE, "Path"], "../../../elsewhere"),
        "'../../../elsewhere' leaves its folder",
        "Song A-hlp_1",
    ),
    "path absolute": (
        change([*SAMPLE, "Path"], "/etc"),
        "'/etc' leaves its folder",
        "Song A-hlp_1",
    ),
    "path with NUL": (change([*SAMPLE, "Path"], "a\0b"), "'Path' must be a string", "Song A-hlp_1"),
    "path missing": (change([*SAMPLE, "Path"], "DELETE"), "'Path' is missing", "Song A-hlp_1"),
    "tracks no list": (
        change(["musdb18.valid.json"], {}),
        "expected a list of tracks",
        "musdb18.valid.json",
    ),
    "song no text": (
        change([*SAMPLE, "Original Track Name"], 7),
        "'Original Track Name' must be a string, got the number 7",
        "Song A-hlp_1",
    ),
    "genre no text": (
        change(["musdb18.valid.json", 0, "Genre"], ["Rock"]),
        "'Genre' must be a string, got a list",
        "track 1",
    ),
    "track without name": (
        change(["musdb18.valid.json", 0, "Track Name"], "DELETE"),
        "'Track Name' is missing",
        "track 1",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_metadata(tmp_path: Path, name: str) -> None:
    edit, what, where = WRONG[name]
    files = copy.deepcopy(metadata())
    edit(files)
    dataset = open_set(write_set(tmp_path, files))
    with pytest.raises(BenchError) as caught:
        dataset.scenes("valid")
    assert what in caught.value.what
    assert where in caught.value.where


@pytest.mark.parametrize("name", [n for n in metadata() if not n.startswith("musdb18")])
def test_a_missing_metadata_file(tmp_path: Path, name: str) -> None:
    dataset = open_set(write_set(tmp_path, metadata() | {name: None}))
    with pytest.raises(BenchError) as caught:
        dataset.scenes("valid")
    if name == "scenes.valid.json":
        assert "no split 'valid'" in caught.value.what
        assert "There is no scenes.<split>.json" in caught.value.hint
    else:
        assert "missing" in caught.value.what
        assert caught.value.where.endswith(name)
        assert len(caught.value.hint) > 20


def test_malformed_json_names_file_line_and_column(tmp_path: Path) -> None:
    text = '{\n  "gain_1": {"vocals": 0, "drums" -10}\n}'
    dataset = open_set(write_set(tmp_path, metadata() | {"gains.json": text}))
    with pytest.raises(BenchError, match="malformed JSON") as caught:
        dataset.scenes("valid")
    assert caught.value.where.endswith("gains.json, line 2, column 35")


def test_an_id_that_is_there_twice(tmp_path: Path) -> None:
    one = json.dumps(listener("L1"))
    text = f'{{"L1": {one}, "L2": {one}, "L1": {one}}}'
    dataset = open_set(write_set(tmp_path, metadata() | {"listeners.valid.json": text}))
    with pytest.raises(BenchError, match="'L1' occurs twice") as caught:
        dataset.scenes("valid")
    assert caught.value.where.endswith("listeners.valid.json")


def test_a_metadata_file_that_is_no_text(root: Path) -> None:
    (root / "metadata" / "gains.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(BenchError, match="not a text file in UTF-8"):
        open_set(root).scenes("valid")


def test_json_nested_without_end(tmp_path: Path) -> None:
    files = metadata() | {"gains.json": "[" * 100_000}
    with pytest.raises(BenchError, match="malformed JSON"):
        open_set(write_set(tmp_path, files)).scenes("valid")


def test_a_level_no_audiometer_measures(tmp_path: Path) -> None:
    files = metadata()
    files["listeners.valid.json"]["L2"] = listener("L2", [10, 20, 30, 40, 50, 60, 70, 800])
    with pytest.raises(BenchError, match="outside -20 to 130 dB HL") as caught:
        open_set(write_set(tmp_path, files)).listeners("valid")
    assert "listener L2" in caught.value.where
    files["listeners.valid.json"]["L2"] = listener("L2", [10] * 8)
    files["listeners.valid.json"]["L2"]["audiogram_cfs"] = [0.25, 0.5, 1, 2, 3, 4, 6, 8]
    with pytest.raises(BenchError, match="a frequency is outside 20 to 24000 Hz") as caught:
        open_set(write_set(tmp_path / "kHz", files)).listeners("valid")
    assert "listener L2" in caught.value.where


def test_a_near_match_is_offered(tmp_path: Path) -> None:
    files = metadata()
    files["scenes.valid.json"]["scene_1"]["music"] = "Sonk A"
    with pytest.raises(BenchError) as caught:
        open_set(write_set(tmp_path, files)).scenes("valid")
    assert caught.value.hint == "Did you mean 'Song A-hlp_1'?"


@pytest.mark.parametrize("given", ["", "no/such/folder"])
def test_a_root_that_is_not_there(given: str) -> None:
    with pytest.raises(BenchError, match="no") as caught:
        CadenzaDataset(CadenzaOptions(root=given))
    assert "dataset.root" in caught.value.where
    assert "-o dataset.root=DIR" in caught.value.hint


def test_a_root_without_metadata(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no folder 'metadata'"):
        open_set(tmp_path)


@pytest.mark.parametrize("split", ["vaild", "../valid"])
def test_a_split_that_is_not_there(root: Path, split: str) -> None:
    with pytest.raises(BenchError, match="no split") as caught:
        open_set(root).scenes(split)
    assert "valid" in caught.value.hint


def test_a_folder_may_be_a_link_out_of_the_root(root: Path, tmp_path: Path) -> None:
    before = open_set(root).fingerprint("valid")
    inside = sample_file(root).parent
    outside = tmp_path / "scratch"
    inside.rename(outside)
    inside.symlink_to(outside)
    dataset = open_set(root)
    assert dataset.scenes("valid")[0].mixture().shape == (2, 1000)
    assert dataset.fingerprint("valid") == before


@pytest.mark.parametrize("path", ["/etc", "../outside", "valid/../../x", "valid/.."])
def test_metadata_do_not_lead_out_of_the_root(root: Path, path: str) -> None:
    file = root / "metadata" / "at_mic_music.valid.json"
    content = json.loads(file.read_text())
    content["Song A-hlp_1"]["Path"] = path
    file.write_text(json.dumps(content))
    with pytest.raises(BenchError, match="leaves its folder") as caught:
        open_set(root).scenes("valid")
    assert caught.value.where.startswith(str(file))


def test_a_folder_whose_name_a_mac_wrote(root: Path) -> None:
    """Metadata say "é" in one character, the disk has "e" and an accent; or the other way."""
    file = root / "metadata" / "at_mic_music.valid.json"
    content = json.loads(file.read_text())
    prints = set()
    for written, there in (("Caf\u00e9", "Cafe\u0301"), ("Cafe\u0301", "Caf\u00e9")):
        content["Song A-hlp_1"]["Path"] = f"valid/{written}"
        file.write_text(json.dumps(content))
        folder = sample_file(root).parent
        folder.rename(folder.parent / there)
        dataset = open_set(root)
        assert dataset.scenes("valid")[0].mixture().shape == (2, 1000)
        prints.add(dataset.fingerprint("valid"))
        (folder.parent / there).rename(folder)
    assert len(prints) == 1


def test_a_root_that_is_itself_a_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    assert open_set(link).scenes("valid")[0].mixture().shape == (2, 1000)


# --- fingerprints ------------------------------------------------------------------------------


def test_copies_have_one_fingerprint(root: Path, tmp_path: Path) -> None:
    twin = tmp_path / "elsewhere" / "twin"
    shutil.copytree(root, twin)
    assert open_set(root).fingerprint("valid") == open_set(twin).fingerprint("valid")


FINGERPRINT_CHANGES = {
    "gain": change(["gains.json", "gain_1", "drums"], -9),
    "listener": change([*LISTENER, "audiogram_levels_l", 3], 41),
    "who listens": change(["scene_listeners.valid.json", "scene_1"], ["L1"]),
    "scene gone": change([*SCENE], "DELETE"),
    "genre": change(["musdb18.valid.json", 0, "Genre"], "Jazz"),
}


@pytest.mark.parametrize("name", FINGERPRINT_CHANGES)
def test_changed_metadata_change_the_fingerprint(tmp_path: Path, name: str) -> None:
    files = copy.deepcopy(metadata())
    FINGERPRINT_CHANGES[name](files)
    before = open_set(write_set(tmp_path / "a")).fingerprint("valid")
    assert open_set(write_set(tmp_path / "b", files)).fingerprint("valid") != before


def test_what_no_score_depends_on_does_not_change_it(tmp_path: Path) -> None:
    files = copy.deepcopy(metadata())
    files["listeners.valid.json"]["L8"] = listener("L8")
    files["gains.json"]["gain_3"] = dict.fromkeys(STEMS, 1)
    before = open_set(write_set(tmp_path / "a")).fingerprint("valid")
    assert open_set(write_set(tmp_path / "b", files)).fingerprint("valid") == before


@pytest.mark.parametrize("where", [0, 500, -1])
def test_changed_audio_changes_the_fingerprint(root: Path, where: int) -> None:
    before = open_set(root).fingerprint("valid")
    samples = signal(3)
    samples[where] += 2**-15
    sf.write(sample_file(root, "bass"), samples, 44_100, subtype="PCM_16")
    assert open_set(root).fingerprint("valid") != before


@pytest.mark.parametrize("where", [8200, 19_000, 30_100, 41_000])
def test_a_song_changed_in_place_between_head_middle_and_tail(tmp_path: Path, where: int) -> None:
    root = write_set(tmp_path)
    sf.write(sample_file(root, "bass"), signal(3, 20_000), 44_100, subtype="PCM_16")
    before = open_set(root).fingerprint("valid")
    with sample_file(root, "bass").open("r+b") as file:
        file.seek(where)
        old = file.read(1)
        file.seek(where)
        file.write(bytes([old[0] ^ 1]))
    assert open_set(root).fingerprint("valid") != before


OUTSIDE = (
    "../../../../x",
    "..",
    "a/b",
    "a\\b",
    "/x",
    "a\0b",
    "a\nb",
    "a\x7fb",
    "x" * 201,
    "é" * 101,
)


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["scene", "listener"])
def test_ids_that_name_files_elsewhere_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    files = copy.deepcopy(metadata())
    if kind == "scene":
        for file in ("scenes.valid.json", "scene_listeners.valid.json"):
            files[file][name] = files[file].pop("scene_1")
    else:
        files["listeners.valid.json"][name] = listener(name)
        files["scene_listeners.valid.json"]["scene_1"] = [name]
    with pytest.raises(BenchError, match="is not a valid id") as caught:
        open_set(write_set(tmp_path, files)).scenes("valid")
    assert len(str(caught.value).splitlines()) <= 2
    assert "\0" not in str(caught.value)


def test_half_of_a_character_is_no_id(tmp_path: Path) -> None:
    files = copy.deepcopy(metadata())
    files["listeners.valid.json"]["\ud800"] = listener("\ud800")
    with pytest.raises(BenchError, match="unpaired surrogate"):
        open_set(write_set(tmp_path, files)).scenes("valid")


def test_a_missing_file_counts_in_the_fingerprint(root: Path) -> None:
    before = open_set(root).fingerprint("valid")
    sample_file(root, "bass").unlink()
    assert open_set(root).fingerprint("valid") != before


# --- real music --------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.exists(), reason="no real data here")
def test_real_data() -> None:
    dataset = open_set(REAL)
    assert dataset.splits == ("train", "valid")
    pairs = [(s, name) for s in dataset.scenes("valid") for name in s.listeners]
    assert len(pairs) == 8
    for split in dataset.splits:
        scenes, listeners = dataset.scenes(split), dataset.listeners(split)
        assert {name for scene in scenes for name in scene.listeners} <= set(listeners)
        for scene in scenes:
            assert scene.stems(1000, 100).shape == (4, 2, 100)
            assert scene.genre
