"""``bench enhance``: one song, for one listener."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import (
    FILE,
    check_run_or_parts,
    chosen_listener,
    listener_options,
    system_options,
)
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.system.song import Enhanced

_OUTPUT = click.Path(path_type=Path)
"""The command itself reports a file that already exists."""
_HEADER = "ear    vocals   drums    bass   other"


@click.command()
@click.argument("song", type=FILE)
@listener_options
@click.option(
    "-O", "--output", type=_OUTPUT, required=True, help="File to write, .flac or .wav, 16 bit."
)
@click.option(
    "--request",
    default="",
    metavar="STEM:DB,...",
    help="Requested gains, as vocals:6,drums:-3.  [default: 0 dB]",
)
@click.option(
    "--rate",
    type=click.Choice(["44100", "32000"]),
    default="44100",
    show_default=True,
    help="Sample rate of the output, Hz; 32000 is what the challenge takes.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing output file.")
@system_options
def command(
    song: Path,
    listener: Path | None,
    listener_id: str,
    audiogram: str,
    audiogram_right: str,
    output: Path,
    request: str,
    rate: str,
    overwrite: bool,
    run: str,
    **choices: Any,
) -> None:
    """Separate SONG, change its gains, remix and amplify it for one listener.

    SONG is any audio file that soundfile reads, stereo or mono, of any sample rate and length. The
    system is that of a trained run (--run), or the one given by the other options. The default
    prescription is nalr-headroom, which leaves room for NAL-R's gain; the challenge scores nalr.
    An existing file is replaced only with --overwrite.
    """
    parts = ("separator", "gains", "max_loudness_loss")
    check_run_or_parts(run, {name: choices[name] for name in parts})
    requested = parse_request(request)
    who = chosen_listener(listener, listener_id, audiogram, audiogram_right)

    from bench.commands.songs import enhance
    from bench.runtime.console import ConsoleProgress

    done = enhance(
        song,
        output,
        who,
        run=run,
        requested=requested,
        sample_rate=int(rate),
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **choices,
    )
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    _show(done)


def parse_request(text: str) -> dict[str, float]:
    """``"vocals:6,drums:-3"`` as dB by stem.

    Raises:
        BenchError: it is written differently, or a stem is named twice.

    Example:
        >>> parse_request("vocals:6,drums:-3")
        {'vocals': 6.0, 'drums': -3.0}
    """
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        stem, colon, level = part.partition(":")
        stem = stem.strip()
        try:
            value = float(level)
        except ValueError:
            colon = ""
            value = 0.0
        if not colon or stem in found:
            hint = "Write it as vocals:6,drums:-3, each stem once."
            raise BenchError(f"'{part}' is not a gain", where="--request", hint=hint)
        found[stem] = value
    return found


def _show(done: Enhanced) -> None:
    """Print what was written, with which gains, and how much of it clips."""
    click.echo(f"{done.path}: {done.seconds:.1f} s, {done.sample_rate} Hz, 16 bit")
    rows = {"both": done.gains} if done.gains.ndim == 1 else dict(
        zip(("left", "right"), done.gains, strict=True)
    )  # fmt: skip
    click.echo(_HEADER)
    for ear, levels in rows.items():
        click.echo(f"{ear:<5}" + "".join(f"{level:+8.1f}" for level in levels.tolist()) + "  dB")
    click.echo(f"clipped: {100 * done.clipped:.2f} % of the samples are at full scale")
