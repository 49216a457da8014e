"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from bench.cli import group


def walk(
    command: click.Command = group, context: click.Context | None = None, name: str = "bench"
) -> Iterator[tuple[click.Context, click.Command]]:
    """Every command with its context, each group before its own."""
    here = click.Context(command, info_name=name, parent=context)
    yield here, command
    if isinstance(command, click.Group):
        for child in command.list_commands(here):
            found = command.get_command(here, child)
            assert found is not None, child
            yield from walk(found, here, child)


def commands() -> str:
    """A section for each command: what it does, how it is called, and its options."""
    return "\n\n".join(_section(context, command) for context, command in walk())


def _section(context: click.Context, command: click.Command) -> str:
    depth = 0
    parent = context.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    path = context.command_path
    words = " ".join(path.split()[1:])
    anchor = "-".join(["bench", *words.split()])
    lines = [f"{'#' * max(2, depth + 1)} `{path}` {{ #{anchor} }}", ""]
    lines += [_paragraphs(command.help or ""), ""]
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        links = [f"[`{path} {n}`](#{anchor}-{n})" for n in names]
        lines += ["Commands: " + ", ".join(links) + ".", ""]
    else:
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["```text", f"{path} {usage}", "```", ""]
    records = [
        record
        for parameter in command.get_params(context)
        if "--help" not in parameter.opts and (record := parameter.get_help_record(context))
    ]
    for names, text in records:
        lines += [_code(names), f":   {_cell(text)}", ""]
    return "\n".join(lines)


def _paragraphs(text: str) -> str:
    """A docstring; a line that is a command becomes code."""
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n")]
    return "\n\n".join(f"`{p}`" if p.startswith("bench ") else _cell(p) for p in paragraphs)


def _code(names: str) -> str:
    return ", ".join(f"`{name.strip()}`" for name in names.replace(" / ", ", ").split(", "))


def _cell(text: str) -> str:
    for character in "\\*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.replace("\b", "").split())
