"""A figure over repeats: mean, 95 % interval, and the values behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

NORMAL = 1.96
"""Standard errors to either side that hold 95 % of a normal distribution."""

DEFINITION = (
    "mean ± 1.96 s / sqrt(n) over the n repeats, s their standard deviation with n - 1 in the denominator: the spread"
    " of captions, pools and sampling on these clips with these weights; not of training seeds, nor of other clips"
)

Figure = dict[str, Any]
"""{"mean", "interval" (None for one repeat), "values"}"""


def figure(values: Sequence[float]) -> Figure:
    """Return the figure of one value a repeat."""
    numbers = [float(value) for value in values]
    return {"mean": fmean(numbers), "interval": half_width(numbers), "values": numbers}


def half_width(values: Sequence[float]) -> float | None:
    """Return 1.96 s / sqrt(n), None for fewer than two values."""
    return NORMAL * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def figures(repeats: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    """Return the figure of every name over the repeats that have it: NaN stands for no value."""
    found: dict[str, list[float]] = {}
    for scores in repeats:
        for name, value in scores.items():
            if not math.isnan(value):
                found.setdefault(name, []).append(value)
    return {name: figure(values) for name, values in found.items()}


def written(value: Figure | None, digits: int) -> str:
    """Return a figure as text, "–" for none; without an interval where all values are equal."""
    if value is None:
        return "–"
    text = f"{value['mean']:.{digits}f}"
    return f"{text} ± {value['interval']:.{digits}f}" if value["interval"] else text
