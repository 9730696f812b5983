"""Loggers of a run that keep what was logged before the run went on."""

from __future__ import annotations

import csv
import os
import uuid
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.run_folder import Run
from scalemogen.files import atomic_path

WANDB_ID = "wandb_id"
"""File in a run's folder with the run's name on the W&B server."""


class _Writer(ExperimentWriter):
    """Goes on with a file; Lightning's own deletes it."""

    def _check_log_dir_exists(self) -> None:
        path = Path(self.metrics_file_path)
        if path.is_file():
            with path.open(newline="") as file:
                self.metrics_keys = list(csv.DictReader(file).fieldnames or ())


class GrowingCSV(CSVLogger):
    """Writes metrics.csv in a run's folder, row by row, and goes on with it when the run does.

    Args:
        folder: of the run.
        step: rows of this step and later ones are dropped: the run, which stopped after it had logged them, is to do
            these steps again.
    """

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder, name="", version="", flush_logs_every_n_steps=1)
        self._first = step

    @property
    def experiment(self) -> ExperimentWriter:  # type: ignore[override]
        """The writer, made on first use, by the first process only."""
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            _drop_rows(Path(self.log_dir) / _Writer.NAME_METRICS_FILE, self._first)
            self._experiment = _Writer(self.log_dir)
        return super().experiment


def _drop_rows(path: Path, first: int) -> None:
    if not path.is_file():
        return
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if (row.get("step") or "").isdecimal()]  # a killed run may leave half a line
        names = reader.fieldnames or ()
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in rows if int(row["step"]) < first)


def loggers(stage: str, run: Run) -> list[CSVLogger | WandbLogger]:
    """Return a W&B logger (offline without a key) and a CSV logger, both in the run's folder.

    A run that goes on keeps its identifier at W&B, where a sweep's agent has not set another one.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    offline = os.environ.get("WANDB_MODE", "online" if has_wandb_key() else "offline") != "online"
    if offline:  # nothing to say: the files are in the run's folder, and `wandb sync` uploads them
        os.environ.setdefault("WANDB_SILENT", "true")
    name, identifier = f"{stage}/{run.folder.name}", os.environ.get("WANDB_RUN_ID") or _identifier(run)
    logger = WandbLogger(project="scalemogen", name=name, save_dir=run.folder, offline=offline, id=identifier)
    logger._wandb_init.pop("anonymous")  # Lightning passes None, and W&B warns that the setting is no more
    return [logger, GrowingCSV(run.folder, run.step)]


def _identifier(run: Run) -> str:
    path = run.folder / WANDB_ID
    if run.newest is not None and path.is_file():
        return path.read_text().strip()
    identifier = uuid.uuid4().hex[:8]
    if rank_zero_only.rank == 0:  # type: ignore[attr-defined]
        with atomic_path(path) as temporary:
            temporary.write_text(f"{identifier}\n")
    return identifier
