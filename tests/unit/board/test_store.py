"""The board on disk: round trip, atomicity, damage, and other Parquet readers."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.board import files, schema
from bench.board.store import Board
from bench.errors import BenchError
from bench.runtime import files as runtime_files


def run_row(run_id: str = "rabc", **changes: Any) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "status": "running",
        "created": datetime(2024, 5, 1, 12, tzinfo=UTC),
        "suite": "demo",
        "split": "valid",
        "protocol": "challenge",
        "seed": 3,
        "ranked": True,
    } | changes


def score_row(listener: str = "L1", value: float | None = 0.5, **changes: Any) -> dict[str, Any]:
    return {
        "song": "a song",
        "listener": listener,
        "metric": "haaqi",
        "part": "mean",
        "value": value,
        "status": "ok",
    } | changes


def test_run_round_trip_and_replacement(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write_run(run_row())
    board.write_run(run_row(status="done", seconds=12.5))
    runs = board.runs()
    assert len(runs) == 1
    row = runs.iloc[0]
    assert row.status == "done"
    assert row.seconds == 12.5
    assert row.created == pd.Timestamp("2024-05-01T12:00Z")
    assert row.schema_version == schema.SCHEMA_VERSION
    assert pd.isna(row.label)


def test_a_runs_row_is_read_again_only_where_its_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = Board(tmp_path), Board(tmp_path)
    for run_id in ("rone", "rtwo"):
        writer.write_run(run_row(run_id))
    read: list[str] = []

    def read_table(path: Path, *how: Any) -> Any:
        read.append(path.stem)
        return files.read_table(path, *how)

    monkeypatch.setattr("bench.board.store.read_table", read_table)
    first = reader.runs()
    pd.testing.assert_frame_equal(reader.runs(), first)
    assert sorted(read) == ["run_id=rone", "run_id=rtwo"]
    writer.write_run(run_row("rtwo", status="done"))
    assert list(reader.runs()["status"]) == ["running", "done"]
    assert read[2:] == ["run_id=rtwo"]
    writer.forget("rone")
    assert list(reader.runs()["run_id"]) == ["rtwo"]


def test_one_run_as_plain_values(tmp_path: Path) -> None:
    board = Board(tmp_path)
    assert board.run("rabc") is None
    board.write_run(run_row())
    row = board.run("rabc")
    assert row is not None
    assert row["created"] == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert row["seconds"] is None
    board.write_run(row | {"status": "done"})
    assert board.runs().status.tolist() == ["done"]


def test_a_forgotten_run_leaves_nothing_and_others_stay(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for run_id in ("rabc", "rdef"):
        board.write_run(run_row(run_id))
        board.append_scores(run_id, "s1", [score_row()])
        board.append_epoch(run_id, {"epoch": 1, "loss": 1.0})
    board.forget("rabc")
    board.forget("rnever")
    assert board.run("rabc") is None
    assert set(board.scores().run_id) == set(board.training().run_id) == {"rdef"}
    assert board.runs().run_id.tolist() == ["rdef"]


def test_a_run_that_cannot_be_removed_whole_is_told_and_stays_to_be_removed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path)
    board.write_run(run_row())
    board.append_scores("rabc", "s1", [score_row()])
    remove = runtime_files._remove

    def fail(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(runtime_files, "_remove", fail)
    with pytest.raises(OSError, match="Read-only"):
        board.forget("rabc")
    assert board.run("rabc") is not None

    def remove_as_another_does(path: Path) -> None:
        remove(path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(runtime_files, "_remove", remove_as_another_does)
    board.forget("rabc")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_runs_are_oldest_first(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write_run(run_row("ra", created=datetime(2024, 2, 1, tzinfo=UTC)))
    board.write_run(run_row("rb", created=datetime(2024, 1, 1, tzinfo=UTC)))
    assert list(board.runs().run_id) == ["rb", "ra"]


def test_an_empty_board_reads_as_empty_and_creates_nothing(tmp_path: Path) -> None:
    board = Board(tmp_path / "none")
    assert list(board.runs().columns) == [column.name for column in schema.RUNS]
    assert board.runs().empty
    assert board.scores().empty
    assert board.training("rabc").empty
    assert board.scored_scenes("rabc") == set()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", ".hidden", "a b", "12345"])
def test_a_run_id_that_is_no_name_is_refused(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(ValueError, match="not a run id"):
        Board(tmp_path).write_run(run_row(run_id))
    assert list(tmp_path.iterdir()) == []


def test_unknown_and_missing_columns_are_refused(tmp_path: Path) -> None:
    board = Board(tmp_path)
    with pytest.raises(ValueError, match="unknown columns \\['colour'\\]"):
        board.write_run(run_row(colour="red"))
    with pytest.raises(ValueError, match="missing columns \\['metric'\\]"):
        board.append_scores("rabc", "s1", [score_row(metric=None)])
    with pytest.raises(ValueError, match="other scenes"):
        board.append_scores("rabc", "s1", [score_row(scene="s2")])
    with pytest.raises(ValueError, match="no scores"):
        board.append_scores("rabc", "s1", [])


def test_scores_by_scene_and_after_consolidation(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row("L1", 0.1), score_row("L2", 0.2)])
    board.append_scores("rabc", "s/2 <b>", [score_row("L1", float("nan"), status="failed")])
    board.append_scores("rdef", "s1", [score_row("L1", 0.9, metric="sdr")])
    assert board.scored_scenes("rabc") == {"s1", "s/2 <b>"}
    assert board.scored_scenes("rabc", include_failed=False) == {"s1"}
    before = board.scores().sort_values(["run_id", "scene", "listener"], ignore_index=True)
    assert before.value.isna().tolist() == [True, False, False, False]
    board.consolidate("rabc")
    assert len(list((tmp_path / "scores" / "run_id=rabc").iterdir())) == 1
    after = board.scores().sort_values(["run_id", "scene", "listener"], ignore_index=True)
    pd.testing.assert_frame_equal(before, after)
    assert board.scores(metric="sdr").run_id.tolist() == ["rdef"]
    assert len(board.scores(["rabc", "rdef"])) == 4
    assert len(board.scores("rabc")) == 3


def test_a_scene_scored_again_replaces_all_that_it_had(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row(value=None, metric="run", status="failed")])
    board.append_scores("rabc", "s2", [score_row(value=0.2)])
    board.consolidate("rabc")
    board.append_scores("rabc", "s1", [score_row(value=0.7)])
    for _ in range(2):
        scores = board.scores("rabc").set_index("scene")
        assert scores.value.to_dict() == {"s1": 0.7, "s2": 0.2}
        board.consolidate("rabc")


def test_a_kill_in_the_middle_of_consolidation_counts_nothing_twice(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row(value=0.1)])
    folder = tmp_path / "scores" / "run_id=rabc"
    [part] = folder.iterdir()
    content = part.read_bytes()
    board.consolidate("rabc")
    part.write_bytes(content)
    assert board.scores("rabc").value.tolist() == [0.1]
    board.consolidate("rabc")
    assert not part.exists()
    assert board.scores("rabc").value.tolist() == [0.1]


def test_a_kill_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path)
    board.write_run(run_row(status="running"))

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", die)
        with pytest.raises(KeyboardInterrupt):
            board.write_run(run_row(status="done"))
    assert board.runs().status.tolist() == ["running"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["run_id=rabc.parquet"]


def test_damaged_files_are_named_and_left_out(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.write_run(run_row("rgood"))
    board.write_run(run_row("rhalf"))
    half = tmp_path / "runs" / "run_id=rhalf.parquet"
    half.write_bytes(half.read_bytes()[:200])
    empty = tmp_path / "runs" / "run_id=rempty.parquet"
    empty.touch()
    foreign = tmp_path / "runs" / "run_id=rforeign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    newer = tmp_path / "runs" / "run_id=rnewer.parquet"
    newer_schema = schema.arrow_schema("runs").with_metadata({schema.VERSION_KEY: b"999"})
    pq.write_table(newer_schema.empty_table(), newer)

    assert board.runs().run_id.tolist() == ["rgood"]
    assert set(board.damaged) == {half, empty, foreign, newer}
    assert "not a file of a bench board" in board.damaged[foreign]
    assert "newer" in board.damaged[newer]
    half.unlink()
    board.write_run(run_row("rhalf"))
    assert board.runs().run_id.tolist() == ["rgood", "rhalf"]
    assert half not in board.damaged


def test_a_damaged_part_is_kept_by_consolidation_and_its_scene_is_not_scored(
    tmp_path: Path,
) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row()])
    board.append_scores("rabc", "s2", [score_row()])
    [part] = (tmp_path / "scores" / "run_id=rabc").glob("s2.*")
    part.write_bytes(b"PAR1 half")
    board.consolidate("rabc")
    assert board.scored_scenes("rabc") == {"s1"}
    assert part in board.damaged
    assert part.exists()


def test_training_long_form(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_epoch("rabc", {"epoch": 1, "loss": 2.0, "loss/mse": 0.5, "valid/haaqi/mean": None})
    board.append_epoch("rabc", {"epoch": 2, "loss": 1.0, "loss/mse": 0.25})
    board.append_epoch("rabc", {"epoch": 2, "loss": 0.9})
    log = board.training("rabc")
    assert list(log.columns) == ["run_id", "epoch", "name", "value"]
    assert log[log.name == "loss"].value.tolist() == [2.0, 0.9]
    assert log[log.epoch == 2].name.tolist() == ["loss"]
    assert log[log.name == "valid/haaqi/mean"].value.isna().all()


def test_a_board_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "board").write_text("a file, not a folder")
    with pytest.raises(BenchError, match="cannot be written") as caught:
        Board(tmp_path / "board").write_run(run_row())
    assert "--out" in caught.value.hint


def _write_scenes(path: str, first: int) -> None:
    board = Board(path)
    for number in range(first, first + 10):
        board.append_scores("rabc", f"s{number}", [score_row(value=float(number))])
        board.write_run(run_row(status="running", seconds=float(number)))


def test_several_processes_write_to_one_board(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_write_scenes, args=(str(tmp_path), 10 * n)) for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    board = Board(tmp_path)
    assert sorted(board.scores("rabc").value) == [float(n) for n in range(30)]
    assert len(board.runs()) == 1
    assert board.damaged == {}


def test_scores_read_while_another_process_consolidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path)
    for number in range(3):
        board.append_scores("rabc", f"s{number}", [score_row()])
    read, done = board._read, []

    def consolidate_first(table: str, files: Any) -> pd.DataFrame:
        if files and not done:  # between listing the parts and reading them
            done.append(True)
            Board(tmp_path).consolidate("rabc")
        return read(table, files)

    monkeypatch.setattr(board, "_read", consolidate_first)
    assert board.scored_scenes("rabc") == {"s0", "s1", "s2"}


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    board = Board(tmp_path)
    for run_id in ("rabc", "rdef"):
        board.write_run(run_row(run_id))
        board.append_scores(run_id, "s1", [score_row("L1", 0.25), score_row("L2", 0.75)])
        board.append_scores(run_id, "s2", [score_row("L1", None, status="failed", reason="x")])
        board.append_epoch(run_id, {"epoch": 1, "loss": 1.5})
    board.consolidate("rdef")
    return tmp_path


def test_plain_pandas_reads_the_board(filled: Path) -> None:
    assert sorted(pd.read_parquet(filled / "runs").run_id) == ["rabc", "rdef"]
    scores = pd.read_parquet(filled / "scores")
    assert len(scores) == 6
    assert scores.groupby("run_id", observed=True).value.mean().to_dict() == {
        "rabc": 0.5,
        "rdef": 0.5,
    }
    assert pd.read_parquet(filled / "training").value.tolist() == [1.5, 1.5]


def test_plain_polars_reads_the_board(filled: Path) -> None:
    pl = pytest.importorskip("polars")
    assert pl.read_parquet(filled / "runs").height == 2
    scores = pl.read_parquet(filled / "scores")
    assert sorted(scores["run_id"].unique()) == ["rabc", "rdef"]
    assert scores["value"].mean() == 0.5
    assert scores["value"].null_count() == 2


def test_plain_duckdb_reads_the_board(filled: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    query = (
        f"select run_id, avg(value), count(*) from read_parquet('{filled}/scores/*/*.parquet') "
        "group by run_id order by run_id"
    )
    assert duckdb.sql(query).fetchall() == [("rabc", 0.5, 3), ("rdef", 0.5, 3)]
    runs = duckdb.sql(f"select run_id from read_parquet('{filled}/runs/*.parquet')").fetchall()
    assert sorted(runs) == [("rabc",), ("rdef",)]


@pytest.mark.parametrize(
    "copy",
    [
        "scores (1).parquet",
        "scores (conflicted copy 2024-05-01).parquet",
        "scores.sync-conflict-20240501-120000-ABCDEFG.parquet",
        "scores - Copy.parquet",
    ],
)
def test_a_cloud_drives_copies_are_left_out_and_named(tmp_path: Path, copy: str) -> None:
    board = Board(tmp_path)
    row = {"listener": "L1", "metric": "haaqi", "part": "mean", "value": 0.5, "status": "ok"}
    board.append_scores("ra", "s1", [row])
    board.consolidate("ra")
    before = board.scores("ra")
    folder = tmp_path / "scores" / "run_id=ra"
    for number in range(3):
        shutil.copy(folder / "scores.parquet", folder / copy.replace(".", f"{number}.", 1))
    again = Board(tmp_path)
    pd.testing.assert_frame_equal(again.scores("ra"), before)
    assert len(again.damaged) == 3
    assert all("cloud drive" in why for why in again.damaged.values())
    again.append_scores("ra", "s2", [row])
    again.consolidate("ra")
    assert set(again.scores("ra").scene) == {"s1", "s2"}
    assert len(list(folder.glob("*.parquet"))) == 4


def test_copies_of_a_runs_row_and_of_an_epoch_are_left_out(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_epoch("ra", {"epoch": 1, "loss": 0.5})
    (file,) = (tmp_path / "training" / "run_id=ra").iterdir()
    shutil.copy(file, file.with_name("epoch-0001 (1).parquet"))
    assert len(board.training("ra")) == 1


# --- seals --------------------------------------------------------------------------------------


def test_one_changed_bit_anywhere_is_damage_and_no_other_number(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row(f"L{n}", n / 7) for n in range(30)])
    (path,) = board.score_files("rabc")
    whole, expected = path.read_bytes(), board.scores()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found = Board(tmp_path)
        if found.scores().empty:
            assert path in found.damaged
        else:  # its seal, which no number depends on
            pd.testing.assert_frame_equal(found.scores(), expected)
    for size in (0, 1, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        found = Board(tmp_path)
        assert found.scores().empty
        assert "damaged" in found.damaged[path]


def test_a_file_of_another_program_has_no_seal_and_is_read(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_scores("rabc", "s1", [score_row()])
    (path,) = board.score_files("rabc")
    pq.write_table(pq.ParquetFile(path).read(), path)
    assert board.scores()["value"].tolist() == [0.5]
    assert not board.damaged


COPIES = (
    "{} (1){}", "{} (conflicted copy 2024-01-01){}", "{}-LAPTOP{}", "{}.sync-conflict-2024-X{}",
    "{} 2{}", "Copy of {}{}", "{}{}.bak", "~{}{}", "{}{}~", "._{}{}", "{}_LAPTOP{}",
)  # fmt: skip


def test_a_cloud_drives_copies_of_all_files_and_folders_change_nothing(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    for run_id in ("r1", "r2"):
        board.write_run(run_row(run_id))
        board.append_scores(run_id, "s1", [score_row()])
        board.append_epoch(run_id, {"epoch": 1, "loss": 0.5})
    board.consolidate("r1")
    expected = board.runs(), board.scores(), board.training()
    for path in sorted(board.path.rglob("*"), reverse=True):
        name, suffix = (path.stem, path.suffix) if path.is_file() else (path.name, "")
        for copy in COPIES:
            target = path.with_name(copy.format(name, suffix))
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    copied = Board(board.path)
    for found, before in zip(
        (copied.runs(), copied.scores(), copied.training()), expected, strict=True
    ):
        pd.testing.assert_frame_equal(found, before)
    assert len(copied.damaged) > 20
