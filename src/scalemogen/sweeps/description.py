"""W&B sweep files: what the local runner understands of them, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scalemogen.errors import UserError
from scalemogen.files import parse_yaml

Distribution = Literal[
    "constant",
    "categorical",
    "int_uniform",
    "uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform_values",
    "normal",
    "q_normal",
    "log_normal",
    "q_log_normal",
]
DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")


class Metric(BaseModel):
    """The figure that runs are ranked by."""

    model_config = ConfigDict(extra="forbid")
    name: str
    goal: Literal["minimize", "maximize"] = "minimize"


class Parameter(BaseModel):
    """What one parameter may be: `value`, `values`, or a distribution with its numbers.

    `min` and `max` alone mean "int_uniform" if both are whole, else "uniform", as on a server.
    """

    model_config = ConfigDict(extra="forbid")
    distribution: Distribution | None = None
    value: Any = None
    values: list[Any] | None = None
    probabilities: list[float] | None = None
    min: int | float | None = None
    max: int | float | None = None
    mu: float = 0.0
    sigma: float = 1.0
    q: float = 1.0

    @model_validator(mode="after")
    def _complete(self) -> Parameter:
        kind = self.kind
        if kind == "categorical":
            if not self.values:
                raise ValueError("values must be a list that is not empty")
            if self.probabilities is not None and (
                len(self.probabilities) != len(self.values)
                or min(self.probabilities) < 0
                or sum(self.probabilities) <= 0
            ):
                raise ValueError("probabilities must be one number for each of values, none negative, not all zero")
        elif kind == "constant":
            if self.value is None:
                raise ValueError("needs one of value, values, or min and max")
        elif "uniform" in kind:
            if self.min is None or self.max is None or self.min > self.max:
                raise ValueError(f"{kind} needs min and max, and min <= max")
            if kind.endswith("_values") and self.min <= 0:
                raise ValueError(f"{kind} needs min above 0")
            if kind == "int_uniform" and not (isinstance(self.min, int) and isinstance(self.max, int)):
                raise ValueError("int_uniform needs whole min and max")
        if None in (self.values or ()):
            raise ValueError("values hold a null, which no command line can express")
        return self

    @property
    def kind(self) -> Distribution:
        """The distribution, named or implied."""
        if self.distribution is not None:
            return self.distribution
        if self.values is not None:
            return "categorical"
        if self.min is None and self.max is None:
            return "constant"
        return "int_uniform" if isinstance(self.min, int) and isinstance(self.max, int) else "uniform"


class EarlyTermination(BaseModel):
    """When a run that falls behind the others is ended. Iterations are logged values of the metric.

    Attributes:
        type: "hyperband": at certain iterations, only the best of every `eta` runs go on; "median" (not on a server): a
            run whose best value is worse than the median of the others at that iteration.
        min_iter: the first iteration that is looked at; by hyperband, then `eta` times as many, and so on.
        max_iter, s: instead of it for hyperband: `s` looks, the last at `max_iter` / `eta`.
        eta: see `type`.
        strict: for a server.
    """

    model_config = ConfigDict(extra="forbid")
    type: Literal["hyperband", "median"]
    min_iter: int | None = Field(None, ge=1)
    max_iter: int | None = Field(None, ge=1)
    s: int | None = Field(None, ge=1)
    eta: int = Field(3, ge=2)
    strict: bool = False

    @model_validator(mode="after")
    def _complete(self) -> EarlyTermination:
        if (self.min_iter is None) == (self.max_iter is None or self.s is None):
            raise ValueError("needs min_iter, or max_iter and s")
        return self

    @property
    def first(self) -> int:
        """The first iteration that is looked at."""
        return self.min_iter or max(1, (self.max_iter or 1) // self.eta ** (self.s or 1))


class Sweep(BaseModel):
    """A sweep file.

    Attributes:
        program: what `${program}` stands for.
        method: "grid", "random", or "bayes", which chooses each point by the runs before it.
        parameters: by name, as the command takes them (dots for nested options).
        metric: what runs are ranked by.
        command: words and macros; see `fill_command`.
        run_cap: runs at most.
        early_terminate: which runs are ended early.
        name, description, project, entity: for a server.
    """

    model_config = ConfigDict(extra="forbid")
    program: str | None = None
    method: Literal["grid", "random", "bayes"]
    parameters: dict[str, Parameter]
    metric: Metric | None = None
    command: list[str | int | float] | None = None
    run_cap: int | None = None
    early_terminate: EarlyTermination | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Sweep:
        if not self.parameters:
            raise ValueError("parameters: there are none")
        if self.metric is None and (self.method == "bayes" or self.early_terminate is not None):
            raise ValueError("metric: missing; method bayes and early_terminate go by it")
        if self.run_cap is not None and self.run_cap < 1:
            raise ValueError(f"run_cap is {self.run_cap}; at least 1 is needed")
        if "${program}" in self.words and not self.program:
            raise ValueError("program: missing; the command is `${program} ${args}` unless `command` says otherwise")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """The command, macros not yet filled in."""
        return DEFAULT_COMMAND if self.command is None else tuple(str(word) for word in self.command)


def read_sweep(path: Path, settings: Sequence[str] = ()) -> tuple[Sweep, dict[str, Any]]:
    """Read a sweep file.

    Args:
        path: the YAML file.
        settings: "key=value", each of which fixes a parameter, named in the file or not.

    Returns:
        The sweep, and the file's content with the settings, as a server takes it.

    Raises:
        UserError: no such file, not YAML, or the first thing in it that is wrong, with the file's name.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read sweep {path}: {getattr(error, 'strerror', None) or error}") from error
    except ValueError as error:
        raise UserError(f"sweep {path} is not YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("parameters"), dict):
        raise UserError(f"sweep {path}: no `parameters`; a sweep file has method, parameters, metric and command")
    for name, entry in content["parameters"].items():
        if isinstance(entry, dict) and "parameters" in entry:
            raise UserError(f"sweep {path}: parameters.{name} is nested; write its options as {name}.OPTION")
    content = {**content, "parameters": override(content["parameters"], settings)}
    try:
        return Sweep.model_validate(content), content
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        given = f", got {first['input']!r:.80}" if first["type"] != "value_error" else ""
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"sweep {path}: {f'{field}: ' if field else ''}{message}{given}") from error


def override(parameters: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return a file's parameters with those fixed that "key=value" settings name.

    Raises:
        UserError: a setting of another form.
    """
    result = dict(parameters)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name or not text:
            raise UserError(f"--set {setting}: needed is KEY=VALUE")
        try:
            value = parse_yaml(text)
        except ValueError:
            value = text
        result[name] = {"value": text if value is None else value}
    return result
