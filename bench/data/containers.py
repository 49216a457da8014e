"""The length of an audio file as its container declares it, and as it is.

libsndfile reads a file that was cut short without a word: its frames are those that are left. And
it takes the header of a stream at its word, whose length the writer could not know: a WAV file of
0 bytes, a FLAC file of 2^63 frames. Sources: the formats' specifications (RIFF, EBU Tech 3306 for
RF64, Sony Wave64, Apple CAF, AIFF-C, Sun AU, RFC 9639 for FLAC, RFC 3533 for Ogg, the Xing tag).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, Final

_UNKNOWN_32: Final = (range(0x7FFF_EF00, 0x8000_0100), range(0xFFFF_EF00, 2**32))
"""Sizes that stand for "not known": SoX 0x7ffff000, arecord 0x80000000, ffmpeg 0xffffffff."""
_LARGEST_FLAC_FRAME: Final = 1 << 21
_LARGEST_OGG_PAGE: Final = 65_307
_MP3_TAGS: Final = 1 << 14
"""Bytes that may follow the last frame without being another stream."""


@dataclass(frozen=True)
class Extent:
    """The samples of a file, as its container gives them.

    Attributes:
        missing: what is not there, in words; empty where the file is whole.
        certain: whether `missing` holds; else the samples have to be decoded to know.
        patch: bytes that the header should have, by their place in the file: what the writer of a
            stream could not know.
        chained: whether another stream follows, which libsndfile does not read.
    """

    missing: str = ""
    certain: bool = True
    patch: dict[int, bytes] = field(default_factory=dict)
    chained: bool = False


def extent(file: BinaryIO) -> Extent:
    """Compare the declared with the actual length; complete if the format is not known here.

    Args:
        file: open to be read, at any place.
    """
    end = file.seek(0, 2)
    file.seek(0)
    start = file.read(16)
    for magic, examine in _FORMATS.items():
        if start.startswith(magic):
            return examine(file, end)
    if start.startswith((b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")):
        return _mp3(file, end)
    return Extent()


# --- chunks ------------------------------------------------------------------------------------


def _chunks(
    file: BinaryIO, position: int, end: int, layout: str, *, pad: int = 2, own: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and declared size of the contents of each chunk.

    Args:
        file: the file.
        position: of the first chunk.
        end: of the file.
        layout: of a chunk's head: name and size, as `struct` writes them.
        pad: bytes to whose multiples contents are padded.
        own: bytes of the head that its size counts.
    """
    head = struct.calcsize(layout)
    while position + head <= end:
        file.seek(position)
        name, size = struct.unpack(layout, file.read(head))
        size -= own
        position += head
        yield name, position, size
        if size < 0:
            return
        position += size + -size % pad


def _bytes_missing(position: int, size: int, end: int) -> Extent:
    missing = position + size - end
    return Extent(f"{missing} bytes of samples are missing" if missing > 0 else "")


def _riff(order: str) -> Callable[[BinaryIO, int], Extent]:
    def examine(file: BinaryIO, end: int) -> Extent:
        file.seek(0)
        kind, whole, form = struct.unpack(f"{order}4sI4s", file.read(12).ljust(12, b"\0"))
        if form != b"WAVE":
            return Extent()
        large = None
        for name, position, size in _chunks(file, 12, end, f"{order}4sI"):
            if name == b"ds64" and kind in (b"RF64", b"BW64"):
                file.seek(position + 8)
                large = int.from_bytes(file.read(8), "little")
            if name != b"data":
                continue
            if size == 0xFFFF_FFFF and large is not None:
                return _bytes_missing(position, large, end)
            if size == 0:
                return _unsized(position, end, order, closed=whole + 8 == end)
            if position + size > end and any(size in sizes for sizes in _UNKNOWN_32):
                return Extent()
            return _bytes_missing(position, size, end)
        return Extent()

    return examine


def _unsized(position: int, end: int, order: str, *, closed: bool) -> Extent:
    """The extent of a data chunk of 0 bytes: no samples, or a stream whose writer did not return.

    A header that knows the length of the file was written by somebody who knew that of the data.
    """
    there = end - position
    if closed or not there:
        return Extent()
    return Extent(patch={position - 4: struct.pack(f"{order}I", min(there, 0xFFFF_FFFF))})


def _aiff(file: BinaryIO, end: int) -> Extent:
    for name, position, size in _chunks(file, 12, end, ">4sI"):
        if name == b"SSND":
            return _bytes_missing(position, size, end)
    return Extent()


def _wave64(file: BinaryIO, end: int) -> Extent:
    for name, position, size in _chunks(file, 40, end, "<16sQ", pad=8, own=24):
        if name.startswith(b"data"):
            return _bytes_missing(position, size, end)
    return Extent()


def _caf(file: BinaryIO, end: int) -> Extent:
    for name, position, size in _chunks(file, 8, end, ">4sq", pad=1):
        if name == b"data":
            return Extent() if size < 0 else _bytes_missing(position, size, end)
    return Extent()


def _au(file: BinaryIO, end: int) -> Extent:
    file.seek(4)
    start, size = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    return Extent() if size == 0xFFFF_FFFF else _bytes_missing(start, size, end)


# --- FLAC --------------------------------------------------------------------------------------


