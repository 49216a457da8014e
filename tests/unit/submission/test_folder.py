"""Folders of the challenge's files on a board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from bench.board.store import Board
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from tests.helpers.command_line import Bench
from tests.helpers.flac import read_by_pyclarity

RATE = 44_100
Score = Callable[..., tuple[int, pd.DataFrame]]


@pytest.fixture
def score(bench: Bench, suite: Path) -> Score:
    def call(folder: Path, out: Path, *more: object) -> tuple[int, pd.DataFrame]:
        code = bench("score", folder, "--suite", suite, "--out", out, "--workers", 1, *more)
        return code, Board(out).scores()

    return call


def test_a_folder_scores_as_the_run(
    bench: Bench, score: Score, submitted: Path, suite: Path, tmp_path: Path
) -> None:
    """The same numbers as ``bench run`` gives the system that wrote it, to the last bit."""
    run = ("--separator", "mixture", "--gains", "fixed", "--suite", suite, "--no-baselines")
    board = tmp_path / "board"
    assert bench("run", *run, "--out", board, "--workers", 1, "--no-report") == 0
    code, scores = score(submitted, board, "--name", "mine")
    assert code == 0
    runs = Board(board).runs().set_index("label")
    row = runs.loc["mine"]
    assert (row.status, row.n_pairs, row.n_failed) == ("done", 4, 0)
    assert not row.ranked
    assert "training data is not stated" in row.unranked_reason
    key = ["scene", "listener", "metric", "part"]
    by_run = {
        name: scores[scores.run_id == runs.loc[label].run_id].set_index(key).value
        for name, label in (("run", "mixture + fixed"), ("files", "mine"))
    }
    wanted = [m for m in by_run["run"].index if m[2] in ("haaqi", "lufs", "clipping")]
    assert len(wanted) == 4 * (4 + 1 + 3)
    pd.testing.assert_series_equal(by_run["files"][wanted], by_run["run"][wanted])
    # There are no stems to judge, and which gains were applied is not known.
    assert not {"sdr", "gains"} & {m[2] for m in by_run["files"].index}
    again = tmp_path / "again"
    options = ("--suite", suite, "--out", board, "--limit", 1, "--workers", 1)
    assert bench("submit", again, "--run", "mixture + fixed", *options) == 0
    (file,) = (again / "enhanced_signals").iterdir()
    assert file.read_bytes() == (submitted / "enhanced_signals" / file.name).read_bytes()
    assert bench("submit", again, "--run", "mixture + fixed", "--gains", "fixed", *options) == 2


def test_what_is_scored_is_not_scored_again(score: Score, copy: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    assert score(copy, board, "--name", "x", "--limit", 1)[0] == 0
    (file,) = (board / "scores").rglob("*.parquet")
    before = file.stat().st_mtime_ns
    assert score(copy, board, "--name", "x", "--limit", 1)[0] == 0
    assert file.stat().st_mtime_ns == before


def test_what_a_system_was_trained_on_decides_the_ranking(
    score: Score, pairs: list[tuple[str, str]], copy: Path, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    for name, data in (("fair", "musdb18-train"), ("unfair", "musdb18-train, private")):
        score(copy, board, "--name", name, "--trained-on", data, "--limit", 1)
    runs = Board(board).runs().set_index("label")
    assert runs.loc["fair (1 pairs)"].ranked
    assert not runs.loc["unfair (1 pairs)"].ranked
    assert runs.loc["unfair (1 pairs)"].unranked_reason == "it was trained on private"


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
        (Path.unlink, "the audio file is missing"),
        (spoil_rate, "the sample rate is 44100 Hz, expected 32000 Hz"),
        (spoil_header, "it lasts 4.14"),
        (spoil_length, "it lasts 2.97"),
        (spoil_channels, "it has 1 channels, expected 2"),
        (spoil_nan, "NaN or infinite"),
        (lambda path: path.write_bytes(b"no audio"), "cannot be read as audio"),
        (lambda path: path.with_suffix(".txt").write_text("0"), "it contains no scale factor"),
    ],
)
def test_a_wrong_file_is_a_failed_row(
    score: Score,
    pairs: list[tuple[str, str]],
    copy: Path,
    tmp_path: Path,
    spoil: Callable[[Path], Any],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Only the files are looked at here: no metric needs to be computed.
    from bench.builtin.metrics.haaqi import Haaqi

    monkeypatch.setattr(Haaqi, "score", lambda self, pair: {"mean": 0.5})
    scene, who = pairs[1]
    spoil(copy / f"{scene}_{who}_remix.flac")
    code, scores = score(copy, tmp_path / "board", "--name", "x")
    assert code == 1
    assert f"failed: {scene}, {who}: " in capsys.readouterr().err
    failed = scores[scores.status == "failed"]
    assert set(zip(failed.scene, failed.listener, strict=True)) == {(scene, who)}
    assert failed.value.isna().all()
    assert all(reason in text for text in failed.reason)
    row = Board(tmp_path / "board").runs().iloc[0]
    assert (row.status, row.n_pairs, row.n_failed) == ("failed-scenes", 4, 1)


def test_a_folder_without_any_file(
    bench: Bench, tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("score", tmp_path, "--suite", suite, "--out", tmp_path / "board") == 2
    assert "none of the split's files were found" in capsys.readouterr().err
    assert not (tmp_path / "board").exists()


def test_the_recipes_files_score_as_in_the_recipe(
    score: Score, small_set: Path, tmp_path: Path
) -> None:
    """A file that the official code wrote, scaled as it may be, and the official score of it."""
    from clarity.enhancer.compressor import Compressor
    from clarity.enhancer.nalr import NALR
    from clarity.evaluator.haaqi import compute_haaqi
    from clarity.utils.flac_encoder import save_flac_signal
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
    handed_in = read_by_pyclarity(path)
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
    _, scores = score(tmp_path / "files", tmp_path / "board", "--limit", 1)
    haaqi = scores[scores.metric == "haaqi"].set_index("part").value
    for ear, value in expected.items():
        assert haaqi[ear] == pytest.approx(value, abs=1e-4)
