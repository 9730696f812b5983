"""Figures kept in files beside the tests: compared, or written anew by `make golden`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.source import ROOT

FOLDER = ROOT / "tests" / "golden"


class Golden:
    """One file of figures.

    Args:
        name: of the file.
        renew: write what is found instead of comparing it.
    """

    def __init__(self, name: str, renew: bool) -> None:
        self.path = FOLDER / f"{name}.json"
        self.renew = renew

    def check(self, key: str, found: dict[str, Any], tolerance: dict[str, float | list[float]]) -> None:
        """Compare figures with those of the file, or write them.

        Args:
            key: where in the file.
            found: numbers, or lists of numbers, by name.
            tolerance: how far a figure may move, as a share of it; one for each number of a list.
        """
        kept: dict[str, Any] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        before = kept.get(key, {})
        moved = list(changes(before, found, tolerance))
        if self.renew:
            self.path.write_text(json.dumps({**kept, key: found}, indent=1, sort_keys=True) + "\n")
            pytest.skip(f"written to {self.path.name}: " + ("; ".join(moved) or "nothing that matters has changed"))
        if moved:
            lines = "\n  ".join(moved)
            pytest.fail(
                f"{key} is not what {self.path.relative_to(ROOT)} says:\n  {lines}\n"
                "If that is meant, `make golden` writes the new figures; say in CHANGELOG.md what changed.",
                pytrace=False,
            )


def changes(before: dict[str, Any], found: dict[str, Any], tolerance: dict[str, float | list[float]]) -> Iterator[str]:
    """Yield one line for every figure that has moved too far, or is there on one side only."""
    for name in sorted(before.keys() | found.keys()):
        if name not in before or name not in found:
            yield f"{name}: {before.get(name, 'not there')} -> {found.get(name, 'not there')}"
            continue
        old, new, allowed = before[name], found[name], tolerance[name]
        if not isinstance(old, list):
            old, new = [old], [new]
        if len(old) != len(new):
            yield f"{name}: {len(old)} numbers -> {len(new)}"
            continue
        limits = allowed if isinstance(allowed, list) else [allowed] * len(old)
        for index, (a, b, limit) in enumerate(zip(old, new, limits, strict=True)):
            if not abs(b - a) <= limit * abs(a):  # NaN is a change
                place = name if len(old) == 1 else f"{name}[{index}]"
                share = f"{(b - a) / abs(a):+.3%}" if a else "from nothing"
                yield f"{place}: {a:,} -> {b:,} ({share}; {limit:.4%} is allowed)"
