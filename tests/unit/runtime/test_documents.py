"""The one reader of JSON and the one of TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.runtime.documents import read_json, read_toml

BAD = {
    "twice": ('{"a": 1, "a": 2}', "a = 1\na = 2", "twice|overwrite"),
    "deep": ("[" * 100_000, "a = " + "[" * 100_000, "deep|nested"),
    "rather deep": ("[" * 60 + "]" * 60, "a = " + "[" * 60 + "]" * 60, "nested too deeply"),
    "large": ('{"a": 1' + "0" * 400 + "}", "a = 1" + "0" * 400, "too large"),
    "endless": ('{"a": 1' + "0" * 5000 + "}", "a = 1" + "0" * 5000, "too large|malformed"),
    "half": ('{"a": "\\ud800"}', 'a = "\\ud800"', "unpaired surrogate|malformed"),
    "cut": ('{"a": ', "a = ", "malformed"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_breaks_the_rules_is_told_in_a_line_with_the_file(tmp_path: Path, name: str) -> None:
    json, toml, message = BAD[name]
    for read, text, ending in ((read_json, json, "json"), (read_toml, toml, "toml")):
        path = tmp_path / f"x.{ending}"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BenchError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert len(str(caught.value).splitlines()) <= 2


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    for read, text in ((read_json, '{"a": 1}'), (read_toml, "a = 1")):
        path = tmp_path / "x"
        path.write_text(text, encoding="utf-8-sig")
        assert read(path) == {"a": 1}


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b"\x80"])
def test_what_is_no_utf8_and_what_is_no_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for read in (read_json, read_toml):
        with pytest.raises(BenchError, match="UTF-8"):
            read(path)
        for other in (tmp_path, tmp_path / "none", Path("a\0b")):
            with pytest.raises(BenchError, match="cannot be read"):
                read(other)
