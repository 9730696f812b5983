"""The points of a sweep: a grid, or draws from distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import torch

from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.sweeps.description import Parameter, Sweep


def points(sweep: Sweep, count: int | None, seed: int) -> list[dict[str, Any]]:
    """Return the parameters of every run, in the order of running; not for "bayes", see `search`.

    Args:
        sweep: the file.
        count: runs at most; "random" needs this or the file's `run_cap`.
        seed: of random draws; point i does not depend on `count`.

    Raises:
        UserError: a grid over something continuous; random draws without a count.
    """
    cap = runs_at_most(sweep, count)
    if sweep.method == "grid":
        return grid(sweep.parameters)[:cap]
    return [
        {name: draw(parameter, _generator(seed, index, name)) for name, parameter in sweep.parameters.items()}
        for index in range(cap or 0)
    ]


def runs_at_most(sweep: Sweep, count: int | None) -> int | None:
    """Return how many runs there are at most, None for all of a grid.

    Raises:
        UserError: fewer than one; nothing says how many, and the method has no end.
    """
    cap = sweep.run_cap if count is None else count
    if cap is not None and cap < 1:
        raise UserError(f"--count {cap}: at least 1 is needed")
    if cap is None and sweep.method != "grid":
        raise UserError(f"method {sweep.method} has no end: say how many runs with --count, or run_cap in the file")
    return cap


def grid(parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """Return all combinations, the last parameter varying fastest.

    Raises:
        UserError: a parameter with no finite list of values, or values that repeat.
    """
    choices = []
    for name, parameter in parameters.items():
        if parameter.kind == "constant":
            choices.append([parameter.value])
        elif parameter.kind == "categorical":
            choices.append(list(parameter.values or ()))
        elif parameter.kind == "int_uniform":
            choices.append(list(range(int(parameter.min or 0), int(parameter.max or 0) + 1)))
        else:
            raise UserError(f"parameters.{name}: a grid cannot go over {parameter.kind}; give values")
        if len({digest_json(choice) for choice in choices[-1]}) < len(choices[-1]):
            raise UserError(f"parameters.{name}: a value stands twice in {choices[-1]}")
    return [dict(zip(parameters, values, strict=True)) for values in product(*choices)]


def draw(parameter: Parameter, generator: torch.Generator) -> Any:
    """Draw one value."""
    kind = parameter.kind
    if kind == "constant":
        return parameter.value
    if kind == "categorical":
        values = parameter.values or []
        weights = torch.tensor(parameter.probabilities or [1.0] * len(values), dtype=torch.float64)
        return values[int(torch.multinomial(weights, 1, generator=generator))]
    low, high = parameter.min or 0, parameter.max or 0
    if kind == "int_uniform":
        return int(torch.randint(int(low), int(high) + 1, (), generator=generator))
    if kind.endswith("normal"):
        value = parameter.mu + parameter.sigma * float(torch.randn((), generator=generator, dtype=torch.float64))
    else:
        if kind.endswith("_values"):
            low, high = math.log(low), math.log(high)
        value = low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
    if "log_" in kind:
        value = math.exp(value)
    return round(value / parameter.q) * parameter.q if kind.startswith("q_") else value


def _generator(seed: int, index: int, name: str) -> torch.Generator:
    return torch.Generator().manual_seed(int(digest_json([seed, index, name]), 16) % 2**63)
