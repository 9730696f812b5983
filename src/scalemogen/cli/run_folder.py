"""The folder of a training run: the same one on every process, found again by a restart, never overwritten."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from pathlib import Path

from scalemogen.checkpoints import read_checkpoint
from scalemogen.cli.elastic import agreed, started_by_torchrun
from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.sweeps import RESUME_VARIABLE

RUNS = Path("runs")
RUN_VARIABLE = "SCALEMOGEN_RUN"
"""Names the folder for the processes that a run starts."""
TRACES = ("metrics.csv", "model")


@dataclass(frozen=True)
class Run:
    """Where a run writes.

    Attributes:
        folder: the folder.
        newest: checkpoint to go on from, None for a run that begins.
        step: optimiser steps of that checkpoint.
    """

    folder: Path
    newest: Path | None = None
    step: int = 0


def find_run(stage: str, asked: str | Path | None, words: Sequence[str], *, resume: bool, start: str | None) -> Run:
    """Return the folder to train in, and the checkpoint to go on from.

    A run goes on where its folder has a whole checkpoint, if it is told to (`resume`), if the launcher has restarted
    it (SLURM's requeue, a further attempt of torchrun), or if the launcher names the folder (a SLURM job): so the
    command line that starts a run is also the one that continues it.

    Args:
        stage: "tokenizer", "ar" or "evaluator".
        asked: folder that the user names.
        words: of the command line; they tell the runs of one batch script apart.
        resume: go on from the folder's newest whole checkpoint, and begin if it has none.
        start: checkpoint that the user names to start from.

    Raises:
        UserError: nothing says which folder to resume, the folder holds another run, or only damaged checkpoints.
    """
    slurm = None if asked is not None else slurm_name(words)
    if resume and asked is None and slurm is None and not _restarts():
        raise UserError("--resume needs to know which run: add --run FOLDER")
    folder = Path(run_folder(stage, asked, words))
    if resume or slurm or _restarts() or os.environ.get(RESUME_VARIABLE):
        return _resumed(folder, stage)
    if holds_run(folder) and not _inside(start, folder):
        raise UserError(f"{folder} holds a run; add --resume to go on with it, or name another folder with --run")
    return Run(folder)


def run_folder(stage: str, asked: str | Path | None, words: Sequence[str] = ()) -> str:
    """Return the folder of this run: the one that is asked for, else one named by the launcher or by the time.

    All processes of a run get the same one: from the SLURM job, through torchrun's store, or, where Lightning starts
    them, from the environment.

    Raises:
        UserError: a process that cannot know what the first one has chosen.
    """
    if asked is not None:
        return str(asked)
    if (name := slurm_name(words)) is not None:
        return str(RUNS / stage / name)
    if started_by_torchrun():
        return agreed(f"run/{stage}", partial(_new, stage))
    if any(int(os.environ.get(name, 0)) > 0 for name in ("LOCAL_RANK", "RANK", "NODE_RANK")):
        if RUN_VARIABLE not in os.environ:
            raise UserError("processes that are started one by one must be told their run's folder: add --run FOLDER")
        return os.environ[RUN_VARIABLE]
    os.environ[RUN_VARIABLE] = _new(stage)
    return os.environ[RUN_VARIABLE]


def slurm_name(words: Sequence[str]) -> str | None:
    """Return the name that a SLURM job gives its run, None outside of one; a requeued job has its name again.

    Inside `srun` it is made of job and step; else of the job and the words of the command, since a batch script may
    train more than one model.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if not job or os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return None
    step = os.environ.get("SLURM_STEP_ID")
    return f"slurm-{job}.{step}" if step else f"slurm-{job}-{digest_json(list(words))[:8]}"


def new_folder(path: Path) -> Path:
    """Make a folder at `path`, or at the first of path-2, path-3, ... that is not there yet."""
    for number in count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    return folder


def holds_run(folder: Path) -> bool:
    """Return whether a folder has what another run would overwrite: figures, checkpoints or a model."""
    return any((folder / name).exists() for name in TRACES) or bool(_checkpoints(folder))


def newest_checkpoint(folder: Path, stage: str) -> tuple[Path, int] | None:
    """Return the whole checkpoint of a run with the most steps, the younger of equals, and its steps.

    Damaged files are passed over.

    Raises:
        UserError: a checkpoint of another stage; or there are checkpoints, and none of them is whole.
    """
    paths, found = _checkpoints(folder), list[tuple[int, float, Path]]()
    damaged = None
    for path in paths:
        try:
            checkpoint = read_checkpoint(path)
        except UserError as error:
            damaged = error
            continue
        read_checkpoint(path, stage)
        found.append((int(checkpoint["global_step"]), path.stat().st_mtime, path))
    if not found and damaged is not None:
        raise UserError(f"{folder} has no whole checkpoint to resume from: {damaged}")
    if not found:
        return None
    step, _, path = max(found)
    return path, step


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in (folder / "checkpoints").glob("*.ckpt") if not path.name.startswith(".")]


def _resumed(folder: Path, stage: str) -> Run:
    found = newest_checkpoint(folder, stage)
    return Run(folder) if found is None else Run(folder, *found)


def _restarts() -> int:
    """Return how often the launcher has started this run anew."""
    return max(int(os.environ.get(name) or 0) for name in ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"))


def _inside(path: str | None, folder: Path) -> bool:
    return path == "last" or (path is not None and Path(path).resolve().is_relative_to(folder.resolve()))


def _new(stage: str) -> str:
    return str(new_folder(RUNS / stage / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")))
