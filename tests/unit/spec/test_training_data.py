"""Names of training data: what bars a row, however it is written."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.spec.training_data import bars, check_words


@pytest.mark.parametrize(
    "said",
    [
        *("musdb18-test", "MUSDB18-test", " musdb18_test", "MUSDB18-HQ test", "musdb18hq-test"),
        *("musdb18", "MUSDB18-HQ"),
    ],
)
def test_the_test_songs_are_barred_however_they_are_written(said: str) -> None:
    assert bars("musdb18-test", said)


@pytest.mark.parametrize("said", ["musdb18-train", "musdb18-test-like", "musdb", "test", "private"])
def test_other_data_are_not_barred(said: str) -> None:
    assert not bars("musdb18-test", said)


@pytest.mark.parametrize(
    ("name", "word"),
    [("unkown", "unknown"), ("unknonw", "unknown"), ("privat", "private"), ("prviate", "private")],
)
def test_a_misspelt_word_is_refused(name: str, word: str) -> None:
    with pytest.raises(BenchError, match=f"'{name}' bars nothing\nWrite '{word}'"):
        check_words(["unknown", name], "suite.toml")


def test_the_words_and_names_of_corpora_are_taken() -> None:
    check_words(["unknown", "Private", "musdb18-test", "my-private", "moisesdb", ""], "suite.toml")
