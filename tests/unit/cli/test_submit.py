"""The challenge's files of a system, and folders of such files on a board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.board.store import Board
from bench.cli import main
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import build_system

SUITE = """
name = "files"
[dataset]
name = "cadenza"
root = '{root}'
[evaluation]
split = "valid"
metrics = ["haaqi", "sdr", "lufs", "clipping"]
[ranking]
baseline = "mixture + fixed"
excluded = ["private"]
"""
RATE = 44_100


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def suite(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "files.toml"
    path.write_text(SUITE.format(root=small_set), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def submitted(suite: Path) -> Path:
    """The files of the unprocessed mixture."""
    folder = suite.parent / "mixture"
    assert call("submit", folder, "--separator", "mixture", "--suite", suite, "--workers", 1) == 0
    return folder


@pytest.fixture
def copy(submitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(submitted / "enhanced_signals", tmp_path / "files"))


def score(folder: Path, suite: Path, out: Path, *more: object) -> tuple[int, pd.DataFrame]:
    code = call("score", folder, "--suite", suite, "--out", out, "--workers", 1, *more)
    return code, Board(out).scores()


def pairs(small_set: Path) -> list[tuple[str, str]]:
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    return [(scene.id, who) for scene in dataset.scenes("valid") for who in scene.listeners]


def test_the_files_hold_what_a_run_scores(submitted: Path, suite: Path, small_set: Path) -> None:
    folder = submitted / "enhanced_signals"
    names = {f"{scene}_{who}_remix.flac" for scene, who in pairs(small_set)}
    assert {path.name for path in folder.iterdir()} == names
    plugins = installed()
    spec = make_run_spec(plugins, load_suite(str(suite)), separator="mixture", gains="fixed")
    system = build_system(spec, plugins)
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    excerpt = Excerpt.read(scene)
    stems = separate(system, excerpt)
    for who in scene.listeners:
        listener = dataset.listeners("valid")[who]
        output = render(system, excerpt, stems, listener, "challenge").output
        path = folder / f"{scene.id}_{who}_remix.flac"
        assert soundfile.info(path).subtype == "PCM_16"
        samples, rate = soundfile.read(path)
        assert rate == 32_000
        np.testing.assert_array_equal(samples.T, output.numpy())


def test_goes_on_where_it_stopped(copy: Path, suite: Path) -> None:
    out = copy.parent / "again"
    arguments = ("submit", out, "--separator", "mixture", "--suite", suite, "--workers", 1)
    assert call(*arguments, "--limit", 2) == 0
    files = sorted((out / "enhanced_signals").iterdir())
    assert len(files) == 2
    kept = files[0].stat().st_mtime_ns
    files[1].unlink()
    assert call(*arguments, "--limit", 2) == 0
    assert sorted((out / "enhanced_signals").iterdir()) == files
    assert files[0].stat().st_mtime_ns == kept
    assert files[1].read_bytes() == (copy / files[1].name).read_bytes()


def test_two_systems_never_share_a_folder(
    submitted: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("submit", submitted, "--separator", "oracle", "--suite", suite) == 2
    assert "it holds the files of another system" in capsys.readouterr().err
    assert call("submit", suite.parent, "--separator", "mixture", "--suite", suite) == 2
    assert "not empty" in capsys.readouterr().err


def test_a_system_that_is_not_trained(
    tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--separator", "mixture", "--gains", "cnn", "--suite", suite)
    assert call("submit", tmp_path / "out", *arguments) == 2
    assert "is not trained" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_scores_as_the_run(submitted: Path, suite: Path, tmp_path: Path) -> None:
    """The same numbers as ``bench run`` gives the system that wrote it, to the last bit."""
    run = ("--separator", "mixture", "--gains", "fixed", "--suite", suite, "--no-baselines")
    board = tmp_path / "board"
    assert call("run", *run, "--out", board, "--workers", 1, "--no-report") == 0
    code, scores = score(submitted, suite, board, "--name", "mine")
    assert code == 0
    runs = Board(board).runs().set_index("label")
    row = runs.loc["mine"]
    assert (row.status, row.n_pairs, row.n_failed) == ("done", 4, 0)
    assert not row.ranked
    assert "what it was trained on is not said" in row.unranked_reason
    key = ["scene", "listener", "metric", "part"]
    by_run = {
        name: scores[scores.run_id == runs.loc[label].run_id].set_index(key).value
        for name, label in (("run", "mixture + fixed"), ("files", "mine"))
    }
    wanted = [m for m in by_run["run"].index if m[2] in ("haaqi", "lufs", "clipping")]
    assert len(wanted) == 4 * (3 + 1 + 3)
    pd.testing.assert_series_equal(by_run["files"][wanted], by_run["run"][wanted])
    # There are no stems to judge, and nobody knows which gains were applied.
    assert not {"sdr", "gains"} & {m[2] for m in by_run["files"].index}
    again = tmp_path / "again"
    options = ("--suite", suite, "--out", board, "--limit", 1, "--workers", 1)
    assert call("submit", again, "--run", "mixture + fixed", *options) == 0
    (file,) = (again / "enhanced_signals").iterdir()
    assert file.read_bytes() == (submitted / "enhanced_signals" / file.name).read_bytes()
    assert call("submit", again, "--run", "mixture + fixed", "--gains", "fixed", *options) == 2


def test_what_is_scored_is_not_scored_again(copy: Path, suite: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    assert score(copy, suite, board, "--name", "x", "--limit", 1)[0] == 0
    (file,) = (board / "scores").rglob("*.parquet")
    before = file.stat().st_mtime_ns
    assert score(copy, suite, board, "--name", "x", "--limit", 1)[0] == 0
    assert file.stat().st_mtime_ns == before


def test_what_a_system_has_seen_decides_the_ranking(
    copy: Path, suite: Path, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    for name, seen in (("fair", "musdb18-train"), ("unfair", "musdb18-train, private")):
        score(copy, suite, board, "--name", name, "--seen", seen, "--limit", 1)
    runs = Board(board).runs().set_index("label")
    assert runs.loc["fair (1 pairs)"].ranked
    assert not runs.loc["unfair (1 pairs)"].ranked
    assert runs.loc["unfair (1 pairs)"].unranked_reason == "it has seen private"


def spoil_rate(path: Path) -> None:
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples, RATE)


def spoil_header(path: Path) -> None:
    """Samples at 44.1 kHz in a file that says 32 kHz."""
    samples, _ = soundfile.read(path)
    import soxr

    soundfile.write(path, soxr.resample(samples, 32_000, RATE), 32_000)


def spoil_length(path: Path) -> None:
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples[:-1000], 32_000)


def spoil_channels(path: Path) -> None:
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples[:, 0], 32_000)


def spoil_nan(path: Path) -> None:
    samples, _ = soundfile.read(path)
    samples[100] = np.nan
    soundfile.write(path, samples, 32_000, format="WAV", subtype="FLOAT")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (Path.unlink, "the file is missing"),
        (spoil_rate, "the sample rate is 44100 Hz, expected 32000 Hz"),
        (spoil_header, "it lasts 4.14"),
        (spoil_length, "it lasts 2.97"),
        (spoil_channels, "it has 1 channels, expected 2"),
        (spoil_nan, "NaN or infinite"),
        (lambda path: path.write_bytes(b"no audio"), "cannot be read as audio"),
        (lambda path: path.with_suffix(".txt").write_text("0"), "it holds no scale factor"),
    ],
)
def test_a_wrong_file_is_a_failed_row(
    copy: Path,
    suite: Path,
    tmp_path: Path,
    small_set: Path,
    spoil: Callable[[Path], Any],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Only the files are looked at here: no metric needs to be computed.
    from bench.builtin.metrics.haaqi import Haaqi

    monkeypatch.setattr(Haaqi, "score", lambda self, pair: {"mean": 0.5})
    scene, who = pairs(small_set)[1]
    spoil(copy / f"{scene}_{who}_remix.flac")
    code, scores = score(copy, suite, tmp_path / "board", "--name", "x")
    assert code == 1
    assert f"failed: {scene}, {who}: " in capsys.readouterr().err
    failed = scores[scores.status == "failed"]
    assert set(zip(failed.scene, failed.listener, strict=True)) == {(scene, who)}
    assert failed.value.isna().all()
    assert all(reason in text for text in failed.reason)
    row = Board(tmp_path / "board").runs().iloc[0]
    assert (row.status, row.n_pairs, row.n_failed) == ("failed-scenes", 4, 1)


def test_a_folder_without_any_file(
    tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("score", tmp_path, "--suite", suite, "--out", tmp_path / "board") == 2
    assert "none of the split's files is there" in capsys.readouterr().err
    assert not (tmp_path / "board").exists()


def test_the_recipes_files_score_as_in_the_recipe(
    suite: Path, small_set: Path, tmp_path: Path
) -> None:
    """A file that the official code wrote, scaled as it may be, and the official score of it."""
    from clarity.enhancer.compressor import Compressor
    from clarity.enhancer.nalr import NALR
    from clarity.evaluator.haaqi import compute_haaqi
    from clarity.utils.flac_encoder import read_flac_signal, save_flac_signal
    from clarity.utils.signal_processing import compute_rms, resample
    from recipes.cad_icassp_2024.baseline import enhance, evaluate

    from bench.api import STEMS

    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    listener = dataset.listeners("valid")[scene.listeners[0]]
    gains = dict(zip(STEMS, scene.gains, strict=True))
    clean = dict(zip(STEMS, (s.double().numpy().T for s in scene.stems()), strict=True))
    mixture = scene.mixture().double().numpy().T
    nalr = NALR(nfir=220, sample_rate=RATE)
    reference = evaluate.remix_stems(evaluate.apply_gains(clean, RATE, gains), mixture, RATE)
    output = enhance.process_remix_for_listener(mixture, nalr, Compressor(), listener)
    path = tmp_path / "files" / "enhanced_signals" / f"{scene.id}_{listener.id}_remix.flac"
    path.parent.mkdir(parents=True)
    save_flac_signal(output, path, RATE, 32_000, do_scale_signal=True)
    assert path.with_suffix(".txt").exists()
    handed_in, _ = read_flac_signal(path)
    evaluate.set_song_seed(scene.id)
    expected = {}
    for ear, audiogram in enumerate((listener.audiogram_left, listener.audiogram_right)):
        amplified = evaluate.apply_ha(nalr, None, reference[:, ear], audiogram)
        expected[("left", "right")[ear]] = compute_haaqi(
            processed_signal=resample(handed_in[:, ear], 32_000, 24_000),
            reference_signal=resample(amplified, RATE, 24_000),
            processed_sample_rate=24_000,
            reference_sample_rate=24_000,
            audiogram=audiogram,
            equalisation=2,
            level1=65 - 20 * np.log10(compute_rms(reference[:, ear])),
        )
    _, scores = score(tmp_path / "files", suite, tmp_path / "board", "--limit", 1)
    haaqi = scores[scores.metric == "haaqi"].set_index("part").value
    for ear, value in expected.items():
        assert haaqi[ear] == pytest.approx(value, abs=1e-4)


def test_the_passport_says_what_wrote_the_files(submitted: Path) -> None:
    passport = json.loads((submitted / "submission.json").read_text())
    assert passport["label"] == "mixture + fixed"
    assert passport["identity"]["spec"]["separator"]["name"] == "mixture"
