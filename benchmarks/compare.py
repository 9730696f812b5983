"""Two revisions in alternation, so that their ratio holds on a machine that does other things too."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scalemogen.benchmarks.process import Outcome, run_row
from scalemogen.benchmarks.rows import Row, Settings

INNER_REPEATS = 3
"""Repeats inside a process, of which the median counts, where a repeat takes no more than moments."""


@dataclass(frozen=True)
class Compared:
    """A row of this revision and of another.

    Attributes:
        ours, theirs: figures of each pair, see `work.Measured`.
        reason: why there are none, or fewer than asked for.
    """

    ours: list[Mapping[str, Any]] = field(default_factory=list)
    theirs: list[Mapping[str, Any]] = field(default_factory=list)
    reason: str = ""

    @property
    def ratios(self) -> list[float]:
        """Our seconds over theirs, pair by pair: below 1 is faster."""
        return [one["median"] / other["median"] for one, other in zip(self.ours, self.theirs, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, with median, least and greatest ratio."""
        ratios = self.ratios
        found: dict[str, Any] = {"ours": self.ours, "theirs": self.theirs, "ratios": ratios, "reason": self.reason}
        if ratios:
            found["ratio"] = {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}
        return found


def compare(row: Row, settings: Settings, theirs: Path, *, threads: int | None) -> Compared:
    """Measure a row by turns, each time in a new process: ours, theirs, ours, theirs, ...

    Args:
        row: which.
        settings: how; its repeats are the pairs.
        theirs: folder that the other revision is imported from.
        threads: see `process.run_row`.
    """
    inside = replace(settings, repeats=1 if row.large else INNER_REPEATS)
    found = Compared()
    for _ in range(settings.repeats):
        pair: list[Outcome] = []
        for whose, source in (("this revision", None), ("the other revision", theirs)):
            given = {} if source is None else {"source": source}
            pair.append(run_row(row, inside, threads=threads, **given))
            if pair[-1].figures is None:
                return replace(found, reason=f"{whose}: {pair[-1].reason}")
        for figures, outcome in zip((found.ours, found.theirs), pair, strict=True):
            figures.append(outcome.figures or {})
    return found
