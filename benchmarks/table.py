"""Tables of rows, as lines for a terminal and as Markdown for docs/benchmarks.md."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from scalemogen.benchmarks.compare import Compared
from scalemogen.benchmarks.process import Outcome
from scalemogen.benchmarks.rows import Row

NOTHING = "–"
ALONE = ("row", "seconds", "memory", "useful GFLOP", "machine's GFLOP/s", "share reached")
PAIRED = ("row", "ours / theirs", "least", "greatest", "ours", "theirs", "memory, ours", "memory, theirs")


def headings(*, paired: bool = False, peak: float | None = None) -> tuple[str, ...]:
    """Return the columns' names; with a known peak of a GPU there is one more."""
    return PAIRED if paired else (*ALONE, "MFU") if peak else ALONE


def alone(row: Row, outcome: Outcome, peak: float | None = None) -> list[str]:
    """Return the cells of a row."""
    figures = outcome.figures
    if figures is None:
        return [row.what] + [NOTHING] * (len(headings(peak=peak)) - 1)
    cells = [row.what, seconds(figures["median"]), memory(figures["memory"]), *_arithmetic(figures)]
    if peak:
        cells.append(f"{figures['flops'] / figures['median'] / peak:.0%}" if figures["flops"] else NOTHING)
    return cells


def _arithmetic(figures: Mapping[str, Any]) -> list[str]:
    if figures["share"] is None:
        return [NOTHING] * 3
    return [f"{figures['flops'] / 1e9:.3g}", f"{figures['matrix_rate'] / 1e9:.3g}", f"{figures['share']:.0%}"]


def paired(row: Row, compared: Compared) -> list[str]:
    """Return the cells of a row of two revisions."""
    ratios = compared.ratios
    if not ratios:
        return [row.what] + [NOTHING] * (len(PAIRED) - 1)
    both = (compared.ours, compared.theirs)
    times = [seconds(statistics.median(one["median"] for one in figures)) for figures in both]
    sizes = [memory(max(one["memory"] for one in figures)) for figures in both]
    return [
        row.what,
        *(f"{ratio:.2f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios))),
        *times,
        *sizes,
    ]


def seconds(value: float) -> str:
    """Return a time with its unit."""
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def memory(value: float) -> str:
    """Return a size with its unit."""
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def line(cells: Sequence[str], width: int) -> str:
    """Return a row for a terminal; the first column has `width` characters."""
    return f"{cells[0]:<{width}}" + "".join(f"  {cell:>17}" for cell in cells[1:])


def markdown(names: Sequence[str], rows: Sequence[Sequence[str]], facts: Mapping[str, Any]) -> str:
    """Return a table with a line of facts before it, as docs/benchmarks.md has them."""
    lines = [f"{describe(facts)}\n", _cells(names), _cells(["---", *["---:"] * (len(names) - 1)])]
    return "\n".join([*lines, *(_cells(row) for row in rows)])


def describe(facts: Mapping[str, Any]) -> str:
    """Return the facts as a sentence."""
    emulated = "native" if facts["bf16_native"] else "emulated"
    where = f"{facts['gpu']}, " if facts["device"] == "cuda" else ""
    return (
        f"{facts['date']}, commit {facts['commit'] or 'unknown'}: {where}{facts['cpu']}, {facts['cores']} cores,"
        f" {facts['threads']} threads, {facts['aten']}, bfloat16 {emulated} ({facts['bf16_speed']:g} times float32's"
        f" rate), torch {facts['torch']}, {facts['precision']}. `{facts['command']}`"
    )


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
