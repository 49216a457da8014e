"""The score of a song: tempo, key, chords, grooves and melodies, drawn from a song's name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.data.generate.synth.dsp import generator

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
PROGRESSIONS = (
    (0, 4, 5, 3),
    (5, 3, 0, 4),
    (0, 5, 3, 4),
    (1, 4, 0, 0),
    (0, 3, 0, 4),
    (0, 6, 3, 0),
    (5, 4, 3, 4),
    (0, 2, 3, 4),
    (0, 0, 3, 3),
    (1, 4, 2, 5),
)
"""Scale degrees of a bar each, counted from 0."""

GROOVES = {
    # name: swing, kick, snare, hat (x: hit, o: open or accented, -: soft)
    "rock": (0.0, "x.......x.x.....", "....x.......x...", "x.x.x.x.x.x.x.o."),
    "four": (0.0, "x...x...x...x...", "....x.......x...", "..o...o...o...o."),
    "funk": (0.1, "x..x......x..x..", "....x..-.-..x..-", "x-x-x-x-x-o-x-x-"),
    "half": (0.0, "x.........x.....", "........x.......", "x-x-x-x-x-x-xxx-"),
    "shuffle": (0.33, "x.....x.x.......", "....x.......x...", "x..xx..xx..xx..x"),
    "break": (0.0, "x.x.......xx....", "....x..-.-..x...", "x.x.x.x.x.x.o.x."),
    "bossa": (0.0, "x..xx..xx..xx..x", "x..x..x...x..x..", "x-x-x-x-x-x-x-x-"),
    "ballad": (0.0, "x.......x.......", "....x.......x...", "x...x...x...x..."),
    "disco": (0.0, "x...x...x...x...", "....x.......x..-", "x-o-x-o-x-o-x-o-"),
    "latin": (0.05, "x..x..x.x..x..x.", "..x...x...x..x..", "x.xxx.xxx.xxx.xx"),
}


@dataclass(frozen=True)
class Note:
    """A note: start and length in seconds, MIDI pitch, velocity 0 to 1."""

    start: float
    seconds: float
    pitch: int
    velocity: float


@dataclass(frozen=True)
class Score:
    """A song's plan, from which every instrument draws its part.

    Attributes:
        name: of the song; seeds all that is drawn.
        seconds: length.
        tempo: beats a minute; a bar has four beats.
        root: pitch class of the key, 0 is C.
        mode: a key of :data:`MODES`.
        progression: scale degree of each bar, repeated.
        groove: a key of :data:`GROOVES`.
        phase: by how many sixteenths the excerpt starts into a bar, as excerpts of real songs do.
    """

    name: str
    seconds: float
    tempo: float
    root: int
    mode: str
    progression: tuple[int, ...]
    groove: str
    phase: int

    @property
    def sixteenth(self) -> float:
        """Seconds."""
        return 15.0 / self.tempo

    @property
    def bars(self) -> int:
        """The number of bars that cover the song, the first and last being cut."""
        return int(self.seconds / (16 * self.sixteenth)) + 2

    def at(self, bar: int, step: float) -> float:
        """Seconds from the start of the excerpt of a (possibly fractional) sixteenth of a bar."""
        swing = GROOVES[self.groove][0]
        late = swing if int(step) % 2 else 0.0
        return (16 * bar + step + late - self.phase) * self.sixteenth

    def scale(self, degree: int) -> int:
        """Semitones above the key's root of a scale degree, octaves included."""
        octave, step = divmod(degree, 7)
        return 12 * octave + MODES[self.mode][step]

    def chord(self, bar: int, size: int = 3) -> list[int]:
        """Scale degrees of the bar's chord, in thirds from its root."""
        degree = self.progression[bar % len(self.progression)]
        return [degree + 2 * k for k in range(size)]


def compose(name: str, seconds: float) -> Score:
    """Draw the plan of the song `name`."""
    rng = generator(name, "score")
    groove = str(rng.choice(list(GROOVES)))
    tempo = rng.uniform(64, 92) if groove in ("ballad", "half") else rng.uniform(84, 150)
    return Score(
        name=name,
        seconds=seconds,
        tempo=round(float(tempo), 2),
        root=int(rng.integers(12)),
        mode=str(rng.choice(list(MODES), p=[0.4, 0.35, 0.15, 0.1])),
        progression=PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))],
        groove=groove,
        phase=int(rng.integers(16)),
    )


def fit(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into ``[low, high]``, a span of at least an octave."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def melody(score: Score, rng: np.random.Generator, low: int, high: int, busy: float) -> list[Note]:
    """A line of phrases: chord tones on strong beats, steps between, a long last note, a breath.

    Args:
        score: the song.
        rng: draws the line.
        low: lowest MIDI pitch.
        high: highest MIDI pitch.
        busy: 0 to 1; how short the notes are.
    """
    notes: list[Note] = []
    degree = int(rng.integers(0, 7))
    position = int(rng.integers(0, 4))
    lengths = np.array([1, 2, 3, 4, 6])
    weights = np.array([busy, 1.0, 0.4, 1.2 - busy, 0.3])
    while position < 16 * score.bars:
        phrase_end = position + int(rng.choice([12, 14, 24, 28]))
        while position < phrase_end:
            steps = int(rng.choice(lengths, p=weights / weights.sum()))
            if position + steps >= phrase_end:
                steps = int(rng.integers(4, 9))
            bar, step = divmod(position, 16)
            degree += int(
                rng.choice([-3, -2, -1, 0, 1, 2, 3], p=[0.05, 0.1, 0.3, 0.15, 0.25, 0.1, 0.05])
            )
            if step % 4 == 0:
                tones = [d + 7 * octave for d in score.chord(bar) for octave in (-1, 0, 1)]
                degree = min(tones, key=lambda tone: abs(tone - degree))
            degree = max(-4, min(10, degree))
            pitch = fit(60 + score.root + score.scale(degree), low, high)
            start = score.at(bar, step)
            length = 0.94 * steps * score.sixteenth
            if start >= 0:
                notes.append(Note(start, length, pitch, float(rng.uniform(0.65, 1.0))))
            position += steps
        position += int(rng.choice([2, 4, 6, 8]))
    return notes
