"""Boards whose truth is known: how often intervals hold it, and how often equal systems differ.

``python -m bench.leaderboard.simulation`` prints the table of the documentation; ``--boards`` says
of how many boards each line is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bench.leaderboard.clusters import Array, Crossing
from bench.leaderboard.statistics import interval_of, p_of

TIES: Final = 0.6
"""Share of differences that are exactly 0 in designs with ties."""
SHAPES: Final = ("normal", "tied", "tied songs", "heavy", "skewed")
"""What effects look like: normal; normal, with TIES of the differences, or of the songs, exactly 0;
Student's t with 3 degrees of freedom; song effects exponential, the others normal."""
SONG_SD: Final = 0.035
REST_SD: Final = 0.011


@dataclass(frozen=True)
class Design:
    """Who hears what, and how differences vary.

    Attributes:
        name: of the design.
        crossing: song and listener of each difference.
        shape: one of SHAPES.
        song: standard deviation between songs.
        listener: between listeners.
        rest: of what is left.
    """

    name: str
    crossing: Crossing
    shape: str = "normal"
    song: float = SONG_SD
    listener: float = 0.0
    rest: float = REST_SD

    def differences(self, rng: np.random.Generator) -> Array:
        """Differences of one board, ``(n,)``, whose true mean is 0."""
        song, listener = self.crossing.song, self.crossing.listener
        of_songs = self.song * _effects(rng, int(song.max()) + 1, self.shape)
        values = of_songs[song] + self.rest * _effects(rng, len(song), _plain(self.shape))
        if listener is not None and self.listener:
            heard = _effects(rng, int(listener.max()) + 1, _plain(self.shape))
            values += self.listener * heard[listener]
        if self.shape == "tied":
            values *= rng.random(len(values)) >= TIES
        if self.shape == "tied songs":
            values *= (rng.random(len(of_songs)) >= TIES)[song]
        return values


@dataclass(frozen=True)
class Held:
    """Shares of boards: whose interval holds the truth, and whose p is 0.05 or less."""

    coverage: float
    false_positives: float


def independent(songs: int, each: int = 4) -> Crossing:
    """A design in which each listener hears one song."""
    song = np.repeat(np.arange(songs), each)
    return Crossing(song, np.arange(len(song)))


def uneven(songs: int, most: int = 8, seed: int = 0) -> Crossing:
    """1 to `most` listeners per song, each of whom hears only one."""
    sizes = np.random.default_rng(seed).integers(1, most + 1, songs)
    song = np.repeat(np.arange(songs), sizes)
    return Crossing(song, np.arange(len(song)))


def crossed(songs: int, listeners: int) -> Crossing:
    """Each listener hears each song."""
    return Crossing(np.repeat(np.arange(songs), listeners), np.tile(np.arange(listeners), songs))


def excerpts(
    songs: int, listeners: int, number: int, each: int, *, seed: int = 0, spread: float = 0.0
) -> Crossing:
    """Excerpts of songs, drawn at random, each heard by some listeners, drawn at random.

    Args:
        songs: number of songs, each with one excerpt at least.
        listeners: number of listeners.
        number: of excerpts.
        each: listeners an excerpt.
        seed: of the drawing.
        spread: how unevenly songs are drawn, from 0; 1 makes some several times as frequent.
    """
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(songs, 1.0 / spread)) if spread else np.full(songs, 1 / songs)
    of_songs = np.concatenate([np.arange(songs), rng.choice(songs, number - songs, p=shares)])
    heard = rng.permuted(np.tile(np.arange(listeners), (number, 1)), axis=1)[:, :each]
    return Crossing(np.repeat(of_songs, each), heard.ravel())


def official_valid() -> Crossing:
    """967 excerpts of 50 songs, each heard by 2 of 50 listeners."""
    return excerpts(50, 50, 967, 2)


def official_eval() -> Crossing:
    """960 excerpts of 50 songs, each heard by 20 of 52 listeners."""
    return excerpts(50, 52, 960, 20)


def simulate(design: Design, boards: int, seed: int = 1) -> Held:
    """How often intervals contain the truth, and how often equal systems are distinguished at 5 %.

    Args:
        design: what is drawn.
        boards: how many.
        seed: of the drawing.
    """
    rng = np.random.default_rng(seed)
    covered = rejected = 0
    for _ in range(boards):
        values = design.differences(rng)
        interval = interval_of(values, design.crossing)
        covered += interval.low <= 0.0 <= interval.high
        rejected += p_of(values, design.crossing) <= 0.05
    return Held(covered / boards, rejected / boards)


def designs() -> Iterator[Design]:
    """The designs of the documentation's table."""
    one_way = {
        **{f"independent, {n} songs": independent(n) for n in (4, 8, 12, 20, 50)},
        **{f"unbalanced, {n} songs": uneven(n) for n in (8, 20, 50)},
    }
    for name, crossing in one_way.items():
        yield from (Design(name, crossing, shape, rest=0.03) for shape in SHAPES)
    two_way = {
        **{f"crossed, {n} songs x 20 listeners": crossed(n, 20) for n in (4, 8, 12, 20, 50)},
        "crossed, 8 songs x 6 listeners": crossed(8, 6),
        "crossed, 50 songs x 6 listeners": crossed(50, 6),
        "unbalanced, 20 songs x 20 listeners": excerpts(20, 20, 100, 2, spread=0.5),
        "official valid": official_valid(),
        "official eval": official_eval(),
    }
    for name, crossing in two_way.items():
        for shape in ("normal", "tied", "heavy"):
            plain = Design(name, crossing, shape)
            yield from (replace(plain, listener=sd) for sd in (0.0, 0.01, 0.03))


def _effects(rng: np.random.Generator, size: int, shape: str) -> Array:
    """Effects of mean 0 and standard deviation 1."""
    if shape == "heavy":
        heavy: Array = rng.standard_t(3, size) / np.sqrt(3.0)
        return heavy
    if shape == "skewed":
        return rng.standard_exponential(size) - 1.0
    return rng.standard_normal(size)


def _plain(shape: str) -> str:
    return "normal" if shape == "skewed" else shape


def main() -> None:
    """Print the table of coverage and false positives, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=2000)
    boards = parser.parse_args().boards
    print("| design | shape | listener sd | coverage | false positives |")
    print("| --- | --- | ---: | ---: | ---: |")
    for one in designs():
        held = simulate(one, boards)
        numbers = f"{one.listener:g} | {held.coverage:.3f} | {held.false_positives:.3f}"
        print(f"| {one.name} | {one.shape} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
