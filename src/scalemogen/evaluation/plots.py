"""Small plots as inline SVG: lines with bands, histograms, dots with intervals. Text, no library, no network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 30, 44
COLOURS = ("#2463eb", "#dc3535", "#168a4a", "#a35200", "#7a3fb5", "#00798c")
ROWS = ("real", "reconstruction", "generated")
"""Names that have the first colours in every plot."""

INK, GRID = "#373d4a", "#dfe3ea"
BINS = 24
ROW = 18


@dataclass(frozen=True)
class Series:
    """Values over the same places, with half widths of their intervals where there are any.

    `at` are places of its own, for `spent`.
    """

    name: str
    values: Sequence[float]
    interval: Sequence[float] | None = None
    at: Sequence[float] = ()


@dataclass(frozen=True)
class _Axis:
    """A linear map from values to pixels, with round ticks."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    @property
    def ticks(self) -> list[float]:
        """About four round numbers inside."""
        rough = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(size for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def lines(series: Sequence[Series], title: str, x_label: str, places: Sequence[str], zero: bool = True) -> str:
    """Return a plot of series over numbered places, intervals as bands; `zero`: the values begin at 0 or below."""
    spread = [band for one in series for band in _bands(one)]
    y = _value_axis(spread, HEIGHT - BOTTOM, TOP, zero)
    count = len(places)
    x = _Axis(0, max(count - 1, 1), LEFT + 8, WIDTH - RIGHT - 8)
    parts = [_grid(y), _labels(title, x_label)]
    step = math.ceil(count / 12)
    parts += [_text(x(at), HEIGHT - BOTTOM + 15, place, "middle") for at, place in enumerate(places) if at % step == 0]
    parts += _curves(series, [[x(at) for at in range(len(one.values))] for one in series], y)
    return _svg([*parts, _legend([one.name for one in series])], HEIGHT, title)


def spent(series: Sequence[Series], title: str, x_label: str, zero: bool = True) -> str:
    """Return a plot of series over places of their own, positive numbers on a logarithmic axis; see `lines`."""
    y = _value_axis([band for one in series for band in _bands(one)], HEIGHT - BOTTOM, TOP, zero)
    everywhere = [place for one in series for place in one.at]
    low, high = min(everywhere), max(everywhere)
    x = _Axis(math.log(low), math.log(high if high > low else 2 * low), LEFT + 8, WIDTH - RIGHT - 8)
    parts = [_grid(y), _labels(title, x_label)]
    ticks = [step * 10**power for power in range(math.floor(math.log10(low)), 9) for step in (1, 2, 5)]
    parts += [
        _text(x(math.log(tick)), HEIGHT - BOTTOM + 15, f"{tick:g}", "middle") for tick in ticks if low <= tick <= high
    ]
    parts += _curves(series, [[x(math.log(place)) for place in one.at] for one in series], y)
    return _svg([*parts, _legend([one.name for one in series])], HEIGHT, title)


def board(rows: Sequence[Sequence[str]]) -> str:
    """Return one picture of many: rows of plots of equal height, on white."""
    width, height = WIDTH * max(len(row) for row in rows), HEIGHT * len(rows)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    placed = [
        f'<g transform="translate({WIDTH * column} {HEIGHT * line})">{plot}</g>'
        for line, row in enumerate(rows)
        for column, plot in enumerate(row)
    ]
    return f'{head}<rect width="{width}" height="{height}" fill="white"/>{"".join(placed)}</svg>\n'


def histogram(values: Mapping[str, Sequence[float]], title: str, x_label: str, marker: float | None = None) -> str:
    """Return a plot of how values of several sets are distributed, as shares; `marker` is a dashed vertical line."""
    everything = [value for some in values.values() for value in some]
    low, high = min(everything), max(everything)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    x = _Axis(low, high, LEFT, WIDTH - RIGHT)
    shares = {}
    for name, some in values.items():
        counts = [0] * BINS
        for value in some:
            counts[min(int((value - low) / (high - low) * BINS), BINS - 1)] += 1
        shares[name] = [count / len(some) for count in counts]
    y = _value_axis([share for some in shares.values() for share in some], HEIGHT - BOTTOM, TOP)
    parts = [_grid(y), _labels(title, x_label)]
    parts += [_text(x(tick), HEIGHT - BOTTOM + 15, f"{tick:g}", "middle") for tick in x.ticks]
    for some, colour in zip(shares.values(), _colours(list(shares)), strict=True):
        steps = [
            (x(low + at * (high - low) / BINS), y(share)) for bin_, share in enumerate(some) for at in (bin_, bin_ + 1)
        ]
        outline = [(steps[0][0], y(0.0)), *steps, (steps[-1][0], y(0.0))]
        parts.append(f'<polygon points="{_points(outline)}" fill="{colour}" opacity=".3" stroke="{colour}"/>')
    if marker is not None:
        at = f'x1="{x(marker):.1f}" x2="{x(marker):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
        parts.append(f'<line {at} stroke="{INK}" stroke-dasharray="4 3"/>')
    return _svg([*parts, _legend(list(values))], HEIGHT, title)


def dots(places: Sequence[str], series: Mapping[str, Sequence[tuple[float, float | None] | None]], title: str) -> str:
    """Return a plot with a line of dots for each place, one of each series with its interval; None has none."""
    height = TOP + BOTTOM + ROW * len(places)
    label = 10 + 6 * max(len(place) for place in places)
    there = [value for some in series.values() for value in some if value is not None]
    ends = [end for mean, half in there for end in (mean - (half or 0.0), mean + (half or 0.0))]
    x = _value_axis(ends, label, WIDTH - RIGHT)
    parts = [_text(WIDTH / 2, 16, title, "middle", bold=True)]
    for tick in x.ticks:
        at = f'x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP}" y2="{height - BOTTOM}"'
        parts += [f'<line {at} stroke="{GRID}"/>', _text(x(tick), height - BOTTOM + 15, f"{tick:g}", "middle")]
    for row, place in enumerate(places):
        centre = TOP + ROW * (row + 0.5)
        parts.append(_text(label - 6, centre + 4, place, "end"))
        for number, (some, colour) in enumerate(zip(series.values(), _colours(list(series)), strict=True)):
            value = some[row]
            if value is None:
                continue
            middle, half = centre + 4 * (number - (len(series) - 1) / 2), value[1] or 0.0
            bar = f'x1="{x(value[0] - half):.1f}" x2="{x(value[0] + half):.1f}" y1="{middle:.1f}" y2="{middle:.1f}"'
            parts.append(f'<line {bar} stroke="{colour}" stroke-width="1.5"/>')
            parts.append(f'<circle cx="{x(value[0]):.1f}" cy="{middle:.1f}" r="2.5" fill="{colour}"/>')
    return _svg([*parts, _legend(list(series), height)], height, title)


def parallel(choices: Mapping[str, Sequence[Any]], measured: Mapping[str, Sequence[float]], title: str) -> str:
    """Return a plot with an upright axis for each name and a line across them for each row; the first row stands out.

    Args:
        choices: values of the rows, each of which has its place on the axis, in their order.
        measured: numbers of the rows, on linear axes.
        title: above it.
    """
    names = [*choices, *measured]
    across = _Axis(0, max(len(names) - 1, 1), LEFT, WIDTH - LEFT)
    parts, columns = [_text(WIDTH / 2, 16, title, "middle", bold=True)], list[list[float]]()
    for number, name in enumerate(names):
        if name in measured:
            y = _value_axis(measured[name], HEIGHT - BOTTOM, TOP, zero=False)
            values, ticks = measured[name], {f"{tick:g}": tick for tick in y.ticks}
        else:
            order = sorted(set(choices[name]), key=lambda value: (isinstance(value, str), value))
            y = _value_axis(range(len(order)), HEIGHT - BOTTOM, TOP, zero=False)
            values = [float(order.index(value)) for value in choices[name]]
            step = math.ceil(len(order) / 12)
            ticks = {
                f"{value:.4g}" if isinstance(value, float) else str(value): float(at) for at, value in enumerate(order)
            }
            ticks = dict(list(ticks.items())[::step])
        x = across(number)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{INK}"/>')
        parts += [_text(x - 5, y(at) + 4, label, "end") for label, at in ticks.items()]
        parts.append(_text(x, HEIGHT - BOTTOM + 17 + 13 * (number % 2), name, "middle"))
        columns.append([y(value) for value in values])
    for row in reversed(range(len(columns[0]))):  # the first one above the others
        points = _points([(across(number), column[row]) for number, column in enumerate(columns)])
        look = f'stroke="{COLOURS[0]}" stroke-width="2.5"' if not row else 'stroke="#8a93a6" opacity=".6"'
        parts.append(f'<polyline points="{points}" fill="none" {look}/>')
    return _svg(parts, HEIGHT, title)


def _curves(series: Sequence[Series], across: Sequence[Sequence[float]], y: _Axis) -> list[str]:
    """Return the series as lines with bands and dots; `across` are the pixels of their places."""
    parts = []
    for one, places, colour in zip(series, across, _colours([one.name for one in series]), strict=True):
        if one.interval is not None:
            ends = list(zip(places, one.values, one.interval, strict=True))
            upper, lower = ([(x, y(v + sign * half)) for x, v, half in ends] for sign in (1, -1))
            parts.append(f'<polygon points="{_points([*upper, *reversed(lower)])}" fill="{colour}" opacity=".15"/>')
        middle = [(x, y(value)) for x, value in zip(places, one.values, strict=True)]
        parts.append(f'<polyline points="{_points(middle)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{py:.1f}" r="2.5" fill="{colour}"/>' for x, py in middle]
    return parts


def _bands(series: Series) -> list[float]:
    halves = series.interval if series.interval is not None else [0.0] * len(series.values)
    return [end for value, half in zip(series.values, halves, strict=True) for end in (value - half, value + half)]


def _value_axis(values: Sequence[float], start: float, stop: float, zero: bool = True) -> _Axis:
    some = [0.0, *values] if zero else list(values)
    low, high = min(some), max(some)
    if high == low:
        high = low + 1.0
    margin = 0.05 * (high - low)
    return _Axis(low if zero else low - margin, high + margin, start, stop)


def _grid(y: _Axis) -> str:
    rows = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="{GRID}"/>'
        + _text(LEFT - 6, y(tick) + 4, f"{tick:g}", "end")
        for tick in y.ticks
    ]
    return "".join(rows)


def _labels(title: str, x_label: str) -> str:
    below = _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 31, x_label, "middle")
    return _text(WIDTH / 2, 16, title, "middle", bold=True) + below


def _legend(names: Sequence[str], height: int = HEIGHT) -> str:
    if len(names) < 2:
        return ""
    parts, left = [], float(LEFT)
    for name, colour in zip(names, _colours(names), strict=True):
        parts.append(f'<circle cx="{left:.1f}" cy="{height - 7}" r="4" fill="{colour}"/>')
        parts.append(_text(left + 8, height - 3, name, "start"))
        left += 22 + 6.2 * len(name)
    return "".join(parts)


def _colours(names: Sequence[str]) -> list[str]:
    """Return a colour for each name: the rows of the tables have their own, others go by their order."""
    places = [ROWS.index(name) for name in names] if set(names) <= set(ROWS) else range(len(names))
    return [COLOURS[place % len(COLOURS)] for place in places]


def _points(pairs: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def _text(x: float, y: float, words: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{html.escape(words)}</text>'


def _svg(parts: Sequence[str], height: int, title: str) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img"'
    style = f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}"'
    return f'{head} aria-label="{html.escape(title, quote=True)}" {style}>{"".join(parts)}</svg>'
