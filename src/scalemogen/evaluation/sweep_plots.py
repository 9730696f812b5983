"""The picture of a sweep: its metric over what varies, over the time spent, and across all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scalemogen.evaluation.plots import Series, board, lines, parallel, spent
from scalemogen.sweeps import Row, SweepTable, shortest

TIME = "seconds"


def sweep_plot(table: SweepTable) -> str | None:
    """Return the plots as one SVG, None where there are none: fewer than two rows have the metric.

    With one or two parameters that vary, the metric is drawn over the first (the one with more values), a line for each
    value of the second, with 95 % intervals over seeds; then the same over the seconds of work. Parallel coordinates
    show all parameters, the seconds and the metric, the best row in colour.
    """
    if table.metric is None:
        return None
    metric = table.metric.name
    rows = [row for row in table.rows if not math.isnan(row.mean(metric))]
    varied = [name for name in (rows[0].parameters if rows else ()) if name not in table.fixed]
    if len(rows) < 2 or not varied:
        return None
    short = dict(zip(varied, shortest(varied), strict=True))
    choices = {short[name]: [_plain(row.parameters.get(name)) for row in rows] for name in varied}
    measured = {TIME: [cost(table, row) for row in rows], metric: [row.mean(metric) for row in rows]}
    across = parallel(choices, measured, "all rows, the best in colour")
    return board([[*(_over(table, metric, rows, short) if len(varied) < 3 else ()), across]])


def cost(table: SweepTable, row: Row) -> float:
    """Return the mean seconds of a row's runs.

    Those of all attempts, or those of its stages where they are more: a run that shares a stage did not train it.
    """
    runs = [outcome for outcome in table.outcomes if outcome.digest in row.runs]
    stages = [math.fsum(value for name, value in run.figures.items() if name.endswith(f"/{TIME}")) for run in runs]
    return math.fsum(max(run.seconds, trained) for run, trained in zip(runs, stages, strict=True)) / len(runs)


def _over(table: SweepTable, metric: str, rows: Sequence[Row], short: dict[str, str]) -> list[str]:
    """Return the metric over the first parameter and over time, a line for each value of the second."""
    first, *others = sorted(short, key=lambda name: -len({str(row.parameters.get(name)) for row in rows}))
    ordered = sorted(rows, key=lambda row: _order(row.parameters.get(first)))
    groups: dict[str, list[Row]] = {}
    for row in sorted(ordered, key=lambda row: [_order(row.parameters.get(name)) for name in others]):
        key = ", ".join(f"{short[name]} {_plain(row.parameters.get(name))}" for name in others) or metric
        groups.setdefault(key, []).append(row)
    places = list(dict.fromkeys(str(_plain(row.parameters.get(first))) for row in ordered))
    whole = {name: some for name, some in groups.items() if len(some) == len(places)}  # no run of it has failed
    spread = table.spread(metric)

    def series(name: str, some: Sequence[Row], at: Sequence[float] = ()) -> Series:
        intervals = None if spread is None else [spread.interval(len(row.figures[metric])) for row in some]
        return Series(name, [row.mean(metric) for row in some], intervals, at)

    plots = []
    if whole:
        values = [series(name, some) for name, some in whole.items()]
        plots.append(lines(values, metric, short[first], places, zero=False))
    by_cost = {name: sorted(some, key=lambda row: cost(table, row)) for name, some in groups.items()}
    spending = [series(name, some, [max(cost(table, row), 0.1) for row in some]) for name, some in by_cost.items()]
    plots.append(spent(spending, f"{metric} over time", "seconds of work for a run", zero=False))
    return plots


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _order(value: Any) -> tuple[bool, float, str]:
    plain = _plain(value)
    return (True, 0.0, plain) if isinstance(plain, str) else (False, float(plain), "")
