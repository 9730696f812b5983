"""Figures that a run leaves in its folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalemogen.errors import UserError

RESULT = "result.json"
LOGGED = "metrics.csv"


def read_figures(folder: Path) -> dict[str, float]:
    """Return the figures of a run: "figures" of result.json, else the last validated values of metrics.csv.

    Raises:
        UserError: neither file is there, or one that cannot be read.
    """
    try:
        if (folder / RESULT).is_file():
            return {name: float(value) for name, value in json.loads((folder / RESULT).read_text())["figures"].items()}
        with (folder / LOGGED).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        found = {}
        for line in lines:
            found |= {name: float(value) for name, value in line.items() if name.startswith("val/") and value}
    except FileNotFoundError as error:
        raise UserError(f"the run wrote neither {RESULT} nor {LOGGED} to {folder}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the figures in {folder} cannot be read: {error}") from error
    if not found:
        raise UserError(f"{folder / LOGGED} has no validated figure, val/...")
    return found


def flatten(content: Mapping[str, Any], separator: str = "/") -> dict[str, float]:
    """Return the numbers of nested mappings, by their path; truth values, text, lists and nulls are left out."""
    found: dict[str, float] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            found |= {f"{name}{separator}{below}": number for below, number in flatten(value, separator).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[str(name)] = float(value)
    return found
