"""The groups of options that commands share, and their conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.errors import BenchError
from bench.spec.defaults import DEFAULT_GAINS, DEFAULT_SEPARATOR, DEFAULT_SUITE, READY_SEPARATOR
from bench.tables import FORMATS

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[F], F]

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
_LISTENER_HINT = (
    'Give --listener FILE.json, or --audiogram "250:20,500:25,1000:40,2000:55,4000:60".'
)


def group(*options: Option[Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which ``--help`` lists them."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def assignments(texts: tuple[str, ...]) -> dict[str, str]:
    """``("separator.weights=musdb",)`` as values by key; the last of two counts.

    Raises:
        BenchError: a text is not ``section.name=value``.

    Example:
        >>> assignments(("separator.weights=musdb",))
        {'separator.weights': 'musdb'}
    """
    from bench.options import parse_options

    return {
        f"{section}.{name}": value
        for section, own in parse_options(texts).items()
        for name, value in own.items()
    }


def names(text: str) -> list[str]:
    """``"a, b"`` as names.

    Example:
        >>> names("a, b,")
        ['a', 'b']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def debugging() -> bool:
    """Whether ``bench --debug`` was asked for."""
    return bool(click.get_current_context().find_root().params.get("debug"))


def option_option(help: str, metavar: str = "SECTION.NAME=VALUE") -> Option[Any]:
    """``-o``, which may be repeated."""
    return click.option(
        "-o",
        "--option",
        "options",
        multiple=True,
        metavar=metavar,
        help=help,
        callback=lambda context, parameter, texts: assignments(texts),
    )


out_option = click.option(
    "--out", type=FOLDER, default=None, help="Folder of the board.  [default: leaderboards/SUITE]"
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=0), default=0, help="Processes.  [default: one per core]"
)
time_limit_option = click.option(
    "--time-limit",
    type=click.FloatRange(min=0),
    default=None,
    metavar="SECONDS",
    help="Time limit per plugin and scene; 0 for none.  [default: 600 s or more]",
)


def _begin_executor(context: click.Context, parameter: click.Parameter, scheduler: str) -> None:
    """Do what the command does by an executor, for as long as it lasts."""
    kind = context.params.pop("executor", "") or ("dask" if scheduler else "local")
    if kind == "local" and scheduler:
        raise BenchError("--executor local has no scheduler", hint="Leave --scheduler out.")
    if kind == "dask" and not scheduler:
        hint = "Give --scheduler tcp://HOST:8786, or the scheduler's file."
        raise BenchError("no scheduler is named", where="--executor dask", hint=hint)
    if scheduler:
        from bench.commands.cluster import executing

        context.with_resource(executing(scheduler))
        _say_cluster()


def _say_cluster() -> None:
    from bench.runtime.cluster import Cluster
    from bench.runtime.executors import executor

    cluster = executor()
    assert isinstance(cluster, Cluster)
    click.echo(f"{cluster.workers()} workers; dashboard: {cluster.dashboard}", err=True)


executor_options = group(
    click.option(
        "--executor",
        type=click.Choice(("local", "dask")),
        default=None,
        is_eager=True,
        help="Where to run: processes of this machine, or a Dask cluster.  [default: local]",
    ),
    click.option(
        "--scheduler",
        default="",
        metavar="ADDRESS|FILE",
        expose_value=False,
        callback=_begin_executor,
        help="Scheduler of the Dask cluster, as tcp://HOST:8786.",
    ),
)
"""Where a command runs its parallel work."""

baselines_option = click.option(
    "--baselines/--no-baselines", default=True, help="Also score the suite's baselines."
)
report_option = click.option(
    "--report/--no-report", default=True, help="Write a report beside the board."
)
format_option = click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="Output format.",
)
text_format_option = click.option(
    "--format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Output format.",
)
suite_option = click.option(
    "--suite", default=DEFAULT_SUITE, show_default=True, help="Name, or a TOML file."
)
split_option = click.option("--split", default="", help="Split.  [default: the suite's]")
protocol_option = click.option(
    "--protocol", default="", help="Reference protocol.  [default: the suite's]"
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=0,
    help="Score only this many pairs, evenly spaced.  [default: all]",
)

metrics_option = click.option(
    "--metrics",
    default=None,
    metavar="NAME,NAME,...",
    help="Further metrics, besides the suite's, as haaqi-light.",
)

where_option = click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=PATTERN",
    help="Only these runs, as separator=hdemucs* or status!=done; may be repeated.",
)
_view_options = (
    click.option("--suite", default="", help="Name, or a TOML file.  [default: the board's]"),
    click.option("--split", default="", help="Split.  [default: the board's]"),
    click.option("--protocol", default="", help="Reference protocol.  [default: the board's]"),
)
board_options = group(*_view_options, out_option)
"""The rows of a board that a command reads."""

loudness_limit_option = click.option(
    "--max-loudness-loss",
    type=float,
    default=None,
    metavar="LU",
    help="How much quieter than NAL-R the prescription may make an ear.  [default: its own]",
)

