"""The runs of a sweep: command, folder, and what came out of it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.sweeps.cache import digest_words
from scalemogen.sweeps.description import Sweep

OUTCOME = "outcome.json"
LOG = "log.txt"
_VARIABLE = re.compile(r"\$\{envvar:(\w*)\}")


@dataclass(frozen=True)
class Job:
    """A run to do.

    Attributes:
        parameters: its point of the sweep.
        command: words of the command, the run's folder among them.
        digest: of command, parameters and the content of the configuration files that they name.
        folder: where the run writes.
    """

    parameters: dict[str, Any]
    command: tuple[str, ...]
    digest: str
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """A run that has ended.

    Attributes:
        digest, parameters: of the job.
        status: "done", "failed", or "stopped" early because it fell behind.
        figures: numbers by name; none of a failed run.
        seconds: duration.
        message: why it is not done: the end of its log.
        origin: what the figures depend on, as far as the run says: commit, digests of data, weights and evaluator,
            settings.
    """

    digest: str
    parameters: dict[str, Any]
    status: Literal["done", "failed", "stopped"]
    figures: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the run is not to be done again."""
        return self.status != "failed"

    def keep(self, folder: Path) -> None:
        """Write it to the run's folder, where `read_outcome` finds it."""
        with atomic_path(folder / OUTCOME) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=1))


def read_outcome(job: Job) -> Outcome | None:
    """Return the outcome that a run's folder holds, None where there is none."""
    try:
        outcome = Outcome(**json.loads((job.folder / OUTCOME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return outcome if outcome.digest == job.digest else None


def plan_job(sweep: Sweep, point: Mapping[str, Any], folder: Path) -> Job:
    """Return the run of a point; it has the folder `folder`/DIGEST, which it gets as its last words.

    Raises:
        UserError: see `fill_command`.
    """
    command = fill_command(sweep, point)
    digest = digest_words([word for word in command if word != sys.executable])
    return Job(dict(point), (*command, "--run", str(folder / digest)), digest, folder / digest)


def fill_command(sweep: Sweep, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the command with its macros filled in, as a W&B agent does.

    `${env}` is left out, `${interpreter}` is this Python; `${program}`, `${args}` (--key=value), `${args_no_hyphens}`
    (key=value), `${args_no_equals}` (--key value), `${args_no_boolean_flags}` (--key for true, nothing for false),
    `${args_json}`, and `${envvar:NAME}` inside words.

    Raises:
        UserError: an unknown macro, or a variable that is not set.
    """
    pairs = list(parameters.items())
    macros = {
        "env": [],
        "interpreter": [sys.executable],
        "program": [sweep.program or ""],
        "args": [f"--{name}={value}" for name, value in pairs],
        "args_no_hyphens": [f"{name}={value}" for name, value in pairs],
        "args_no_equals": [word for name, value in pairs for word in (f"--{name}", str(value))],
        "args_no_boolean_flags": [
            f"--{name}" if value is True else f"--{name}={value}" for name, value in pairs if value is not False
        ],
        "args_json": [json.dumps(dict(parameters))],
    }
    words: list[str] = []
    for word in sweep.words:
        if word.startswith("${") and word.endswith("}") and word[2:-1] in macros:
            words += macros[word[2:-1]]
        else:
            words.append(_VARIABLE.sub(_variable, word))
            if "${" in words[-1]:
                known = ", ".join(f"${{{name}}}" for name in (*macros, "envvar:NAME"))
                raise UserError(f"command: {word} is no macro; there are {known}")
    if not words:
        raise UserError("command: it is empty")
    return tuple(words)


def _variable(match: re.Match[str]) -> str:
    value = os.environ.get(match.group(1))
    if value is None:
        raise UserError(f"command: the environment variable {match.group(1)} is not set")
    return value
