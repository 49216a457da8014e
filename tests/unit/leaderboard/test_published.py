"""Published rows: the committed files agree with their source, and are never ranked."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from bench.board import schema
from bench.leaderboard.published import (
    published_results,
    published_sections,
    published_training,
    write_published,
)
from bench.spec.suite import PROTOCOLS, load_suite
from tests.helpers.command_line import Bench
from tests.helpers.paths import ROOT

FOLDER = ROOT / "leaderboards" / "published"


@pytest.mark.parametrize("table", ["published", "published_training"])
def test_the_committed_files_agree_with_their_source(table: str, tmp_path: Path) -> None:
    write_published(tmp_path)
    made, kept = (pd.read_parquet(f / f"{table}.parquet") for f in (tmp_path, FOLDER))
    pd.testing.assert_frame_equal(made, kept)
    assert list(kept.columns) == [column.name for column in schema.TABLES[table]]
    assert kept.published.all()
    assert (kept.source != "").all()


def test_other_readers_read_them() -> None:
    pl, duckdb = pytest.importorskip("polars"), pytest.importorskip("duckdb")
    best = pl.read_parquet(FOLDER / "published.parquet").filter(pl.col("split") == "eval")
    assert best["value"].max() == 0.6317
    query = f"select max(value) from read_parquet('{FOLDER}/published_training.parquet')"
    assert duckdb.sql(query).fetchall() == [(0.974,)]


def test_the_challenges_baselines_and_winner() -> None:
    """From the challenge's table of results."""
    frame = pd.DataFrame(published_results())
    haaqi = frame[frame.metric == "haaqi"].set_index(["system", "split", "part"]).value
    assert haaqi["HDemucs baseline", "eval", "mean"] == 0.5697
    assert haaqi["Open-Unmix baseline", "eval", "mean"] == 0.5113
    for system in ("HDemucs baseline", "Open-Unmix baseline"):
        ears = [haaqi[system, "valid", ear] for ear in ("left", "right")]
        assert sum(ears) / 2 == pytest.approx(haaqi[system, "valid", "mean"], abs=1e-4)
    evaluated = haaqi.xs("eval", level="split")
    assert evaluated.idxmax()[0].startswith("E047")
    assert evaluated.max() == 0.6317


def test_the_seed_paper_stands_under_its_own_protocol_alone() -> None:
    rows = [*published_results(), *published_training()]
    seed = [row for row in rows if row["source"].startswith("Perceptually Guided")]
    assert {row["protocol"] for row in seed} == {"shared-gains"}
    curve = [row["value"] for row in seed if row.get("name") == "valid/haaqi/mean"]
    assert len(curve) == 10
    [result] = [row["value"] for row in seed if "metric" in row]
    assert curve[-1] == result == 0.756


def test_names_are_those_of_suites_protocols_and_the_training_table() -> None:
    rows = [*published_results(), *published_training()]
    for row in rows:
        if row["suite"] == "musdb18-hq":
            assert row["protocol"] == ""
        else:
            assert load_suite(row["suite"]).name == row["suite"]
            assert row["protocol"] in PROTOCOLS
    assert {row["metric"] for row in published_results()} <= {"haaqi", "sdr"}
    assert all(0 <= row["value"] <= 1 for row in rows if "sdr" not in str(row.get("metric")))


def test_sections_name_their_sources() -> None:
    haaqi, sdr, training = published_sections()
    assert len(haaqi.rows) == 12
    assert "arXiv 2401.06203" in haaqi.note
    assert "never ranked" in haaqi.note
    assert sdr.title.endswith("dB")
    assert [row["epoch"] for row in training.rows] == list(range(1, 11))


def test_they_are_shown_without_any_board(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench("leaderboard", "--published", "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["sections"]) == 3
    assert bench("leaderboard", "--published", "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["section"] for row in rows} == {s["title"] for s in content["sections"]}
    assert bench("leaderboard", "--published", "--out", "nowhere") == 2
    assert "there is no board here" in capsys.readouterr().err
