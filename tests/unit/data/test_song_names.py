"""Which song each excerpt is of, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.data.song_names import ONE_SONG_A_SCENE, find_songs, songs_of
from bench.data.validate import validate
from bench.errors import BenchError
from tests.helpers.cadenza_set import listener, metadata, write_set

EXCERPTS = [f"{song}{number}" for song in ("Tune", "Air on 4") for number in ("_1", "_2", "_11")]


def unrecorded(names: list[str]) -> dict[str, str]:
    return dict.fromkeys(names, "")


def excerpts(folder: Path, names: list[str], **files: Any) -> Path:
    """A set of metadata alone, a scene an excerpt, whose records name no song."""
    scene = {"gain": "gain_1", "head_loudspeaker_positions": "hlp_1"}
    content = metadata() | {
        "scenes.valid.json": {f"s{n}": scene | {"music": name} for n, name in enumerate(names)},
        "scene_listeners.valid.json": {f"s{n}": ["L1"] for n, _ in enumerate(names)},
        "listeners.valid.json": {"L1": listener("L1")},
        "at_mic_music.valid.json": {
            f"{name}-hlp_1": {"Track Name": f"{name}-hlp_1", "Path": f"valid/{name}-hlp_1"}
            for name in names
        },
        "musdb18.valid.json": None,
    }
    return write_set(folder, content | files)


def opened(root: Path, song: str = "") -> CadenzaDataset:
    return CadenzaDataset(CadenzaOptions(root=str(root), song=song))


def test_the_record_counts_first() -> None:
    found = find_songs({"Tune_1": "Tune", "Tune_2": "Tune", "Other": "Other"}, tracks=["Tune_1"])
    assert found.by_name == {"Tune_1": "Tune", "Tune_2": "Tune", "Other": "Other"}
    field = "the metadata field 'Original Track Name'"
    assert str(found) == f"3 excerpts of 2 songs, identified by {field}"


def test_a_song_is_one_however_its_letters_are_coded() -> None:
    one, two = "Caf\u00e9", "Cafe\u0301"
    assert set(find_songs({"a": one, "b": two, "c": f" {one} "}).by_name.values()) == {one}
    numbered = unrecorded([f"{one}_1", f"{two}_2", "Air_1", "Air_2"])
    assert set(find_songs(numbered).by_name.values()) == {one, "Air"}
    assert set(find_songs(unrecorded([f"{one} 1", f"{two} 2"]), [two]).by_name.values()) == {one}
    assert find_songs({"a": " ", "b": " "}).by_name == {"a": "a", "b": "b"}


def test_then_the_longest_track_that_a_name_begins_with() -> None:
    tracks = ["A - Song", "A - Song Two", "A"]
    names = ["A - Song Two_3", "A - Song-7", "A - Songs", "A - Song"]
    found = find_songs(unrecorded(names), tracks)
    assert list(found.by_name.values()) == ["A - Song Two", "A - Song", "A", "A - Song"]
    assert str(found) == "4 excerpts of 3 songs, identified by the track list"


def test_then_the_name_without_a_number_where_that_brings_excerpts_together() -> None:
    found = find_songs(unrecorded([*EXCERPTS, "Blink - 182"]))
    assert found.by_name["Air on 4_11"] == "Air on 4"
    assert found.by_name["Blink - 182"] == "Blink - 182"
    assert (
        str(found) == "7 excerpts of 3 songs, identified by their names without an excerpt's number"
    )


@pytest.mark.parametrize("name", ["track_{:04d}", "Tune {}", "{:03d}"])
def test_a_number_that_is_all_there_is_stays(name: str) -> None:
    names = [name.format(n) for n in range(9)]
    found = find_songs(unrecorded(names))
    assert list(found.by_name.values()) == names
    assert str(found) == "9 songs, identified by their names as they are"


def test_official_excerpts_make_fifty_songs() -> None:
    names = [f"track_{song:02d}_{part}" for song in range(50) for part in range(19)]
    assert str(find_songs(unrecorded(names))).startswith("950 excerpts of 50 songs")


def test_a_pattern_takes_the_place_of_all() -> None:
    found = find_songs({"x7_a": "wrong", "x7_b": ""}, ["x"], r"^(\w+)_\w$")
    assert set(found.by_name.values()) == {"x7"}
    assert str(found) == "2 excerpts of 1 song, identified by the pattern of dataset.song"
    assert find_songs(unrecorded(["x7_a"]), pattern="^x[0-9]").by_name == {"x7_a": "x7"}


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "not a regular expression"), ("^y", "finds no song in 'x7_a'")]
)
def test_a_pattern_that_does_not_fit_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        find_songs(unrecorded(["x7_a"]), pattern=pattern)
    assert caught.value.where == "dataset.song"


def test_a_set_without_records_has_songs(tmp_path: Path) -> None:
    dataset = opened(excerpts(tmp_path, EXCERPTS))
    songs = [scene.song for scene in dataset.scenes("valid")]
    assert songs == ["Tune"] * 3 + ["Air on 4"] * 3
    words = "6 excerpts of 2 songs, identified by their names without an excerpt's number"
    assert songs_of(dataset, "valid") == words


@pytest.mark.parametrize("name", ["musdb18.valid.json", "moisesdb.valid.json"])
def test_a_set_has_the_songs_of_its_track_list(tmp_path: Path, name: str) -> None:
    tracks = [{"Track Name": "Air", "Genre": "Folk"}, {"Track Name": "Tune", "Genre": "Rock"}]
    dataset = opened(excerpts(tmp_path, EXCERPTS, **{name: tracks}))
    assert {scene.song for scene in dataset.scenes("valid")} == {"Air", "Tune"}
    assert songs_of(dataset, "valid") == "6 excerpts of 2 songs, identified by the track list"
    if name.startswith("musdb18"):
        assert {scene.genre for scene in dataset.scenes("valid")} == {"Folk", "Rock"}


def test_scenes_that_are_all_songs_are_warned_of(tmp_path: Path) -> None:
    root = excerpts(tmp_path, ["track_1", "track_2", "track_3"])
    assert ONE_SONG_A_SCENE in songs_of(opened(root), "valid")
    report = validate(root, audio=False)
    assert {f.what: f.level for f in report.findings}[ONE_SONG_A_SCENE] == "warning"
    assert report.songs == {"valid": "3 songs, identified by their names as they are"}
    told = validate(root, audio=False, song="^(track)").findings
    assert ONE_SONG_A_SCENE not in {f.what for f in told}


def test_head_positions_may_be_in_a_file_of_the_shorter_name(tmp_path: Path) -> None:
    files = metadata()
    files["head_positions.json"] = files.pop("head_loudspeaker_positions.json")
    for scene in files["scenes.valid.json"].values():
        scene["head_position"] = scene.pop("head_loudspeaker_positions")
    scenes = opened(write_set(tmp_path, files)).scenes("valid")
    assert {scene.head_position for scene in scenes} == {"hlp_1"}


@pytest.mark.parametrize(("split", "folder"), [("eval", "test"), ("test", "eval")])
def test_the_evaluation_may_be_called_test(tmp_path: Path, split: str, folder: str) -> None:
    files = {
        name.replace("valid", split): json.loads(json.dumps(content).replace("valid/", "eval/"))
        for name, content in metadata().items()
    }
    files["at_mic_music.test.json"] = files.pop(f"at_mic_music.{split}.json")
    root = write_set(tmp_path, files)
    audio = root / "audio" / "at_mic_music"
    (audio / "valid").rename(audio / folder)
    dataset = opened(root)
    assert dataset.splits == (split,)
    assert dataset.scenes(split)[0].mixture().shape == (2, 1000)
    assert dataset.scenes(split)[0].genre == "Rock"


def test_of_two_evaluations_each_has_its_own_metadata(tmp_path: Path) -> None:
    files: dict[str, object] = {}
    for split in ("eval", "test"):
        for name, content in metadata().items():
            text = json.dumps(content).replace("scene_1", f"{split}_1")
            files[name.replace("valid", split)] = json.loads(text)
    dataset = opened(write_set(tmp_path, files))
    for split in ("eval", "test"):
        assert [scene.id for scene in dataset.scenes(split)][1] == f"{split}_1"
