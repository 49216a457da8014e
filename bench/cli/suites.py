"""``bench suites``: the suites that come with bench."""

from __future__ import annotations

import click

from bench.cli.options import format_option


@click.command()
@format_option
def command(format: str) -> None:
    """List the suites that come with bench; any other is a TOML file, as --suite FILE.toml."""
    from bench.cli.printing import print_tables
    from bench.commands.inventory import list_suites

    rows = [
        {
            "suite": suite.name,
            "data": suite.dataset,
            "split": suite.split,
            "protocol": suite.protocol,
            "metrics": ", ".join(suite.metrics),
            "baselines": "; ".join(
                " + ".join(parts) for parts in suite.baselines_under(suite.protocol)
            ),
        }
        for suite in list_suites()
    ]
    print_tables({"Suites": rows}, format, least=("data",))
    for suite in list_suites() if format == "table" else ():
        click.echo(f"{suite.name}: {suite.summary}")