run_options = group(
    click.option("--separator", default=DEFAULT_SEPARATOR, show_default=True, help="Separator."),
    click.option("--gains", default=DEFAULT_GAINS, show_default=True, help="Gain strategy."),
    click.option("--prescription", default="", help="Prescription.  [default: the suite's]"),
    loudness_limit_option,
    click.option("--loss", default="", help="Loss, as 'mse + 0.3*sdr', or 'joint'."),
    suite_option,
    click.option(
        "--protocol", default="", help="Reference: challenge or shared-gains.  [default: suite]"
    ),
    click.option("--split", default="", help="Split to score.  [default: the suite's]"),
    click.option("--epochs", type=int, default=None, help="Epochs of training."),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run."),
    limit_option,
    metrics_option,
    click.option("--name", default="", help="Its name on the board.  [default: its parts]"),
    option_option("An option of a plugin or the training, as separator.weights=PATH."),
    baselines_option,
    out_option,
)
"""What a run consists of, and where it is kept."""

system_options = group(
    click.option("--run", default="", help="Id or name of a run on the board."),
    click.option(
        "--separator", default="", help=f"Separator, without --run.  [default: {READY_SEPARATOR}]"
    ),
    click.option(
        "--gains", default="", help=f"Gain strategy, without --run.  [default: {DEFAULT_GAINS}]"
    ),
    click.option(
        "--prescription",
        default="",
        help="Prescription.  [default: the run's or the suite's; of enhance nalr-headroom]",
    ),
    loudness_limit_option,
    click.option(
        "--suite", default="", help="Name, or a TOML file.  [default: the run's, or demo]"
    ),
    option_option("An option of a plugin or dataset, as separator.weights=PATH."),
    out_option,
)
"""A finished system: that of a run, or one given by its parts."""

listener_options = group(
    click.option(
        "--listener",
        type=FILE,
        default=None,
        help="JSON file of one listener, or of many as in listeners.valid.json.",
    ),
    click.option("--listener-id", default="", help="Id of a listener in --listener."),
    click.option(
        "--audiogram",
        default="",
        metavar="HZ:DB,...",
        help="Audiogram in dB HL, as 250:20,500:25,1000:40, or a standard one, as N3.",
    ),
    click.option(
        "--audiogram-right",
        default="",
        metavar="HZ:DB,...",
        help="Audiogram of the right ear.  [default: as --audiogram]",
    ),
)
"""The listener."""

excerpt_options = group(
    *_view_options,
    click.option(
        "--scenes",
        default="",
        metavar="ID,ID,...",
        help="Scenes.  [default: the one on which the systems differ most]",
        callback=lambda context, parameter, text: names(text),
    ),
    click.option(
        "--listeners",
        default="",
        metavar="ID,ID,...",
        help="Listeners.  [default: the first of each scene]",
        callback=lambda context, parameter, text: names(text),
    ),
    click.option(
        "--run",
        "runs",
        multiple=True,
        metavar="RUN",
        help="Id or name of a run; may be repeated.  [default: all of the board]",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(min=1.0, max=60.0),
        default=10.0,
        show_default=True,
        help="Length of the excerpt, from the middle of the scene.",
    ),
    click.option(
        "--reference",
        type=click.Choice(["clean", "own"]),
        default="clean",
        show_default=True,
        help="Clean stems, as for the scores; or each system's own output without clipping.",
    ),
    option_option("Paths that a board does not store: dataset.root=PATH, separator.weights=PATH."),
    out_option,
)
"""The part of a board to listen to."""


def chosen_listener(
    listener: Path | None, listener_id: str, audiogram: str, audiogram_right: str
) -> Listener:
    """The listener that the options of :data:`listener_options` name.

    Raises:
        BenchError: none or two are named, or the file or audiogram is wrong.
    """
    if listener is not None and (audiogram or audiogram_right):
        what = "both a file and an audiogram are given"
        raise BenchError(what, where="--listener", hint=_LISTENER_HINT)
    if listener is not None:
        from bench.commands.songs import read_listener

        return read_listener(listener, listener_id)
    if not audiogram:
        where = "--audiogram-right" if audiogram_right else "--listener"
        what = "the left ear's --audiogram is missing" if audiogram_right else "no listener given"
        raise BenchError(what, where=where, hint=_LISTENER_HINT)
    if listener_id:
        what = "it needs a --listener file to be found in"
        raise BenchError(what, where="--listener-id", hint=_LISTENER_HINT)
    from bench.commands.songs import make_listener

    return make_listener(audiogram, audiogram_right)


def check_run_or_parts(run: str, parts: Mapping[str, object]) -> None:
    """Refuse a run together with parts that it says itself.

    Raises:
        BenchError: both are given.
    """
    given = next((name for name, value in parts.items() if value not in ("", None)), "")
    if run and given:
        hint = "The run already sets it: leave one of the two out."
        what = f"--run and --{given.replace('_', '-')} are both given"
        raise BenchError(what, hint=hint)
