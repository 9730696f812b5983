"""Intervals and Welch's test by hand and by tables."""

from __future__ import annotations

import math

import pytest

from scalemogen.evaluation.intervals import figure, figures, written
from scalemogen.evaluation.student import quantile, two_sided, welch


def test_interval_by_hand() -> None:
    found = figure([1.0, 2.0, 3.0, 6.0])  # deviations -2, -1, 0, 3: s² = 14 / 3
    assert found["mean"] == 3.0
    assert found["interval"] == pytest.approx(1.96 * math.sqrt(14 / 3) / 2)
    assert figure([5.0])["interval"] is None
    assert written(found, 2) == "3.00 ± 2.12"
    assert written(figure([5.0, 5.0]), 1) == "5.0"
    assert written(None, 1) == "–"


def test_repeats_without_a_value_are_left_out() -> None:
    found = figures([{"a": 1.0, "b": math.nan}, {"a": 3.0, "b": 7.0}, {"a": 5.0, "b": math.nan}])
    assert found["a"]["values"] == [1.0, 3.0, 5.0]
    assert found["b"] == {"mean": 7.0, "interval": None, "values": [7.0]}


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.7062), (2, 4.30265), (5, 2.57058), (10, 2.22814), (30, 2.04227)])
def test_student_s_t_as_tabled(freedom: float, t: float) -> None:
    assert two_sided(t, freedom) == pytest.approx(0.05, abs=2e-5)
    assert quantile(freedom) == pytest.approx(t, rel=1e-3)
    assert two_sided(0.0, freedom) == pytest.approx(1.0, abs=1e-5)


def test_one_degree_of_freedom_is_cauchy() -> None:
    for t in (0.3, 1.0, 7.0):
        assert two_sided(t, 1.0) == pytest.approx(1 - 2 * math.atan(t) / math.pi, abs=1e-6)


def test_welch_by_hand() -> None:
    first, second = [1.0, 2.0, 3.0], [4.0, 6.0, 8.0, 10.0]  # variances 1 and 20/3; shares 1/3 and 5/3
    found = welch(first, second)
    freedom = 4 / ((1 / 9) / 2 + (25 / 9) / 3)
    assert found.difference == 5.0
    assert found.p == pytest.approx(two_sided(5 / math.sqrt(2), freedom))
    assert found.interval == pytest.approx(quantile(freedom) * math.sqrt(2))
    assert found.exceeds
    assert not welch(first, [1.5, 2.0, 3.5]).exceeds


def test_what_cannot_be_told() -> None:
    assert welch([1.0], [2.0, 3.0]).exceeds is None
    assert welch([1.0, 1.0], [2.0, 2.0]).exceeds is True  # nothing varies, and they differ
    assert welch([1.0, 1.0], [1.0, 1.0]).exceeds is False
