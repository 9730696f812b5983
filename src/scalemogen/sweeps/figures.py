"""Figures that a run leaves in its folder."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from scalemogen.errors import UserError

RESULT = "result.json"
LOGGED = "metrics.csv"


def read_figures(folder: Path) -> dict[str, float]:
    """Return the finite figures of a run: "figures" of result.json, else the last validated values of metrics.csv.

    Raises:
        UserError: neither file is there, it cannot be read, or it has no finite figure.
    """
    try:
        if (folder / RESULT).is_file():
            content = json.loads((folder / RESULT).read_text(encoding="utf-8"))["figures"]
            found = {name: float(value) for name, value in content.items()}
        else:
            found = {}
            with (folder / LOGGED).open(newline="", encoding="utf-8") as file:
                for line in csv.DictReader(file):
                    found |= {name: float(value) for name, value in line.items() if name.startswith("val/") and value}
    except FileNotFoundError as error:
        raise UserError(f"the run wrote neither {RESULT} nor {LOGGED} to {folder}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the figures in {folder} cannot be read: {error}") from error
    finite = {name: value for name, value in found.items() if math.isfinite(value)}
    if not finite:
        raise UserError(f"the run wrote no finite figure to {folder} ({RESULT}, or val/... in {LOGGED})")
    return finite


def read_course(folder: Path, name: str) -> list[float]:
    """Return the finite values of a figure that a run has logged so far, in their order; none where it logs none."""
    try:
        with (folder / LOGGED).open(newline="", encoding="utf-8") as file:
            values = [float(line[name]) for line in csv.DictReader(file) if line.get(name)]
    except (OSError, ValueError):
        return []
    return [value for value in values if math.isfinite(value)]


def read_origin(folder: Path) -> dict[str, Any]:
    """Return what the figures of a run depend on, "origin" of result.json: empty where the run says nothing of it."""
    try:
        origin = json.loads((folder / RESULT).read_text(encoding="utf-8"))["origin"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return origin if isinstance(origin, dict) else {}
