"""The guard against pleasing the proxy."""

from __future__ import annotations

import pandas as pd

from bench.training.guard import GoodhartGuard


def run(proxy: list[float], truth: list[float], known: int = 1) -> list[str]:
    rows = [
        (epoch, name, values[epoch])
        for name, values in (("p", proxy), ("t", truth))
        for epoch in range(known)
    ]
    history = pd.DataFrame(rows, columns=["epoch", "name", "value"])
    guard = GoodhartGuard(history, truth="t", proxy="p")
    said = []
    for epoch, (p, t) in enumerate(zip(proxy[known:], truth[known:], strict=True), start=known):
        guard.add({"epoch": epoch, "p": p, "t": t})
        said.append(guard.warning)
    return said


def test_says_so_when_they_part_for_three_epochs() -> None:
    said = run([0.5, 0.6, 0.7, 0.8], [0.5, 0.4, 0.3, 0.2])
    assert said[:2] == ["", ""]
    assert "true HAAQI fell from 0.5000 to 0.2000" in said[2]


def test_history_of_an_earlier_process_counts() -> None:
    said = run([0.5, 0.6, 0.7, 0.8], [0.5, 0.4, 0.3, 0.2], known=3)
    assert "0.2000" in said[0]


def test_silent_where_truth_follows_or_wavers() -> None:
    assert not any(run([0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.8]))
    assert not any(run([0.5, 0.6, 0.7, 0.8, 0.9], [0.5, 0.4, 0.45, 0.3, 0.2]))
    assert not any(run([0.8, 0.7, 0.6, 0.5], [0.5, 0.4, 0.3, 0.2]))


def test_silent_without_a_proxy() -> None:
    guard = GoodhartGuard(
        pd.DataFrame({"epoch": [0], "name": ["t"], "value": [0.5]}), truth="t", proxy="p"
    )
    for epoch in range(1, 6):
        guard.add({"epoch": epoch, "t": 0.5 - epoch / 10})
        assert guard.warning == ""
