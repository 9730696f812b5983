"""The picture of a sweep, read back from its SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from scalemogen.evaluation import sweep_plot
from scalemogen.evaluation.sweep_plots import cost
from scalemogen.sweeps import Outcome, make_table
from scalemogen.sweeps.description import Metric

SCORE = Metric(name="score", goal="maximize")


def outcomes(*names: str) -> list[Outcome]:
    """Return two seeds of each point of a grid over two or three values of each name."""
    found = []
    for number in range(12):
        point = {"t.scales": (1, 4, 8)[number % 3], "t.bits": (8, 16)[number // 3 % 2], "t.kind": "ab"[number // 6]}
        parameters = {name: point[name] for name in names}
        figures = {"score": 0.5 + 0.01 * number, "tokenizer/seconds": 10.0 * (number + 1), "ar/seconds": 5.0}
        found.append(Outcome(f"d{number}", {**parameters, "seed": number // 6}, "done", figures, 12.0))
    return found


def drawn(svg: str) -> tuple[list[str], int]:
    """Return all words, and how many lines there are."""
    root = ElementTree.fromstring(svg)
    words = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    return words, len(re.findall("<polyline", svg))


def test_two_parameters_are_drawn_over_each_other_and_over_time() -> None:
    svg = sweep_plot(make_table("x", SCORE, outcomes("t.scales", "t.bits")))
    assert svg is not None
    words, lines = drawn(svg)
    assert lines == 2 + 2 + 6  # a line for each width, twice; one for each row across all axes
    assert {"scales", "bits", "score", "score over time", "bits 8", "bits 16", "1", "4"} <= set(words)
    assert svg.count("<polygon") == 4  # intervals over seeds


def test_many_parameters_are_drawn_side_by_side() -> None:
    svg = sweep_plot(make_table("x", SCORE, outcomes("t.scales", "t.bits", "t.kind")))
    assert svg is not None
    words, lines = drawn(svg)
    assert lines == 12
    assert {"scales", "bits", "kind", "seconds", "score"} <= set(words)
    assert "score over time" not in words


def test_the_cost_of_a_row_is_that_of_its_stages_or_attempts() -> None:
    table = make_table("x", SCORE, outcomes("t.scales", "t.bits"))
    row = next(row for row in table.rows if row.parameters == {"t.scales": 1, "t.bits": 8})
    assert cost(table, row) == (10.0 + 70.0) / 2 + 5.0
    plain = make_table("x", SCORE, [Outcome("d", {"a": 1}, "done", {"score": 1.0}, 99.0)])
    assert cost(plain, plain.rows[0]) == 99.0


def test_nothing_to_plot() -> None:
    some = outcomes("t.scales")
    assert sweep_plot(make_table("x", None, some)) is None
    assert sweep_plot(make_table("x", Metric(name="other"), some)) is None
    assert sweep_plot(make_table("x", SCORE, some[:1])) is None


def test_a_failed_row_leaves_its_line_out_and_the_others_in() -> None:
    every = outcomes("t.scales", "t.bits")
    some = [one for one in every if (one.parameters["t.scales"], one.parameters["t.bits"]) != (8, 16)]
    svg = sweep_plot(make_table("x", SCORE, some))
    assert svg is not None
    assert drawn(svg)[1] == 1 + 2 + 5
