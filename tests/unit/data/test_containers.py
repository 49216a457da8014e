"""What containers declare, beside what is there: bytes laid out by hand, as the formats say."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from itertools import pairwise

import pytest

from bench.data import containers
from bench.data.containers import Extent, extent

SAMPLES = bytes(range(1, 101))


def of(content: bytes) -> Extent:
    return extent(io.BytesIO(content))


def missing(count: int) -> str:
    return f"{count} bytes of samples are missing" if count > 0 else ""


# --- chunks ------------------------------------------------------------------------------------


def riff(
    *chunks: tuple[bytes, int, bytes], kind: bytes = b"RIFF", whole: int | None = None
) -> bytes:
    """Chunks, each with its declared size, behind the head of a WAV file."""
    order = ">" if kind == b"RIFX" else "<"
    body = b"".join(n + struct.pack(f"{order}I", s) + c + b"\0" * (s % 2) for n, s, c in chunks)
    declared = len(body) + 4 if whole is None else whole
    return kind + struct.pack(f"{order}I", declared) + b"WAVE" + body


FORMAT = (b"fmt ", 16, bytes(16))
ODD = (b"LIST", 5, b"INFO5")


def wav(kind: bytes = b"RIFF") -> bytes:
    return riff(FORMAT, ODD, (b"data", 100, SAMPLES), kind=kind)


def rf64(kind: bytes = b"RF64") -> bytes:
    sizes = (b"ds64", 28, struct.pack("<QQQI", 0, 100, 25, 0))
    return riff(sizes, FORMAT, (b"data", 0xFFFF_FFFF, SAMPLES), kind=kind)[: 12 + 36 + 24 + 108]


def aiff() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">I", len(content)) + content + b"\0" * (len(content) % 2)

    return b"FORM\0\0\0\0AIFF" + chunk(b"NAME", b"a song.") + chunk(b"SSND", SAMPLES)


def wave64() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        """A size counts its head of 24 bytes; contents are padded to 8."""
        guid = name.ljust(16, b"\xd0")
        return guid + struct.pack("<Q", 24 + len(content)) + content + bytes(-len(content) % 8)

    head = b"riff\x2e\x91\xcf\x11".ljust(16, b"\xd0") + bytes(8) + b"wave".ljust(16, b"\xd0")
    return head + chunk(b"junk", b"12345") + chunk(b"data", SAMPLES)[: 24 + 100]


def caf() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content  # nothing is padded

    return b"caff\0\1\0\0" + chunk(b"info", b"odd") + chunk(b"data", SAMPLES)


def au() -> bytes:
    return b".snd" + struct.pack(">IIIII", 28, 100, 3, 44_100, 2) + bytes(4) + SAMPLES


WHOLE: dict[str, Callable[[], bytes]] = {
    "wav": wav,
    "rifx": lambda: wav(b"RIFX"),
    "rf64": rf64,
    "bw64": lambda: rf64(b"BW64"),
    "aiff": aiff,
    "w64": wave64,
    "caf": caf,
    "au": au,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_are_missing_where_they_are_not_there(kind: str) -> None:
    whole = WHOLE[kind]()
    assert of(whole) == of(whole + b"more") == Extent()
    for cut in (1, 2, 99):
        assert of(whole[:-cut]) == Extent(missing(cut))


def test_what_has_no_samples_is_whole() -> None:
    assert of(b"") == Extent()
    assert of(b"RIFF") == of(b"RIFF\0\0\0\0AVI ") == of(riff(FORMAT)) == Extent()
    assert of(b"FORM\0\0\0\0AIFF") == of(b"caff\0\1\0\0") == Extent()
    assert of(b"something else altogether") == Extent()
    assert of(b".snd") == Extent()


def test_a_chunk_that_ends_before_its_head_ends_the_file() -> None:
    sizes = struct.pack("<Q", 23)  # less than the head that it counts
    head = wave64()[:40]
    assert of(head + b"junk".ljust(16, b"\xd0") + sizes + wave64()[40:]) == Extent()


def test_a_chunk_of_unknown_length_is_the_last_one() -> None:
    """What looks like a chunk in it is none."""
    looks = b"abc" + bytes(8) + b"data" + struct.pack(">q", 1000)
    assert of(b"caff\0\1\0\0" + b"info" + b"\xff" * 8 + looks) == Extent()


def test_lengths_that_a_stream_could_not_know() -> None:
    content = caf()
    size = struct.pack(">q", 100)
    assert of(content.replace(size, struct.pack(">q", -1))) == Extent()
    unknown = bytearray(au())
    unknown[8:12] = b"\xff" * 4
    assert of(bytes(unknown)) == Extent()


@pytest.mark.parametrize(
    ("size", "is_stream"),
    [
        (0x7FFF_EEFF, False),
        (0x7FFF_EF00, True),
        (0x8000_00FF, True),
        (0x8000_0100, False),
        (0xFFFF_EEFF, False),
        (0xFFFF_EF00, True),
        (0xFFFF_FFFF, True),
    ],
)
def test_sizes_of_streams(size: int, is_stream: bool) -> None:
    """SoX 0x7ffff000, arecord 0x80000000, ffmpeg 0xffffffff, less up to a page of header."""
    found = of(riff(FORMAT, (b"data", size, SAMPLES))[: 12 + 24 + 8 + 100])
    assert found == Extent(missing(0 if is_stream else size - 100))


def test_a_size_of_64_bits_counts_in_rf64_alone() -> None:
    sizes = (b"ds64", 28, struct.pack("<QQQI", 0, 300, 25, 0))
    data = (b"data", 0xFFFF_FFFF, SAMPLES)
    end = 12 + 36 + 24 + 8 + 100
    assert of(riff(sizes, FORMAT, data, kind=b"RF64")[:end]) == Extent(missing(200))
    assert of(riff(sizes, FORMAT, data)[:end]) == Extent()
    # It is asked for only where the size of 32 bits says so.
    known = (b"data", 100, SAMPLES)
    assert of(riff(sizes, FORMAT, known, kind=b"RF64")) == Extent()


@pytest.mark.parametrize("kind", [b"RIFF", b"RIFX"])
def test_a_size_of_0_is_completed_where_the_header_was_never_closed(kind: bytes) -> None:
    order = ">" if kind == b"RIFX" else "<"
    content = riff(FORMAT, (b"data", 0, SAMPLES), kind=kind, whole=0)
    assert of(content) == Extent(patch={40: struct.pack(f"{order}I", 100)})
    closed = riff(FORMAT, (b"data", 0, SAMPLES), kind=kind)
    assert of(closed) == Extent()
    assert of(riff(FORMAT, (b"data", 0, b""), kind=kind, whole=0)) == Extent()
    assert of(riff(FORMAT, (b"data", 0, b"1"), kind=kind, whole=0)).patch


# --- FLAC --------------------------------------------------------------------------------------


def crc(data: bytes, bits: int, polynomial: int) -> int:
    """The remainder of a division of polynomials over GF(2), from its definition."""
    value = int.from_bytes(data, "big") << bits
    divisor = 1 << bits | polynomial
    while value.bit_length() > bits:
        value ^= divisor << (value.bit_length() - bits - 1)
    return value


def test_checksums_are_those_of_the_catalogue() -> None:
    """CRC-8/SMBUS and CRC-16/UMTS of "123456789", in the catalogue of parametrised CRCs."""
    for check, data, bits, polynomial in (
        (0xF4, b"123456789", 8, 0x07),
        (0xFEE8, b"123456789", 16, 0x8005),
    ):
        assert crc(data, bits, polynomial) == check
        assert containers._crc(data, bits, polynomial) == check
    assert containers._crc(b"", 8, 0x07) == 0


def frame(
    sizes: int, number: bytes = b"\0", *, extra: bytes = b"", variable: bool = False
) -> bytes:
    """A frame whose codes of block size and sample rate are the two halves of `sizes`."""
    head = bytes([0xFF, 0xF8 | variable, sizes, 0x18]) + number + extra
    head += bytes([crc(head, 8, 0x07)])
    body = head + b"subframes"
    return body + crc(body, 16, 0x8005).to_bytes(2, "big")


BLOCKS = {1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608} | {
    8: 256, 9: 512, 10: 1024, 11: 2048, 12: 4096, 13: 8192, 14: 16_384, 15: 32_768
}  # fmt: skip
"""RFC 9639, 9.1.1."""


@pytest.mark.parametrize("code", BLOCKS)
def test_block_sizes_of_flac(code: int) -> None:
    last = frame(code << 4 | 9, b"\x03")
    assert containers._end_of_frame(last, 1000) == 3000 + BLOCKS[code]
    varied = frame(code << 4 | 9, b"\x03", variable=True)
    assert containers._end_of_frame(varied, 1000) == 3 + BLOCKS[code]


@pytest.mark.parametrize(
    ("sizes", "extra", "samples"),
    [
        (0x69, b"\x0f", 16),  # a size of its own in 8 bits, less 1
        (0x79, b"\x12\x33", 0x1234),  # in 16 bits
        (0x9C, b"\x2c", 512),  # a rate of its own in kHz
        (0x9D, b"\xac\x44", 512),  # in Hz
        (0x9E, b"\x11\x3a", 512),  # in tens of Hz
        (0x7E, b"\x00\x09\x11\x3a", 10),
    ],
)
def test_sizes_and_rates_of_a_frames_own(sizes: int, extra: bytes, samples: int) -> None:
    assert containers._end_of_frame(frame(sizes, extra=extra), 4096) == samples


def test_what_is_no_whole_frame() -> None:
    whole = frame(0x99)
    assert containers._end_of_frame(whole, 4096) == 512
    assert containers._end_of_frame(frame(0x09), 4096) is None  # a code that is reserved
    assert containers._end_of_frame(frame(0x99, b"\x80"), 4096) is None  # no number begins so
    for short in range(3, len(whole)):
        assert containers._end_of_frame(whole[:short], 4096) is None
    for place in range(2, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        assert containers._end_of_frame(bytes(damaged), 4096) is None


def test_the_shortest_frame_has_ten_bytes() -> None:
    """A constant of 8 bits in mono: its head of 6, a kind and a value, and a checksum of 2."""
    head = bytes([0xFF, 0xF8, 0x99, 0x02, 7])
    body = head + bytes([crc(head, 8, 0x07)]) + b"\0\x55"
    whole = body + crc(body, 16, 0x8005).to_bytes(2, "big")
    assert len(whole) == 10
    assert containers._end_of_frame(whole, 512) == 7 * 512 + 512


@pytest.mark.parametrize(
    "number",
    [0, 1, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1_0000, 0x10_FFFF],
)
def test_coded_numbers_are_those_of_utf_8(number: int) -> None:
    coded = chr(number).encode()
    assert containers._coded_number(coded + b"more") == (number, len(coded))


@pytest.mark.parametrize(
    ("coded", "number"),
    [
        (b"\xf8\x88\x80\x80\x80", 0x20_0000),
        (b"\xfb\xbf\xbf\xbf\xbf", 0x3FF_FFFF),
        (b"\xfc\x84\x80\x80\x80\x80", 0x400_0000),
        (b"\xfd\xbf\xbf\xbf\xbf\xbf", 0x7FFF_FFFF),
        (b"\xfe\x82\x80\x80\x80\x80\x80", 0x8000_0000),
        (b"\xfe\xbf\xbf\xbf\xbf\xbf\xbf", 0xF_FFFF_FFFF),
    ],
)
def test_coded_numbers_of_up_to_36_bits(coded: bytes, number: int) -> None:
    """RFC 9639, 9.1.5, goes on where UTF-8 ends."""
    assert containers._coded_number(coded) == (number, len(coded))
    assert containers._coded_number(coded[:-1]) == (None, 0)


@pytest.mark.parametrize("coded", [b"\x80", b"\xbf\x80", b"\xff" + b"\x80" * 8, b"\xc2\x00"])
def test_what_is_no_coded_number(coded: bytes) -> None:
    assert containers._coded_number(coded) == (None, 0)


def flac(declared: int, *frames: bytes, block: int = 4096, largest: int = 0) -> bytes:
    """STREAMINFO for 44.1 kHz in stereo of 16 bits, and frames."""
    rate, channels, bits = 44_100, 2, 16
    numbers = rate << 44 | (channels - 1) << 41 | (bits - 1) << 36 | declared
    info = struct.pack(">HH", block, block) + bytes(3) + largest.to_bytes(3, "big")
    info += numbers.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + b"\x80\0\0\x22" + info + b"".join(frames)


FRAMES = (frame(0xC9, b"\0"), frame(0xC9, b"\1"), frame(0x99, b"\2"))
LENGTH = 2 * 4096 + 512


def test_the_length_of_a_flac_file_is_that_of_its_last_frame() -> None:
    assert of(flac(LENGTH, *FRAMES)) == of(flac(LENGTH - 1, *FRAMES)) == Extent()
    assert of(flac(LENGTH + 1, *FRAMES)) == Extent(f"1 of {LENGTH + 1} samples are missing")
    assert of(flac(LENGTH, *FRAMES[:2])) == Extent(f"512 of {LENGTH} samples are missing")
    # What is behind the last frame may be another kind of tag: it must be decoded to know.
    uncertain = Extent(f"some of its {LENGTH} samples are missing", certain=False)
    assert of(flac(LENGTH, *FRAMES) + b"x") == uncertain
    assert of(flac(LENGTH, *FRAMES)[:-1]) == uncertain
    assert of(flac(0, *FRAMES)[:-1]) == Extent("its last frame is not whole")
    assert of(flac(LENGTH, *FRAMES)[:41]) == Extent()
    assert of(flac(LENGTH)[:42]) == uncertain


def test_a_tag_behind_a_flac_file_does_not_count() -> None:
    content = flac(LENGTH, *FRAMES)
    assert of(content + b"TAG" + bytes(125)) == Extent()
    assert of(content + b"TAG" + bytes(124)).missing


@pytest.mark.parametrize("large", [0, 0xA_0000_0000])
def test_a_flac_file_of_a_stream_is_told_its_length(large: int) -> None:
    """In 36 bits, of which the upper four share a byte with the depth."""
    number = large + 5
    coded = bytes([number]) if not large else b"\xfe" + bytes(
        0x80 | number >> shift & 0x3F for shift in range(30, -1, -6)
    )  # fmt: skip
    total = number + 512
    content = flac(0, frame(0x99, coded, variable=True))
    changed = of(content).patch
    assert changed == {21: bytes([0xF0 | total >> 32]) + (total & 0xFFFF_FFFF).to_bytes(4, "big")}
    patched = bytearray(content)
    for place, new in changed.items():
        patched[place : place + len(new)] = new
    assert bytes(patched) == flac(total, frame(0x99, coded, variable=True))


def test_the_last_frame_is_looked_for_no_further_than_the_largest_one() -> None:
    size = max(map(len, FRAMES))
    assert of(flac(LENGTH, *FRAMES, largest=size)) == Extent()
    behind = flac(LENGTH, *FRAMES, b"\xff\xf8" * 10, largest=size)
    assert of(behind).missing == f"some of its {LENGTH} samples are missing"


def test_frames_are_found_from_the_last_one_on() -> None:
    for one, other in pairwise((b"", *FRAMES)):
        end = containers._end_of_frames(one + other, 4096)
        assert end == containers._end_of_frame(other, 4096)
    assert containers._end_of_frames(b"\xff\xf8", 4096) is None
    assert containers._end_of_frames(b"", 4096) is None


# --- Ogg and MP3 -------------------------------------------------------------------------------


def page(flags: int, *lengths: int) -> bytes:
    head = b"OggS\0" + bytes([flags]) + bytes(20) + bytes([len(lengths), *lengths])
    return head + b"\1" * sum(lengths)


def test_the_last_page_of_ogg_says_that_it_is_the_last() -> None:
    first = page(2, 30)
    for last in (page(4, 255, 7), page(5, 1), page(4)):
        assert of(first + last) == Extent()
        for cut in (1, len(last) - 26):
            found = of((first + last)[:-cut])
            assert found == Extent("the end of the stream is missing")
    for flags in (0, 1, 2):
        assert of(first + page(flags, 9)) == Extent("the end of the stream is missing")


@pytest.mark.parametrize("place", [36, 21, 13])
@pytest.mark.parametrize("tag", [b"Xing", b"Info"])
@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("before", [0, 5, 200, 20_000])
def test_the_bytes_that_an_mp3_file_declares(
    place: int, tag: bytes, frames: bool, before: int
) -> None:
    """Behind a tag ID3 of a size in four times 7 bits."""
    declared = 500
    head = b"\xff\xfb".ljust(place, b"\0") + tag + struct.pack(">I", 2 | frames)
    head += (struct.pack(">I", 7) if frames else b"") + struct.pack(">I", declared)
    content = head.ljust(declared, b"\0")
    if before:
        size = bytes(before >> shift & 0x7F for shift in (21, 14, 7, 0))
        content = b"ID3\4\0\0" + size + bytes(before) + content
    assert of(content) == of(content + b"TAG") == Extent()
    assert of(content[:-1]) == Extent(missing(1))
    assert of(content[:-400]) == Extent(missing(400))


def test_an_mp3_file_that_declares_nothing_is_whole() -> None:
    assert of(b"\xff\xfb".ljust(80, b"\0")) == Extent()
    tag = b"\xff\xfb".ljust(36, b"\0") + b"Xing" + struct.pack(">II", 1, 500)
    assert of(tag) == Extent()
    assert of(b"ID3") == of(b"ID3\4\0\0\0\0\0") == Extent()
