"""Tables fit the line that they are given."""

from __future__ import annotations

import pytest

from bench.tables.sections import Section, render_sections

ROW = {
    "factor": "weight of haaqi-light",
    "level": "hdemucs-ft",
    "reference": "hdemucs",
    "difference": 0.0123,
    "difference_low": -0.0023,
    "difference_high": 0.0456,
    "p_holm": 0.04,
    "mean": 0.651,
    "reference_mean": 0.638,
    "matches": 6,
    "n": 384,
    "by_seed": "+0.010, +0.020, +0.030",
}
LEAST = ("by_seed", "n", "matches", "reference_mean", "mean", "p_holm")


@pytest.mark.parametrize("width", range(60, 161))
def test_no_line_is_longer_than_the_terminal_and_no_number_is_cut(width: int) -> None:
    section = Section("Effects", (ROW, ROW), "A note.", least=LEAST)
    text = render_sections("", [section], "table", width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "+0.012" in text
    assert "[-0.002, +0.046]" in text
    assert "…" not in text
    words = {word for name in ROW for word in name.split("_")}
    header = text.split("─")[0].split()[1:]
    assert set(header) <= words | {"haaqi-light"}


def test_what_is_left_out_is_named_and_a_wide_line_has_all() -> None:
    section = Section("Effects", (ROW,), least=LEAST)
    narrow = render_sections("", [section], "table", width=90)
    assert "by seed" in narrow.split("Columns left out")[1]
    wide = render_sections("", [section], "table", width=200)
    assert "+0.010, +0.020, +0.030" in wide
    assert "Columns left out" not in wide


def test_p_values_for_programs_alone_are_in_csv_and_json_only() -> None:
    section = Section("Effects", (ROW,), for_programs=("p_holm",))
    for format in ("table", "markdown", "latex"):
        assert ".040" not in render_sections("", [section], format, width=200)
    for format in ("csv", "json"):
        assert "p_holm" in render_sections("", [section], format)


@pytest.mark.parametrize("width", [70, 80, 90, 100, 120])
def test_ids_and_short_words_are_never_broken(width: int) -> None:
    row = {"run_id": "r75d914938cd5", "label": "hdemucs-ft + cnn-residual (10*haaqi-light)"}
    more = dict.fromkeys(("suite", "split", "protocol"), "of some length")
    section = Section("Runs", ({**row, **more},), least=("protocol", "split", "suite"))
    text = render_sections("", [section], "table", width=width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("r75d914938cd5", "hdemucs-ft", "cnn-residual", "(10*haaqi-light)"):
        assert word in text
