"""``bench plugins``: what there is to choose from."""

from __future__ import annotations

import dataclasses
import typing

import click

from bench.plugins import KINDS, Registered, installed


@click.group(short_help="List and show separators, gains, losses, metrics, ...")
def command() -> None:
    """List and show plugins, built-in and third-party alike."""


@command.command("list")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="Only one kind.")
def list_command(kind: str | None) -> None:
    """List every plugin with its summary, and those that failed to load."""
    plugins = installed()
    shown = [(k, plugins.all(k)) for k in ([kind] if kind else KINDS)]
    width = max((len(item.spec.name) for _, items in shown for item in items), default=0)
    for title, items in shown:
        click.echo(click.style(title, bold=True))
        for item in items:
            own = "" if item.distribution == "bench-hearing" else f"  [{item.distribution}]"
            click.echo(f"  {item.spec.name:<{width}}  {item.spec.summary}{own}")
    for failure in plugins.failures:
        click.echo(f"warning: {failure}", err=True)


@command.command("show")
@click.argument("name")
def show_command(name: str) -> None:
    """Show a plugin: its options with type, unit and default, needs and citation."""
    for index, item in enumerate(installed().find(name)):
        if index:
            click.echo()
        _show(item)


def _show(item: Registered) -> None:
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
    # A run has several losses and metrics, so their options are told apart by the plugin's name.
    section = f"{spec.kind}.{spec.name}" if spec.kind in ("loss", "metric") else spec.kind
    click.echo(f"  options (-o {section}.NAME=VALUE):")
    for field in dataclasses.fields(spec.options):
        unit = field.metadata.get("unit", "")
        kind = getattr(types[field.name], "__name__", str(types[field.name]))
        usual = f"default {field.default!r}" + (f" {unit}" if unit else "")
        click.echo(f"    {field.name} ({kind}, {usual}): {field.metadata.get('help', '')}")


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
