"""The options that say who listens: a file of listeners, or an audiogram typed in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.errors import BenchError, near_match

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

F = TypeVar("F", bound=Callable[..., Any])

_HINT = 'Give --listener FILE.json, or --audiogram "250:20,500:25,1000:40,2000:55,4000:60".'


def listener_options(function: F) -> F:
    """``--listener``, ``--listener-id``, ``--audiogram`` and ``--audiogram-right``."""
    options = [
        click.option(
            "--listener",
            type=click.Path(dir_okay=False, path_type=Path),
            default=None,
            help="JSON file of one listener, or of many as in listeners.valid.json.",
        ),
        click.option("--listener-id", default="", help="Which one of a file of many."),
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
            help="That of the right ear.  [default: as --audiogram]",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def chosen_listener(
    listener: Path | None, listener_id: str, audiogram: str, audiogram_right: str
) -> Listener:
    """The listener that the options of :func:`listener_options` name.

    Raises:
        BenchError: none or two are named, or what names one is wrong.
    """
    if listener is not None and (audiogram or audiogram_right):
        raise BenchError("a file and an audiogram are both given", where="--listener", hint=_HINT)
    if listener is not None:
        return _from_file(listener, listener_id)
    if not audiogram:
        where = "--audiogram-right" if audiogram_right else "--listener"
        what = "the left ear's --audiogram is missing" if audiogram_right else "nobody listens"
        raise BenchError(what, where=where, hint=_HINT)
    if listener_id:
        raise BenchError("there is no file to find it in", where="--listener-id", hint=_HINT)
    from clarity.utils.audiogram import Listener

    from bench.hearing.audiograms import parse_audiogram

    left = parse_audiogram(audiogram)
    right = parse_audiogram(audiogram_right) if audiogram_right else left
    return Listener(left, right, "audiogram")


def _from_file(path: Path, listener_id: str) -> Listener:
    from bench.data.listeners import read_listeners

    listeners = read_listeners(path)
    if listener_id:
        if listener_id not in listeners:
            hint = near_match(listener_id, list(listeners))
            raise BenchError(f"no listener '{listener_id}'", where=str(path), hint=hint)
        return listeners[listener_id]
    if len(listeners) > 1:
        some = ", ".join(list(listeners)[:3])
        hint = f"Say which one: --listener-id ID. The first are {some}."
        raise BenchError(f"it holds {len(listeners)} listeners", where=str(path), hint=hint)
    return next(iter(listeners.values()))
