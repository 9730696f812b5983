"""Random points: seeded, in range, and of the distribution that was named."""

from __future__ import annotations

import math
from statistics import fmean, pstdev
from typing import Any

import pytest

from scalemogen.sweeps import Sweep, points

COUNT = 400


def draws(seed: int = 0, count: int = COUNT, **parameter: Any) -> list[Any]:
    sweep = Sweep.model_validate({"program": "x", "method": "random", "parameters": {"a": parameter}})
    return [point["a"] for point in points(sweep, count, seed)]


def test_draws_are_seeded_and_do_not_depend_on_their_number() -> None:
    first = draws(min=0.0, max=1.0, count=5)
    assert first == draws(min=0.0, max=1.0, count=9)[:5]
    assert first != draws(min=0.0, max=1.0, count=5, seed=1)
    assert len(set(first)) == 5


def test_parameters_draw_independently_of_each_other() -> None:
    one = {"a": {"min": 0.0, "max": 1.0}}
    two = {"b": {"min": 0.0, "max": 1.0}, **one}
    sweeps = [Sweep.model_validate({"program": "x", "method": "random", "parameters": each}) for each in (one, two)]
    alone, beside = (points(sweep, 4, 0) for sweep in sweeps)
    assert [point["a"] for point in alone] == [point["a"] for point in beside]
    assert all(point["a"] != point["b"] for point in beside)


@pytest.mark.parametrize(
    ("parameter", "low", "high", "mean"),
    [
        ({"min": 2.0, "max": 6.0}, 2.0, 6.0, 4.0),
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2.5}, 0.0, 10.0, 5.0),
        ({"distribution": "uniform", "min": 1, "max": 3}, 1.0, 3.0, 2.0),
        ({"min": 3, "max": 7}, 3, 7, 5.0),
    ],
)
def test_uniform(parameter: dict[str, Any], low: float, high: float, mean: float) -> None:
    found = draws(**parameter)
    assert low <= min(found) <= max(found) <= high
    assert fmean(found) == pytest.approx(mean, abs=4 * (high - low) / math.sqrt(12 * COUNT))
    if "q" in parameter:
        assert {value % parameter["q"] for value in found} == {0.0}
    if isinstance(low, int):
        assert set(found) == {3, 4, 5, 6, 7}


@pytest.mark.parametrize("kind", ["log_uniform_values", "log_uniform"])
def test_log_uniform(kind: str) -> None:
    low, high = (1e-5, 1e-1) if kind == "log_uniform_values" else (math.log(1e-5), math.log(1e-1))
    found = draws(distribution=kind, min=low, max=high)
    assert 1e-5 <= min(found) <= max(found) <= 1e-1
    assert fmean(math.log10(value) for value in found) == pytest.approx(-3, abs=0.25)


@pytest.mark.parametrize(("kind", "transform"), [("normal", float), ("log_normal", math.log)])
def test_normal(kind: str, transform: Any) -> None:
    found = [transform(value) for value in draws(distribution=kind, mu=3.0, sigma=0.5)]
    assert fmean(found) == pytest.approx(3.0, abs=0.1)
    assert pstdev(found) == pytest.approx(0.5, abs=0.1)


def test_categorical() -> None:
    found = draws(values=["x", "y", [1, 2]], probabilities=[0.0, 3.0, 1.0])
    assert "x" not in found
    assert found.count("y") / COUNT == pytest.approx(0.75, abs=0.08)
    assert set(map(str, draws(values=["x", "y"]))) == {"x", "y"}
    assert set(draws(value=7, count=3)) == {7}
