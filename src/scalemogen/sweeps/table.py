"""One table for a sweep: parameters and figures, seeds gathered, best first."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scalemogen.sweeps.description import Metric
from scalemogen.sweeps.intervals import Spread, pooled_spread
from scalemogen.sweeps.jobs import Outcome

SEEDS = ("seed", "seed_everything")
"""Parameters that repeat a training: runs that differ in them alone share a row."""
INTERVALS = (
    "Mean ± half width of the 95 % interval over n training seeds: Student's t, with the deviation of seeds pooled over"
    " all rows. Two rows whose difference is within the last line's do not differ beyond chance (5 %, each pair alone)."
)
ARROWS = {"minimize": "↓", "maximize": "↑"}
HEADINGS = {"failed": "Failed:", "stopped": "Ended early, and not in the table:"}


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed alone.

    Attributes:
        parameters: of all of them, the seed left out.
        runs: digests of those that are done.
        figures: for each figure the values of `runs`, as far as they have it.
    """

    parameters: dict[str, Any]
    runs: tuple[str, ...]
    figures: dict[str, tuple[float, ...]]

    def mean(self, name: str) -> float:
        """Return the mean of a figure, NaN where no run has it."""
        values = self.figures.get(name)
        return math.fsum(values) / len(values) if values else math.nan


@dataclass(frozen=True)
class SweepTable:
    """A sweep's results.

    Attributes:
        name: of the sweep.
        metric: what rows are ranked by.
        rows: best first; those without the metric last.
        outcomes: every run.
        missing: runs that are not there yet.
    """

    name: str
    metric: Metric | None
    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    missing: int

    @property
    def seeded(self) -> bool:
        """Whether runs are gathered over seeds."""
        return any(name in outcome.parameters for outcome in self.outcomes for name in SEEDS)

    @property
    def figures(self) -> list[str]:
        """Names of all figures, the metric first."""
        names = dict.fromkeys(name for row in self.rows for name in row.figures)
        first = [self.metric.name] if self.metric is not None and self.metric.name in names else []
        return first + [name for name in names if name not in first]

    def spread(self, name: str) -> Spread | None:
        """Return how far seeds differ in a figure, None where nothing was trained twice."""
        return pooled_spread([row.figures.get(name, ()) for row in self.rows])

    @property
    def fixed(self) -> dict[str, Any]:
        """Parameters that are equal in all rows."""
        points = [row.parameters for row in self.rows]
        return {name: value for name, value in (points[0] if points else {}).items() if _same(points, name)}

    @property
    def best(self) -> Row | None:
        """The best row, None where no row has the metric."""
        if self.metric is None or not self.rows or math.isnan(self.rows[0].mean(self.metric.name)):
            return None
        return self.rows[0]

    def markdown(self) -> str:
        """Return the table and what one must know to read it."""
        by_status = {status: [one for one in self.outcomes if one.status == status] for status in HEADINGS}
        done = len(self.outcomes) - sum(map(len, by_status.values()))
        counts = f"{len(by_status['failed'])} failed, {self.missing} not run."
        early = f"{len(by_status['stopped'])} ended early, " if by_status["stopped"] else ""
        notes = [f"{done} runs done, {early}{counts}"]
        if self.metric is not None:
            notes.append(f"Best first by `{self.metric.name}` {ARROWS[self.metric.goal]}.")
        if self.seeded:
            notes.append(INTERVALS)
        if self.fixed:
            fixed = ", ".join(f"`{name}` = {_cell(value)}" for name, value in self.fixed.items())
            notes.append(f"All with {fixed}.")
        lines = [f"# {self.name}", "", " ".join(notes), ""]
        if self.rows:
            lines += self._grid()
        for status, heading in HEADINGS.items():
            if by_status[status]:
                lines += ["", heading, ""]
                lines += [f"- `{one.digest}` {_point(one)}: {_last_line(one)}" for one in by_status[status]]
        return "\n".join(lines) + "\n"

    def _grid(self) -> list[str]:
        varied = [name for name in self.rows[0].parameters if name not in self.fixed]
        counts = ["n"] if self.seeded else []
        header = [*shortest(varied), *counts, *self.figures]
        lines = [_line(header), _line(["---"] * len(varied) + ["---:"] * (len(header) - len(varied)))]
        for row in self.rows:
            cells = [_cell(row.parameters.get(name, "")) for name in varied]
            cells += [str(len(row.runs))] if self.seeded else []
            lines.append(_line([*cells, *(self._number(row, name) for name in self.figures)]))
        differences = [self.least_difference(name) for name in self.figures]
        if len(self.rows) > 1 and any(differences):
            empty = [""] * (len(varied) + len(counts) - 1)
            numbers = ["" if least is None else f"{least:.2g}" for least in differences]
            lines.append(_line(["differs by chance up to", *empty, *numbers]))
        return lines

    def _number(self, row: Row, name: str) -> str:
        """Return a figure as a cell; without an interval where it is unknown, or all seeds agree."""
        values, spread = row.figures.get(name, ()), self.spread(name)
        if not values:
            return ""
        half = 0.0 if spread is None else spread.interval(len(values))
        return f"{row.mean(name):.4g} ± {half:.2g}" if half else f"{row.mean(name):.4g}"

    def least_difference(self, name: str) -> float | None:
        """Return by how much two rows differ by chance in 95 % of cases, with the seeds of the row that has fewest."""
        spread = self.spread(name)
        fewest = min((len(row.figures[name]) for row in self.rows if name in row.figures), default=0)
        return None if spread is None or not fewest else spread.least_difference(fewest)

    def csv(self) -> str:
        """Return one line a run, for plots."""
        parameters = list(dict.fromkeys(name for outcome in self.outcomes for name in outcome.parameters))
        figures = self.figures
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", "status", "seconds", *parameters, *figures])
        for outcome in self.outcomes:
            point = [outcome.parameters.get(name, "") for name in parameters]
            values = [outcome.figures.get(name, "") for name in figures]
            writer.writerow([outcome.digest, outcome.status, outcome.seconds, *point, *values])
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-able."""
        rows = []
        for row in self.rows:
            figures = {}
            for name, values in row.figures.items():
                spread = self.spread(name)
                interval = None if spread is None else spread.interval(len(values))
                figures[name] = {"mean": row.mean(name), "interval": interval, "values": list(values)}
            rows.append({"parameters": row.parameters, "n": len(row.runs), "runs": list(row.runs), "figures": figures})
        return {
            "name": self.name,
            "metric": None if self.metric is None else self.metric.model_dump(),
            "best": None if self.best is None else self.best.parameters,
            "rows": rows,
            "spread": {
                name: {**asdict(spread), "least_difference": self.least_difference(name)}
                for name in self.figures
                if (spread := self.spread(name)) is not None
            },
            "runs": [asdict(outcome) for outcome in self.outcomes],
            "missing": self.missing,
        }


def make_table(name: str, metric: Metric | None, outcomes: Sequence[Outcome], missing: int = 0) -> SweepTable:
    """Gather runs into rows and rank them.

    Args:
        name: of the sweep.
        metric: what to rank by.
        outcomes: runs that have ended, in the order of the sweep.
        missing: runs that have not.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.status == "done":
            key = json.dumps(_without_seed(outcome.parameters), sort_keys=True, default=str)
            groups.setdefault(key, []).append(outcome)
    rows = [_row(group) for group in groups.values()]
    if metric is not None:
        sign = 1.0 if metric.goal == "minimize" else -1.0

        def rank(row: Row) -> tuple[bool, float]:
            mean = row.mean(metric.name)
            return (True, 0.0) if math.isnan(mean) else (False, sign * mean)

        rows.sort(key=rank)
    return SweepTable(name, metric, tuple(rows), tuple(outcomes), missing)


