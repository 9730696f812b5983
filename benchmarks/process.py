"""Rows as processes, of this revision of the package and of another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scalemogen
from scalemogen.benchmarks.rows import Row, Settings
from scalemogen.errors import UserError

OURS = Path(scalemogen.__file__).parents[1]
"""The folder that this package is imported from."""

KEPT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1)}
"""Has glibc keep freed memory, as trainings do (`machine.keep_freed_memory`); for other revisions too."""


@dataclass(frozen=True)
class Outcome:
    """What came of a row: figures, see `work.Measured`, or the reason why there are none."""

    figures: Mapping[str, Any] | None
    reason: str = ""


def run_row(row: Row, settings: Settings, *, source: Path = OURS, threads: int | None = None) -> Outcome:
    """Measure a row in a process of its own.

    Args:
        row: which.
        settings: how.
        source: folder that the package is imported from.
        threads: of torch; None leaves the choice to the machine.
    """
    path = os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **KEPT, "PYTHONPATH": path}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    job = json.dumps({"maker": row.maker, "options": dict(row.options), "settings": settings.to_dict()})
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "scalemogen.benchmarks.worker", job, str(result)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0 and result.is_file():
            figures = json.loads(result.read_text("utf-8"))
            if Path(figures["package"]) == source / "scalemogen":
                return Outcome(figures)
            return Outcome(None, f"the package was imported from {figures['package']}, not from {source}")
    said = [line for line in done.stderr.splitlines() if line.strip()]
    return Outcome(None, said[-1].strip() if said else f"its process ended with status {done.returncode}")


@contextmanager
def other_revision(revision: str) -> Iterator[Path]:
    """Yield the folder to import another revision of the package from, with this revision's benchmarks in it.

    It is a git worktree in a temporary folder, which is gone afterwards, also when the block is interrupted.

    Raises:
        UserError: this package is not in a git repository, or the repository has no such revision.
    """
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not commit:
        where = f"{OURS} is in no git repository" if not _git("rev-parse", "HEAD") else f"no revision '{revision}'"
        raise UserError(f"--against {revision}: {where}")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "revision"
        try:
            _git("worktree", "add", "--detach", str(tree), commit)
            source = tree / "src"
            if not (source / "scalemogen").is_dir():
                raise UserError(f"--against {revision}: it has no src/scalemogen")
            link = source / "scalemogen" / "benchmarks"
            link.unlink(missing_ok=True)
            link.symlink_to(Path(__file__).resolve().parent)
            yield source
        finally:
            _git("worktree", "remove", "--force", str(tree))
            _git("worktree", "prune")


def commit() -> str:
    """Return the short name of this package's commit, with "+" behind it where files differ; "" outside of git."""
    return _git("describe", "--always", "--dirty=+", "--exclude=*")


def _git(*arguments: str) -> str:
    """Return what git prints, "" where it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=OURS, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