def _flac(file: BinaryIO, end: int) -> Extent:
    """Compare the number of samples in the first block with the end of the last frame."""
    at = 8
    file.seek(at)
    info = file.read(34)
    if len(info) < 34:
        return Extent()
    block, largest = int.from_bytes(info[2:4], "big"), int.from_bytes(info[7:10], "big")
    declared = (info[13] & 0x0F) << 32 | int.from_bytes(info[14:18], "big")
    file.seek(max(0, end - 128))
    if file.read(3) == b"TAG":  # ID3v1, which players put behind anything
        end -= 128
    size = min(end, (largest or _LARGEST_FLAC_FRAME) + 16)
    file.seek(end - size)
    stop = _end_of_frames(file.read(size), block)
    if stop is None:
        if declared:
            return Extent(f"some of its {declared} samples are missing", certain=False)
        return Extent("its last frame is not whole")
    if not declared:
        total = bytes([info[13] & 0xF0 | stop >> 32]) + (stop & 0xFFFF_FFFF).to_bytes(4, "big")
        return Extent(patch={at + 13: total})
    missing = declared - stop
    return Extent(f"{missing} of {declared} samples are missing" if missing > 0 else "")


def _end_of_frames(tail: bytes, block: int) -> int | None:
    """The sample behind the last frame, where that frame ends with the bytes given."""
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        if tail[at + 1 : at + 2] in (b"\xf8", b"\xf9"):
            stop = _end_of_frame(tail[at:], block)
            if stop is not None:
                return stop
    return None


def _end_of_frame(frame: bytes, block: int) -> int | None:
    """The sample behind a frame, or None where the bytes are no whole frame (RFC 9639, 9.1)."""
    variable, sizes, place = frame[1] & 1, frame[2:3], 4
    if not sizes or len(frame) < 10:
        return None
    number, length = _coded_number(frame[place:])
    if number is None:
        return None
    place += length
    code, rate = frame[2] >> 4, frame[2] & 15
    samples = 192 if code == 1 else 576 << (code - 2) if 2 <= code <= 5 else 256 << max(0, code - 8)
    if code in (6, 7):
        extra = code - 5
        samples = int.from_bytes(frame[place : place + extra], "big") + 1
        place += extra
    place += 1 if rate == 12 else 2 if rate in (13, 14) else 0
    if code == 0 or frame[place] != _crc(frame[:place], 8, 0x07):
        return None
    if int.from_bytes(frame[-2:], "big") != _crc(frame[:-2], 16, 0x8005):
        return None
    return (number if variable else number * block) + samples


def _coded_number(data: bytes) -> tuple[int | None, int]:
    """A number as UTF-8 codes it, of up to 36 bits, and its length in bytes."""
    first = data[0]
    length = 8 - (first ^ 0xFF).bit_length() if first < 0xFF else 8
    if length == 0:
        return first, 1
    if length == 1 or length > 7 or len(data) < length:
        return None, 0
    value = first & (0x7F >> length)
    for byte in data[1:length]:
        if byte >> 6 != 0b10:
            return None, 0
        value = value << 6 | byte & 0x3F
    return value, length


@lru_cache(maxsize=2)
def _crc_table(bits: int, polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        table.append(value)
    return tuple(table)


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, value, mask = _crc_table(bits, polynomial), 0, (1 << bits) - 1
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> (bits - 8) ^ byte]
    return value


# --- Ogg and MP3 -------------------------------------------------------------------------------


def _ogg(file: BinaryIO, end: int) -> Extent:
    """Whether the last page is whole, says that it is the last, and is of the first stream."""
    file.seek(14)
    first = file.read(4)
    size = min(end, _LARGEST_OGG_PAGE)
    file.seek(end - size)
    tail = file.read(size)
    at = tail.rfind(b"OggS")
    if at >= 0 and len(tail) >= at + 27:
        lengths = tail[at + 27 : at + 27 + tail[at + 26]]
        whole = len(tail) >= at + 27 + tail[at + 26] + sum(lengths)
        if whole and tail[at + 5] & 4:
            return Extent(chained=tail[at + 14 : at + 18] != first)
    return Extent("the end of the stream is missing")


def _mp3(file: BinaryIO, end: int) -> Extent:
    """Compare the bytes of the Xing tag, where there is one, with what is there."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head.startswith(b"ID3") and len(head) == 10:
        start = 10
        for number, byte in enumerate(head[6:]):
            start += (byte & 0x7F) << 7 * (3 - number)
    file.seek(start)
    first = file.read(64)
    tags = [place for place in (36, 21, 13) if first[place : place + 4] in (b"Xing", b"Info")]
    if not tags:
        return Extent()
    flags = int.from_bytes(first[tags[0] + 4 : tags[0] + 8], "big")
    if not flags & 2:
        return Extent()
    place = tags[0] + 8 + (4 if flags & 1 else 0)
    declared = int.from_bytes(first[place : place + 4], "big")
    missing = start + declared - end
    if missing > 0:
        return Extent(f"{missing} bytes of samples are missing")
    file.seek(start + declared)
    behind = file.read(3)
    # Some writers do not count the tag's own frame; behind the last one may be other tags.
    frame = behind[:1] == b"\xff" and behind[1:2] >= b"\xe0"
    return Extent(chained=-missing > _MP3_TAGS and (frame or behind == b"ID3"))


_FORMATS: Final[dict[bytes, Callable[[BinaryIO, int], Extent]]] = {
    b"RIFF": _riff("<"),
    b"RF64": _riff("<"),
    b"BW64": _riff("<"),
    b"RIFX": _riff(">"),
    b"FORM": _aiff,
    b"riff\x2e\x91\xcf\x11": _wave64,
    b"caff": _caf,
    b".snd": _au,
    b"fLaC": _flac,
    b"OggS": _ogg,
}
