"""One row in a process of its own: `python -m scalemogen.benchmarks.worker JOB RESULT`, JSON in and JSON out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

import scalemogen
from scalemogen.benchmarks.rows import Option, Settings
from scalemogen.benchmarks.work import Work, measure


def make_work(maker: str, settings: Settings, options: Mapping[str, Option]) -> Work:
    """Return the work of a row; see `rows.Row`."""
    module, _, name = maker.partition(":")
    work: Work = getattr(import_module(f"scalemogen.benchmarks.{module}"), name)(settings, **options)
    return work


def main(job: str, result: str) -> None:
    """Measure a row and write its figures.

    Args:
        job: JSON object with "maker", "options" and "settings"; see `rows.Row` and `rows.Settings`.
        result: the file to write.
    """
    asked: dict[str, Any] = json.loads(job)
    settings = Settings(**asked["settings"])
    with make_work(asked["maker"], settings, asked["options"]) as work:
        figures = measure(work, settings).to_dict()
    figures |= {"threads": torch.get_num_threads(), "package": str(Path(scalemogen.__file__).parent)}
    Path(result).write_text(json.dumps(figures), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
