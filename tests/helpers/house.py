"""The imports of a package, read from its sources without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Arrow:
    """One import of a module by another, at a line; both by their full names."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


@dataclass(frozen=True)
class House:
    """The sources of a package.

    Attributes:
        name: of the package.
        modules: full name -> its file.
        arrows: imports among them: lazy ones in functions and type-only ones included.
    """

    name: str
    modules: Mapping[str, Path]
    arrows: Sequence[Arrow]

    @classmethod
    def read(cls, package: Path) -> House:
        """Read the package in a folder of its name."""
        modules = {_module(path, package): path for path in sorted(package.rglob("*.py"))}
        arrows = [
            arrow
            for name, path in modules.items()
            for arrow in _arrows(name, ast.parse(path.read_text(encoding="utf-8")), modules, path)
        ]
        return cls(package.name, modules, arrows)

    def entry(self, module: str) -> str:
        """The package's top-level entry that a module belongs to; itself is ``__init__``."""
        return [*module.split("."), "__init__"][1]

    @property
    def entries(self) -> set[str]:
        """All top-level entries."""
        return {self.entry(module) for module in self.modules}


def _module(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _arrows(
    name: str, tree: ast.Module, modules: Mapping[str, Path], path: Path
) -> Iterator[Arrow]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        for target in _imported(node, package):
            # ``from package import name`` is of a module, or of a name in the package's own file.
            known = target if target in modules else target.rpartition(".")[0]
            if known in modules and known != name:
                yield Arrow(name, known, node.lineno)  # type: ignore[attr-defined]


def _imported(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*above, *filter(None, [node.module])])
        return [f"{start}.{alias.name}" for alias in node.names]
    return []


def upward(house: House, layers: Sequence[Sequence[str]]) -> list[Arrow]:
    """Imports that do not run from a higher layer to a lower one, or stay inside their entry."""
    height = {entry: place for place, layer in enumerate(layers) for entry in layer}
    return [
        arrow
        for arrow in house.arrows
        if (source := house.entry(arrow.source)) != (target := house.entry(arrow.target))
        and height[source] <= height[target]
    ]


def circles(house: House) -> list[list[str]]:
    """Groups of modules that import each other, directly or by way of others (Tarjan, 1972)."""
    graph: dict[str, set[str]] = {module: set() for module in house.modules}
    for arrow in house.arrows:
        graph[arrow.source].add(arrow.target)
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        stack.append(module)
        for target in sorted(graph[module]):
            if target not in number:
                visit(target)
                low[module] = min(low[module], low[target])
            elif target in stack:
                low[module] = min(low[module], number[target])
        if low[module] == number[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in sorted(graph):
        if module not in number:
            visit(module)
    return found


def crossing(house: House, sources: Sequence[str], targets: Sequence[str]) -> list[Arrow]:
    """Imports by modules in some packages of modules in others, by names within the package."""
    return [
        arrow
        for arrow in house.arrows
        if inside(house, arrow.source, sources) and inside(house, arrow.target, targets)
    ]


def inside(house: House, module: str, packages: Sequence[str]) -> bool:
    """Whether a module is one of some packages, as ``data.generate``, or belongs to it."""
    names = [f"{house.name}.{package}" for package in packages]
    return any(module == name or module.startswith(f"{name}.") for name in names)


def undocumented(house: House) -> list[str]:
    """Modules, public classes, functions and methods without a docstring.

    Private are names with an underscore, and whatever stands within a function or a private class.
    """
    return [
        f"{module}{'.' if name else ''}{name}"
        for module, path in house.modules.items()
        for name, node in _public(ast.parse(path.read_text(encoding="utf-8")))
        if ast.get_docstring(node) is None
    ]


Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(node: Documented, name: str = "") -> Iterator[tuple[str, Documented]]:
    yield name, node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_") or _is_overload(child):
            continue
        yield from _public(child, f"{name}.{child.name}".lstrip("."))


def _is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).split(".")[-1] == "overload" for one in node.decorator_list)
