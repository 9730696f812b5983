"""Two results beside each other: which differences are more than the spread of the repeats?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from scalemogen.errors import UserError
from scalemogen.evaluation.columns import COLUMNS, Column
from scalemogen.evaluation.evaluate import FORMAT, KIND
from scalemogen.evaluation.plots import Series, lines
from scalemogen.evaluation.preservation import CURVES
from scalemogen.evaluation.report_html import document, table_of
from scalemogen.evaluation.report_markdown import as_markdown
from scalemogen.evaluation.student import SIGNIFICANT, Welch, welch

TEST = (
    f"Welch's t-test on the repeats, two-sided, {SIGNIFICANT:g}: about one in {1 / SIGNIFICANT:.0f} figures differs so"
    " much by chance, and training again with another seed would add a spread that repeats of one model do not show"
)


@dataclass(frozen=True)
class Difference:
    """One figure of one row in two results.

    Attributes:
        split, row, figure: which.
        first, second: means.
        test: of the difference.
        verdict: "better", "worse", "differs" or "within", of the second against the first; "unknown" from one repeat.
    """

    split: str
    row: str
    figure: str
    first: float
    second: float
    test: Welch
    verdict: str


def read_result(path: Path) -> dict[str, Any]:
    """Read a result.

    Raises:
        UserError: no such file, or no result of this version.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    if not isinstance(result, dict) or result.get("kind") != KIND:
        raise UserError(f"{path} is no result of `scalemogen evaluate` (its --out folder has one, result.json)")
    if result["format"] != FORMAT:
        raise UserError(f"{path} has format {result['format']}; this version reads {FORMAT}")
    return result


def obstacles(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return what makes the numbers of two results incomparable: protocol, evaluator, or the clips themselves."""
    found = []
    for name, value in first["protocol"].items():
        if second["protocol"].get(name) != value:
            found.append(f"protocol: {name} is {value} in one and {second['protocol'].get(name)} in the other")
    mine, theirs = first["evaluator"], second["evaluator"]
    if mine["digest"] != theirs["digest"]:
        told = [f"{evaluator['name']} ({evaluator['digest']})" for evaluator in (mine, theirs)]
        found.append(f"evaluator: {told[0]} in one and {told[1]} in the other")
    for split in shared_splits(first, second):
        one, other = (result["data"]["splits"][split] for result in (first, second))
        if one != other:
            found.append(f"data: split {split} has digest {one} in one and {other} in the other")
        sizes = [result["splits"][split]["cut_to_frames"] for result in (first, second)]
        if sizes[0] != sizes[1]:
            found.append(f"length: clips of {split} are cut to {sizes[0]} frames in one and to {sizes[1]} in the other")
    return found


def shared_splits(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return the splits that both results have.

    Raises:
        UserError: there are none.
    """
    shared = [split for split in first["splits"] if split in second["splits"]]
    if not shared:
        raise UserError(f"no split in common: {', '.join(first['splits'])} and {', '.join(second['splits'])}")
    return shared


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Return the difference of every figure that both results have."""
    found = []
    for split in shared_splits(first, second):
        rows, others = (result["splits"][split]["rows"] for result in (first, second))
        for row in rows:
            for name in rows[row]:
                if name in others.get(row, {}):
                    one, other = rows[row][name], others[row][name]
                    test = welch(one["values"], other["values"])
                    real = rows["real"].get(name, {}).get("mean")
                    verdict = _verdict(test, COLUMNS[name], one["mean"], other["mean"], real)
                    found.append(Difference(split, row, name, one["mean"], other["mean"], test, verdict))
    return found


def _verdict(test: Welch, column: Column, first: float, second: float, real: float | None) -> str:
    if test.exceeds is None:
        return "unknown"
    if not test.exceeds:
        return "within"
    if column.better == "real":
        if real is None:
            return "differs"
        return "better" if abs(second - real) < abs(first - real) else "worse"
    return "better" if (second < first) == (column.better == "low") else "worse"


@dataclass(frozen=True)
class Comparison:
    """Two results beside each other.

    Attributes:
        names: of the two, short and different.
        different: what makes their numbers incomparable.
        rows: all differences.
        plots: title -> SVG, the curves of both over scales.
    """

    names: tuple[str, str]
    different: list[str]
    rows: list[Difference]
    plots: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "results": list(self.names),
            "test": TEST,
            "different": self.different,
            "differences": [asdict(row) for row in self.rows],
        }

    def markdown(self) -> str:
        """Return the comparison as Markdown."""
        parts = [f"# {self.names[1]} against {self.names[0]}", *self._caution()]
        parts += [as_markdown(self._table()), f"{TEST}."]
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """Return the comparison as a page with the curves of both in one plot each."""
        title = f"{self.names[1]} against {self.names[0]}"
        parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(text)}</p>" for text in self._caution())]
        parts += [table_of(self._table()), f"<p>{escape(TEST)}.</p>", "<h2>Scale by scale</h2>"]
        return document(title, [*parts, f'<div class="plots">{"".join(self.plots.values())}</div>'])

    def _caution(self) -> list[str]:
        return [f"Not comparable: {text}." for text in self.different]

    def _table(self) -> list[list[str]]:
        body = []
        for row in self.rows:
            column, half, p = COLUMNS[row.figure], row.test.interval, row.test.p
            means = [f"{value:.{column.digits}f}" for value in (row.first, row.second)]
            change = f"{row.test.difference:+.{column.digits}f}" + (
                "" if half is None else f" ± {half:.{column.digits}f}"
            )
            body.append(
                [row.split, row.row, column.heading, *means, change, "–" if p is None else f"{p:.2g}", row.verdict]
            )
        return [["split", "motions", "", *self.names, "difference", "p", "verdict"], *body]


def compare(first: Mapping[str, Any], second: Mapping[str, Any], *, anyway: bool = False) -> Comparison:
    """Compare two results.

    Args:
        first: a complete result.
        second: another one.
        anyway: compare also what is not comparable; the report says so.

    Raises:
        UserError: different protocols, evaluators or clips, named; nothing in common.
    """
    different = obstacles(first, second)
    if different and not anyway:
        raise UserError(f"these results are not comparable: {'; '.join(different)} (--anyway compares nevertheless)")
    names = names_of(first, second)
    return Comparison(
        names=names,
        different=different,
        rows=differences(first, second),
        plots=preservation_plots(first, second, names),
    )


def names_of(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, str]:
    """Return the models' paths, told apart where they are equal."""
    one, other = first["model"]["path"], second["model"]["path"]
    return (one, other) if one != other else (f"{one} (first)", f"{other} (second)")


def preservation_plots(first: Mapping[str, Any], second: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Return plots of the errors over scales, both results in each."""
    plots = {}
    for split in shared_splits(first, second):
        for key, title in CURVES.items():
            curves = [result["splits"][split]["preservation"][key] for result in (first, second)]
            series = [Series(name, curve["mean"], curve["interval"]) for name, curve in zip(names, curves, strict=True)]
            places = [str(k + 1) for k in range(max(len(curve["mean"]) for curve in curves))]
            plots[f"{split}: {title}"] = lines(series, f"{split}: {title}", "scales decoded", places)
    return plots
