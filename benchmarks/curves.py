"""Time and memory over size: a plot for each of five axes, drawn with the line that arithmetic alone would give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scalemogen.benchmarks.process import run_row
from scalemogen.benchmarks.rows import Option, Row, Settings
from scalemogen.evaluation.plots import Series, board, spent
from scalemogen.files import atomic_path

LONGEST = 1024
"""Frames of the longest motion of the token grid, the same for all points."""

SIZES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "reduced": {"width": 192, "depth": 4, "tokenizer": 48},
        "full": {"width": 768, "depth": 12, "tokenizer": 384},
    }
)
"""Width and depth of the transformer, width of the tokenizer."""


@dataclass(frozen=True)
class Line:
    """Points of one network: "module:function" and its options, of which one takes the places of the plot."""

    name: str
    maker: str
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class Curve:
    """One plot.

    Attributes:
        name: of the file.
        title: what the plot shows.
        option: that varies.
        label: under the axis.
        places: its values.
        lines: what is measured.
    """

    name: str
    title: str
    option: str
    label: str
    places: tuple[int, ...]
    lines: tuple[Line, ...]


def curves(size: str) -> tuple[Curve, ...]:
    """Return the five plots at "reduced" or "full" width."""
    sizes = SIZES[size]
    network = {"width": sizes["width"], "depth": sizes["depth"], "longest": LONGEST}
    drawing = Line("measured", "full_size:generation", network)
    steps = (
        Line("ar", "full_size:ar_step", {**network, "given": True}),
        Line("tokenizer", "full_size:tokenizer_step", {"width": sizes["tokenizer"], "longest": LONGEST}),
    )
    return (
        _curve("generation-frames", "generation, batch 1", "frames", (64, 128, 256, 512, 1024), drawing),
        _curve("generation-batch", "generation of 64 frames", "batch", (1, 4, 16, 64, 256), drawing, frames=64),
        _curve("generation-depth", "generation of 196 frames, batch 1", "depth", (2, 4, 8, 16), drawing),
        _curve("training-frames", "training step, batch 4", "frames", (64, 128, 256, 512), *steps, batch=4),
        _curve("training-batch", "training step, 64 frames", "batch", (1, 4, 16, 64), *steps, frames=64),
    )


def _curve(name: str, title: str, option: str, places: tuple[int, ...], *lines: Line, **fixed: int) -> Curve:
    labels = {"frames": "frames of every motion", "batch": "motions", "depth": "blocks"}
    made = tuple(Line(line.name, line.maker, {**line.options, **fixed}) for line in lines)
    return Curve(name, title, option, labels[option], places, made)


def draw(
    folder: Path, size: str, settings: Settings, *, threads: int | None, told: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure all points, each in a process of its own, and write FOLDER/NAME.svg for every plot, and curves.json.

    Args:
        folder: where to.
        size: "reduced" or "full".
        settings: how.
        threads: see `process.run_row`.
        told: hears a line for every point.

    Returns:
        Every point with its figures; without where a point could not be measured, for want of memory for example.
    """
    found = []
    for curve in curves(size):
        points = []
        for line, place in product(curve.lines, curve.places):
            points.append(_point(curve, line, place, settings, threads))
            told(f"{curve.name}: {line.name}, {curve.option} {place}: {_said(points[-1])}")
        found += points
        with atomic_path(folder / f"{curve.name}.svg") as temporary:
            temporary.write_text(picture(curve, points), "utf-8")
    with atomic_path(folder / "curves.json") as temporary:
        temporary.write_text(json.dumps(found, indent=1), "utf-8")
    return found


def _point(curve: Curve, line: Line, place: int, settings: Settings, threads: int | None) -> dict[str, Any]:
    options = {**line.options, curve.option: place}
    outcome = run_row(Row(curve.name, "curves", curve.title, line.maker, options), settings, threads=threads)
    point = {"curve": curve.name, "line": line.name, "place": place, "options": options}
    return {**point, "figures": outcome.figures, "reason": outcome.reason}


def _said(point: Mapping[str, Any]) -> str:
    figures = point["figures"]
    if figures is None:
        return f"not measured ({point['reason']})"
    return f"{figures['median']:.3g} s, {figures['memory'] / 1e9:.2f} GB, {figures['share']:.0%} of the matrix rate"


def picture(curve: Curve, points: list[dict[str, Any]]) -> str:
    """Return seconds beside memory as one picture; arithmetic at the machine's matrix rate is a line of its own."""
    seconds, sizes = [], []
    for line in curve.lines:
        there = [point for point in points if point["line"] == line.name and point["figures"] is not None]
        if not there:
            continue
        at = [float(point["place"]) for point in there]
        figures = [point["figures"] for point in there]
        bound = [one["flops"] / one["matrix_rate"] for one in figures]
        least = "arithmetic alone" if line.name == "measured" else f"{line.name}, arithmetic alone"
        seconds += [Series(line.name, [one["median"] for one in figures], at=at), Series(least, bound, at=at)]
        sizes.append(Series(line.name, [one["memory"] / 1e9 for one in figures], at=at))
    if not seconds:
        return board([[]])
    return board(
        [[spent(seconds, f"{curve.title}: seconds", curve.label), spent(sizes, f"{curve.title}: peak GB", curve.label)]]
    )
