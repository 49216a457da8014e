"""How columns share a line, and where names are broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tables.sections import Section, render_sections
from bench.tables.widths import WIDTH, line_width, longest_word, shared_out, wrapped


@given(st.text("ab +,=[]-_/ 日", max_size=60), st.integers(2, 30))
def test_no_line_is_too_long_and_nothing_is_lost(text: str, width: int) -> None:
    from rich.cells import cell_len

    lines = wrapped(text, width).split("\n")
    assert max(map(cell_len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_names_break_between_their_parts() -> None:
    assert wrapped("hdemucs-ft + cnn-residual", 25) == "hdemucs-ft + cnn-residual"
    assert wrapped("0*haaqi-light+2*loudness+mse", 16) == "0*haaqi-light+\n2*loudness+mse"
    assert wrapped("nalr-limiter[max_loudness_loss=3.0]", 23).split("\n")[0] == "nalr-limiter"
    assert wrapped("two\nlines", 5) == "two\nlines"


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30)), min_size=1, max_size=6))
def test_columns_share_a_line(columns: list[tuple[int, int]]) -> None:
    least = [low for low, _ in columns]
    natural = [low + more for low, more in columns]
    widths = shared_out(natural, least, 80)
    assert all(a <= w <= b for a, w, b in zip(least, widths, natural, strict=True))
    assert sum(widths) <= max(80, sum(least))
    if sum(natural) <= 80:
        assert widths == natural


def test_the_longest_word_of_a_heading() -> None:
    assert longest_word("reference mean") == 9
    assert longest_word("") == 0


@pytest.mark.parametrize(
    ("stated", "columns"),
    [("60", 60), ("160", 160), ("0", WIDTH), ("", WIDTH), ("wide", WIDTH), ("-5", WIDTH)],
)
def test_a_pipe_is_as_wide_as_columns_says(
    stated: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", stated)
    assert line_width() == columns
    section = Section("", ({"text": "word " * 100},))
    text = render_sections("", [section], "table")
    assert columns - len("word ") <= max(map(len, text.splitlines())) <= columns
