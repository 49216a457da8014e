"""Find the song that each excerpt is taken from.

Scenes of one song are not independent: intervals, held-out songs and the check of what a system was
trained on all count songs. The challenge's generator records a sample's song as ``Original Track
Name``; records made by others may lack it, which leaves only the excerpt's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.api import Dataset
from bench.data.names import composed
from bench.errors import BenchError

RECORD: Final = "Original Track Name"
"""The key of a sample's record that names its song."""
FIELD: Final = f"the metadata field '{RECORD}'"
TRACKS: Final = "the track list"
NUMBERS: Final = "their names without an excerpt's number"
NAMES: Final = "their names as they are"
PATTERN: Final = "the pattern of dataset.song"

ONE_SONG_A_SCENE: Final = (
    "every scene counts as a song of its own: if some are excerpts of one song, intervals are too "
    "narrow (-o dataset.song=REGEX finds the song in a name)"
)

_BY: Final = ", identified by "
_NUMBER: Final = re.compile(
    r"[\s_.#(\[-]*(?:(?:segment|seg|excerpt|clip|chunk|part)[\s_.#-]*)?\d+[)\]]?$", re.IGNORECASE
)
_NO_SONGS: Final = frozenset(
    ("", "audio", "excerpt", "mix", "mixture", "music", "sample", "scene", "song", "track")
)
"""What may remain of a name without its number without naming a song."""


@dataclass(frozen=True)
class Songs:
    """The songs of a split, and how they were found.

    Attributes:
        by_name: song by the name that scenes give their music.
        ways: how songs were identified, such as :data:`FIELD`; each that was used.
    """

    by_name: Mapping[str, str]
    ways: tuple[str, ...]

    def __str__(self) -> str:
        excerpts, songs = len(self.by_name), len(set(self.by_name.values()))
        of = f"{_count(excerpts, 'excerpt')} of " if excerpts != songs else ""
        return f"{of}{_count(songs, 'song')}{_BY}{' and '.join(self.ways)}"


def find_songs(recorded: Mapping[str, str], tracks: Iterable[str] = (), pattern: str = "") -> Songs:
    """Find the song of each name: by its record, the track list, or its own form.

    Songs are in Unicode's composed form (NFC): spelt in two ways, a song is one.

    Args:
        recorded: names of music, as scenes give them, with the song that their record names;
            empty where it names none.
        tracks: names of songs; the longest that a name begins with is its song.
        pattern: a regular expression that is looked for in the name, in place of all this; its
            first group is the song, or the whole match where it has none.

    Raises:
        BenchError: the pattern is not a regular expression, or a name does not match it.

    Example:
        >>> str(find_songs({"Tune_1": "", "Tune_2": "", "Air_1": "", "Air_2": ""}))
        "4 excerpts of 2 songs, identified by their names without an excerpt's number"
        >>> find_songs({"Tune - 10 s": ""}, tracks=["Tu", "Tune"]).by_name
        {'Tune - 10 s': 'Tune'}
        >>> find_songs({"x7_a": "", "x7_b": ""}, pattern=r"^(\\w+)_").by_name
        {'x7_a': 'x7', 'x7_b': 'x7'}
    """
    if pattern:
        return Songs({name: _matched(pattern, composed(name)) for name in recorded}, (PATTERN,))
    named = {name: composed(song).strip() for name, song in recorded.items()}
    found = {name: (song, FIELD) for name, song in named.items() if song}
    known = sorted(set(map(composed, tracks)), key=len, reverse=True)
    for name in recorded:
        song = next((track for track in known if _begins(composed(name), track)), "")
        if song and name not in found:
            found[name] = song, TRACKS
    left = [name for name in recorded if name not in found]
    merged = _without_numbers(left)
    for name in left:
        found[name] = (merged[name], NUMBERS) if name in merged else (composed(name), NAMES)
    ways = [way for way in (FIELD, TRACKS, NUMBERS, NAMES) if way in {w for _, w in found.values()}]
    if NUMBERS in ways and NAMES in ways:  # single excerpts, which keep their numbers
        ways.remove(NAMES)
    return Songs({name: found[name][0] for name in recorded}, tuple(ways))


def songs_of(dataset: Dataset, split: str) -> str:
    """A split's songs in words: "967 excerpts of 50 songs, identified by the track list".

    A dataset may have a method ``songs(split)`` whose result says so in these words; of others the
    scenes are counted.
    """
    scenes = dataset.scenes(split)
    own = getattr(dataset, "songs", None)
    if own is not None:
        text = str(own(split))
    else:
        songs = _count(len({scene.song for scene in scenes}), "song")
        text = f"{_count(len(scenes), 'scene')} of {songs}, as the dataset names them"
    alone = one_song_a_scene(scene.song for scene in scenes)
    return f"{text}; {ONE_SONG_A_SCENE}" if alone else text


def current_words(kept: str) -> str:
    """What an earlier version of bench kept of a split's songs, in the words of this one.

    Example:
        >>> current_words("12 songs, by Original Track Name")
        "12 songs, identified by the metadata field 'Original Track Name'"
    """
    count, by, ways = kept.partition(", by ")
    return f"{count}{_BY}{ways.replace(RECORD, FIELD)}" if by else kept


def one_song_a_scene(songs: Iterable[str]) -> bool:
    """Whether each of several scenes is a song of its own, given their songs."""
    counts = Counter(songs)
    return len(counts) > 1 and set(counts.values()) == {1}


def _begins(name: str, track: str) -> bool:
    """Whether a name is a track's, or that and something behind it."""
    return name.startswith(track) and not name[len(track) : len(track) + 1].isalnum()


def _without_numbers(names: list[str]) -> dict[str, str]:
    """What is left of names without their last number, of those that so become one.

    Where all become one, or nothing is left that could name a song, the number is the song's.
    """
    stems = {name: _NUMBER.sub("", composed(name)) for name in names}
    several = {stem for stem, count in Counter(stems.values()).items() if count > 1}
    if len(set(stems.values())) == 1:
        return {}
    return {
        name: stem
        for name, stem in stems.items()
        if stem in several and stem.strip(" _-.").casefold() not in _NO_SONGS
    }


def _matched(pattern: str, name: str) -> str:
    where = "dataset.song"
    try:
        match = re.search(pattern, name)
    except re.error as error:
        raise BenchError(f"'{pattern}' is not a regular expression: {error}", where=where) from None
    song = (match[1] if match.re.groups else match[0]) if match else ""
    if not song:
        hint = "Its first group is the song: dataset.song='^(.+)_[0-9]+$'"
        raise BenchError(f"'{pattern}' finds no song in '{name}'", where=where, hint=hint)
    return song


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
