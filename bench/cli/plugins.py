"""``bench plugins``: list, show, check and create plugins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import FOLDER, text_format_option
from bench.errors import BenchError
from bench.plugins import KINDS, OBSERVER
from bench.version import DISTRIBUTION

if TYPE_CHECKING:
    from bench.commands.plugins import PluginInfo

ALL_KINDS = (*KINDS, OBSERVER)


@click.group()
def command() -> None:
    """List, show, check and write plugins, built-in and third-party alike."""


@command.command("list")
@click.option("--kind", type=click.Choice(ALL_KINDS), default=None, help="Only of this kind.")
def list_command(kind: str | None) -> None:
    """List every plugin with its summary, and those that failed to load."""
    from bench.cli.printing import warn_of_plugins
    from bench.commands.plugins import list_plugins
    from bench.plugins import installed

    found = list_plugins(kind)
    width = max((len(item.name) for items in found.values() for item in items), default=0)
    for title, items in found.items():
        if not items and title == OBSERVER and not kind:
            continue
        click.echo(click.style(title, bold=True))
        for item in items:
            owner = item.distribution.partition(" ")[0]
            own = "" if owner == DISTRIBUTION else f"  [{owner}]"
            click.echo(f"  {item.name:<{width}}  {item.summary}{own}")
    warn_of_plugins()
    for conflict in installed().conflicts():
        click.echo(f"warning: {conflict}\n  {conflict.remedy}", err=True)


@command.command("show")
@click.argument("name")
def show_command(name: str) -> None:
    """Show a plugin: its options with type, unit and default, needs and citation."""
    from bench.commands.plugins import show_plugin

    for index, item in enumerate(show_plugin(name)):
        if index:
            click.echo()
        _show(item)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(ALL_KINDS), required=True, help="Kind of the plugin.")
@click.option(
    "--to",
    type=FOLDER,
    default=Path("."),
    help="Folder in which to make the package's folder.  [default: here]",
)
def new_command(name: str, kind: str, to: Path) -> None:
    """Write a package with a working plugin, tests and a README, as a starting point."""
    from bench.commands.plugins import new_plugin

    package = new_plugin(name, kind, to)
    click.echo(f"Wrote {package.folder}. Next:")
    for step in package.next_steps:
        click.echo(f"  {step}")


@command.command("check")
@click.argument("name")
@click.option("--kind", type=click.Choice(ALL_KINDS), default=None, help="Only of this kind.")
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the plugin.",
)
@text_format_option
def check_command(name: str, kind: str | None, options: tuple[str, ...], format: str) -> int:
    """Check a plugin: what it should do, what it does, and how to fix it.

    Exit code 1 if a check failed, or if the plugin could not be constructed.
    """
    from bench.commands.plugins import check_plugin

    reports = check_plugin(name, kind, _values(options))
    if format == "json":
        click.echo(json.dumps([report.as_dict() for report in reports], indent=2))
    for report in reports if format == "text" else []:
        for result in report.results:
            _echo_result(result.check.name, result.status, result.got)
        for result in report.failures:
            click.echo(f"\n{result}")
        click.echo(f"\n{report.summary}")
        if report.not_made:
            click.echo(f"not checked: {report.not_made}", err=True)
    return 0 if all(report.ok for report in reports) else 1


def _echo_result(name: str, status: str, got: str) -> None:
    colour = {"passed": "green", "failed": "red"}.get(status, "yellow")
    note = f"  {got}" if status == "skipped" else ""
    click.echo(f"  {click.style(f'{status:<7}', fg=colour)}  {name}{note}")


def _values(options: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            hint = "Write it as NAME=VALUE, such as weights=model.pt"
            raise BenchError(f"'{text}' is not an option", where="-o", hint=hint)
        found[name.strip()] = value.strip()
    return found


def _show(item: PluginInfo) -> None:
    click.echo(click.style(f"{item.kind} {item.name}", bold=True) + f": {item.summary}")
    click.echo(f"  from: {item.distribution}")
    for key, value in item.facts.items():
        click.echo(f"  {key}: {value}")
    if item.options is None:
        return
    if not item.options:
        click.echo("  options: none")
        return
    section = item.options[0].key.rpartition(".")[0]
    click.echo(f"  options (-o {section}.NAME=VALUE):" if section else "  options:")
    for option in item.options:
        default = f"default {option.default!r}" + (f" {option.unit}" if option.unit else "")
        name = option.key.rpartition(".")[2]
        click.echo(f"    {name} ({option.type}, {default}): {option.help}")
