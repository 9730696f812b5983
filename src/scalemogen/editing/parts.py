"""Body parts by the names that people use."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from scalemogen.errors import UserError
from scalemogen.skeletons import Skeleton

SIDES = ("left ", "right ")


def part_names(skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """Return part numbers by name: each part under its own, and pairs under their plural ("arms", "legs")."""
    names: dict[str, tuple[int, ...]] = {name.lower(): (number,) for number, name in enumerate(skeleton.parts)}
    for name in list(names):
        for side, other in (SIDES, SIDES[::-1]):
            if name.startswith(side) and other + name.removeprefix(side) in names:
                pair = (names[name][0], names[other + name.removeprefix(side)][0])
                names.setdefault(f"{name.removeprefix(side)}s", tuple(sorted(pair)))
    return names


def part_numbers(skeleton: Skeleton, wanted: str | Sequence[str] | None) -> frozenset[int]:
    """Return the numbers of the parts of this name or these names; None = all parts.

    Raises:
        UserError: an unknown name, or none at all; the message lists the names.
    """
    names = part_names(skeleton)
    if wanted is None:
        return frozenset(range(len(skeleton.parts)))
    found: set[int] = set()
    for given in [wanted] if isinstance(wanted, str) else wanted:
        name = " ".join(given.lower().replace("_", " ").replace("-", " ").split())
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f", did you mean '{close[0]}'?" if close else ";"
            raise UserError(f"unknown body part '{given}'{hint} {skeleton.name} has {', '.join(names)}")
        found.update(names[name])
    if not found:
        raise UserError(f"no body part given; {skeleton.name} has {', '.join(names)}")
    return frozenset(found)
