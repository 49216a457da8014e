"""``bench enhance``: one song, for one listener."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.listener_options import chosen_listener, listener_options
from bench.cli.options import out_option
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.system.song import Enhanced

_HEADER = "ear    vocals   drums    bass   other"


@click.command(short_help="Put a song through a system, for one listener.")
@click.argument("song", type=click.Path(dir_okay=False, path_type=Path))
@listener_options
@click.option(
    "-O",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write, .flac or .wav, 16 bit.",
)
@click.option(
    "--request",
    default="",
    metavar="STEM:DB,...",
    help="Gains asked for, as vocals:6,drums:-3.  [default: 0 dB]",
)
@click.option(
    "--rate",
    type=click.Choice(["44100", "32000"]),
    default="44100",
    show_default=True,
    help="Sample rate of the output, Hz; 32000 is what the challenge takes.",
)
@click.option("--run", default="", help="Id or label of a trained run on the board.")
@click.option("--separator", default="", help="Separator, without --run.  [default: hdemucs]")
@click.option("--gains", default="", help="Gain strategy, without --run.  [default: fixed]")
@click.option("--prescription", default="", help="Prescription, without --run.  [default: nalr]")
@click.option("--suite", default="demo", show_default=True, help="Suite that the run belongs to.")
@click.option(
    "-o",
    "--option",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="An option of a plugin, as separator.weights=PATH.",
)
@out_option
def command(
    song: Path,
    listener: Path | None,
    listener_id: str,
    audiogram: str,
    audiogram_right: str,
    output: Path,
    request: str,
    rate: str,
    run: str,
    separator: str,
    gains: str,
    prescription: str,
    suite: str,
    option: tuple[str, ...],
    out: Path | None,
) -> None:
    """Separate SONG, change its gains, remix and amplify it for one listener.

    SONG is any audio file that soundfile reads, stereo or mono, of any sample rate and length. The
    system is that of a trained run (--run), or the one that the other options name.
    """
    named = {"separator": separator, "gains": gains, "prescription": prescription}
    if run and any(named.values()):
        given = next(name for name, value in named.items() if value)
        hint = "A run says that itself: leave one of the two out."
        raise BenchError(f"--run and --{given} are both given", hint=hint)
    requested = parse_request(request)
    who = chosen_listener(listener, listener_id, audiogram, audiogram_right)

    from bench.commands.songs import enhance
    from bench.options import parse_options
    from bench.runtime.console import ConsoleProgress
    from bench.spec.choices import Choices

    sections = parse_options(option)
    choices: Choices = {"suite": suite}
    choices["options"] = {f"{s}.{key}": v for s, own in sections.items() for key, v in own.items()}
    if separator:
        choices["separator"] = separator
    if gains:
        choices["gains"] = gains
    if prescription:
        choices["prescription"] = prescription
    done = enhance(
        song,
        output,
        who,
        run=run,
        out=out,
        requested=requested,
        sample_rate=int(rate),
        progress=ConsoleProgress(),
        **choices,
    )
    for note in done.notes:
        click.echo(f"note: {note}", err=True)
    _say(done)


def parse_request(text: str) -> dict[str, float]:
    """``"vocals:6,drums:-3"`` as dB by stem.

    Raises:
        BenchError: it is not written so, or a stem is named twice.
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
        if not colon or not abs(value) <= 40 or stem in found:
            hint = "Write it as vocals:6,drums:-3, each stem once, at most 40 dB up or down."
            raise BenchError(f"'{part}' is no gain", where="--request", hint=hint)
        found[stem] = value
    return found


def _say(done: Enhanced) -> None:
    """What was written, with which gains, and how much of it clips."""
    click.echo(f"{done.path}: {done.seconds:.1f} s, {done.sample_rate} Hz, 16 bit")
    rows = {"both": done.gains} if done.gains.ndim == 1 else dict(
        zip(("left", "right"), done.gains, strict=True)
    )  # fmt: skip
    click.echo(_HEADER)
    for ear, levels in rows.items():
        click.echo(f"{ear:<5}" + "".join(f"{level:+8.1f}" for level in levels.tolist()) + "  dB")
    click.echo(f"clipped: {100 * done.clipped:.2f} % of the samples stand at full scale")
