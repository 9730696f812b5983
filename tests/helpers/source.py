"""Reading the package's own source, for the tests of how it is written."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "scalemogen"


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` is "a.b.c"."""

    name: str
    line: int

    @property
    def parts(self) -> list[str]:
        return self.name.split(".")


@dataclass(frozen=True)
class Source:
    """A parsed file; `label` is its path below the folder that was walked."""

    path: Path
    label: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The room a file of the package belongs to: "motion", "metrics.functional", "pipeline"."""
        parts = self.label.removesuffix(".py").split("/")
        return "metrics.functional" if parts[:2] == ["metrics", "functional"] else parts[0]

    def imports(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call with the dotted name that is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


@cache
def sources(folder: Path = PACKAGE) -> tuple[Source, ...]:
    """Return every Python file below a folder, linked folders included."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for path in (Path(parent, name) for name in sorted(files) if name.endswith(".py")):
            text = path.read_text()
            found.append(Source(path, path.relative_to(folder).as_posix(), text, ast.parse(text, str(path))))
    return tuple(found)


def report(violations: list[str]) -> str:
    """Return violations as the message of an assertion."""
    return "\n" + "\n".join(violations)
