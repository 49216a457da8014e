"""``bench run``: train, score and rank a system."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import (
    debugging,
    executor_options,
    format_option,
    report_option,
    run_options,
    time_limit_option,
    workers_option,
)


@click.command()
@run_options
@format_option
@workers_option
@executor_options
@click.option(
    "--both-protocols",
    is_flag=True,
    help="Train once, score under both challenge and shared-gains, and show them side by side.",
)
@click.option("--fresh", is_flag=True, help="Run it again even if it is on the board.")
@click.option("--profile", is_flag=True, help="Measure and show the time of each stage of scoring.")
@time_limit_option
@report_option
def command(format: str, profile: bool, **choices: Any) -> int:
    """Train a system, score it beside the baselines, and show the leaderboard.

    What the board already has is not computed again. An interrupted run continues where it stopped.
    """
    from bench.cli.printing import (
        print_outcome,
        print_profile,
        print_protocols,
        warn_of_plugins,
    )
    from bench.commands.runs import run
    from bench.leaderboard.export import show
    from bench.runtime.console import ConsoleProgress

    warn_of_plugins()
    result = run(profile=profile, strict=debugging(), progress=ConsoleProgress(), **choices)
    if result.beside is None:
        show(result.leaderboard, format)
    else:
        print_protocols(result, format)
    if profile:
        print_profile(result)
    print_outcome(result)
    return 0 if result.ok else 1