def _row(group: Sequence[Outcome]) -> Row:
    names = dict.fromkeys(name for outcome in group for name in outcome.figures)
    figures = {name: tuple(outcome.figures[name] for outcome in group if name in outcome.figures) for name in names}
    return Row(_without_seed(group[0].parameters), tuple(outcome.digest for outcome in group), figures)


def _without_seed(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in SEEDS}


def _same(points: Sequence[dict[str, Any]], name: str) -> bool:
    return len(points) > 1 and all(name in point and point[name] == points[0][name] for point in points)


def shortest(names: Sequence[str]) -> list[str]:
    """Return the shortest endings of dotted names that tell them apart."""
    result = []
    for name in names:
        parts = name.split(".")
        endings = [".".join(parts[-size:]) for size in range(1, len(parts) + 1)]
        others = [other for other in names if other != name]
        result.append(next(end for end in endings if end == name or not any(_ends(other, end) for other in others)))
    return result


def _ends(name: str, ending: str) -> bool:
    return name == ending or name.endswith("." + ending)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _point(outcome: Outcome) -> str:
    return " ".join(f"{name}={_cell(value)}" for name, value in outcome.parameters.items())


def _last_line(outcome: Outcome) -> str:
    """Return the line of a failed run's log that says why: its error, else its last."""
    lines = outcome.message.splitlines() or [""]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
