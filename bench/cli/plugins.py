"""``bench plugins``: what there is to choose from, and how to add to it."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import click

from bench.cli.options import text_format_option
from bench.plugins import KINDS, OBSERVER, Plugins, Registered, installed

ALL_KINDS = (*KINDS, OBSERVER)


@click.group(short_help="List, show, check and write separators, gains, losses, ...")
def command() -> None:
    """List, show, check and write plugins, built-in and third-party alike."""


@command.command("list")
@click.option("--kind", type=click.Choice(ALL_KINDS), default=None, help="Only one kind.")
def list_command(kind: str | None) -> None:
    """List every plugin with its summary, and those that failed to load."""
    plugins = installed()
    lines = {title: _lines(plugins, title) for title in ([kind] if kind else ALL_KINDS)}
    width = max((len(name) for found in lines.values() for name, _, _ in found), default=0)
    for title, found in lines.items():
        if not found and title == OBSERVER and not kind:
            continue
        click.echo(click.style(title, bold=True))
        for name, summary, distribution in found:
            own = "" if distribution == "bench-hearing" else f"  [{distribution}]"
            click.echo(f"  {name:<{width}}  {summary}{own}")
    for failure in plugins.failures:
        click.echo(f"warning: {failure}", err=True)
    for conflict in plugins.conflicts():
        click.echo(f"warning: {conflict}\n  {conflict.remedy}", err=True)


def _lines(plugins: Plugins, kind: str) -> list[tuple[str, str, str]]:
    """Name, summary and distribution of each plugin of a kind."""
    if kind == OBSERVER:
        return [
            (item.name, f"told by {', '.join(item.hooks)}", item.distribution)
            for item in plugins.observers
        ]
    return [
        (item.spec.name, item.spec.summary, item.distribution)
        for item in plugins.all(KINDS[kind].spec)
    ]


@command.command("show")
@click.argument("name")
def show_command(name: str) -> None:
    """Show a plugin: its options with type, unit and default, needs and citation."""
    plugins = installed()
    observers = [item for item in plugins.observers if name in (item.name, item.full_name)]
    for observer in observers:
        title = click.style(f"observer {observer.name}", bold=True)
        click.echo(f"{title}: told by {', '.join(observer.hooks)}")
        click.echo(f"  from: {observer.distribution} {observer.version}")
    for index, item in enumerate([] if observers else plugins.find(name)):
        if index:
            click.echo()
        _show(item)


@command.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(ALL_KINDS), required=True, help="What it is to be.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("."),
    help="Folder in which the package's own folder is made.  [default: here]",
)
def new_command(name: str, kind: str, out: Path) -> None:
    """Write a package with a working plugin, its tests and its README, to be changed."""
    from bench.scaffold import next_steps, write_package

    folder = write_package(name, kind, out, installed())
    click.echo(f"Wrote {folder}. Next:")
    for step in next_steps(name, kind, folder):
        click.echo(f"  {step}")


@command.command("check")
@click.argument("name")
@click.option("--kind", type=click.Choice(ALL_KINDS), default=None, help="Only that kind.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of its own."
)
@text_format_option
def check_command(name: str, kind: str | None, options: tuple[str, ...], format: str) -> int:
    """Check a plugin: what it should do, what it does, and how to mend it.

    Exit code 1 where a check failed, or where it could not be made for want of what it needs.
    """
    from bench.testing import run_checks
    from bench.testing.subject import find_all

    reports = [run_checks(s) for s in find_all(installed(), name, kind, _values(options))]
    if format == "json":
        click.echo(json.dumps([report.as_dict() for report in reports], indent=2))
    for report in reports if format == "text" else []:
        for result in report.results:
            _echo_result(result.check.name, result.status, result.came)
        for result in report.failures:
            click.echo(f"\n{result}")
        click.echo(f"\n{report.summary}")
        if report.not_made:
            click.echo(f"not checked: {report.not_made}", err=True)
    return 0 if all(report.ok for report in reports) else 1


def _echo_result(name: str, status: str, came: str) -> None:
    colour = {"passed": "green", "failed": "red"}.get(status, "yellow")
    note = f"  {came}" if status == "skipped" else ""
    click.echo(f"  {click.style(f'{status:<7}', fg=colour)}  {name}{note}")


def _values(options: tuple[str, ...]) -> dict[str, str]:
    from bench.errors import BenchError

    found = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            hint = "Write it as NAME=VALUE, such as weights=model.pt"
            raise BenchError(f"'{text}' is not an option", where="-o", hint=hint)
        found[name.strip()] = value.strip()
    return found


def _show(item: Registered[Any]) -> None:
    spec = item.spec
    click.echo(click.style(f"{spec.kind} {spec.name}", bold=True) + f": {spec.summary}")
    facts = {
        "from": f"{item.distribution} {item.version}",
        "target": spec.target,
        "needs": ", ".join(spec.needs),
        "trained on": ", ".join(spec.trained_on),
        "licence": spec.licence,
        "citation": spec.citation,
    }
    special = [f for f in dataclasses.fields(spec) if f.name not in _COMMON]
    facts |= {f.name.replace("_", " "): _text(getattr(spec, f.name)) for f in special}
    for key, value in facts.items():
        if value:
            click.echo(f"  {key}: {value}")
    if spec.options is None:
        click.echo("  options: none")
        return
    types = typing.get_type_hints(spec.options)
    kind = KINDS[spec.kind]
    how = f" (-o {kind.option(spec.name, 'NAME')}=VALUE)" if kind.chosen else ""
    click.echo(f"  options{how}:")
    for field in dataclasses.fields(spec.options):
        unit = field.metadata.get("unit", "")
        type_name = getattr(types[field.name], "__name__", str(types[field.name]))
        usual = f"default {field.default!r}" + (f" {unit}" if unit else "")
        click.echo(f"    {field.name} ({type_name}, {usual}): {field.metadata.get('help', '')}")


_COMMON = {
    *("name", "target", "summary", "options", "needs"),
    *("trained_on", "licence", "citation"),
}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)
