"""Loggers of a run that keep what was logged before the run went on."""

from __future__ import annotations

import csv
import os
import ssl
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import wandb
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only
from wandb.sdk.mailbox import MailboxClosedError

from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.run_folder import Run
from scalemogen.errors import RunStopped, UserError
from scalemogen.files import atomic_path

WANDB_ID = "wandb_id"
"""File in a run's folder with the run's name on the W&B server."""
RETRIES = 1
"""How often a question is put again to a server that does not answer; with 4, W&B held up the end by over a minute."""
PROBE = 5.0
"""Seconds in which a server that can be reached answers."""


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
    def experiment(self) -> ExperimentWriter:
        """The writer, made on first use, by the first process only."""
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            _drop_rows(Path(self.log_dir) / _Writer.NAME_METRICS_FILE, self._first)
            self._experiment = _Writer(self.log_dir)
        writer: ExperimentWriter = super().experiment
        return writer


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


class RunLogger(WandbLogger):
    """W&B's logger, online with a key; where its server cannot be reached, the run stays on disk for `wandb sync`.

    A dead network holds up the beginning of a run by `WANDB_INIT_TIMEOUT` seconds (30) at most, and its end by
    `WANDB_FINISH_TIMEOUT` (120), or until artifacts have been tried once more. What is logged in between is written to
    disk and sent in the background.

    Args:
        kind: of work: a stage's name, or "evaluate".
        folder: of the run.
        identifier: of the run on the server; None for a new one.

    Raises:
        UserError: one of these variables is no number.
    """

    def __init__(self, kind: str, folder: Path, identifier: str | None = None) -> None:
        offline = os.environ.get("WANDB_MODE", "online" if has_wandb_key() else "offline") != "online"
        if offline:  # nothing to say: the files are in the run's folder, and `wandb sync` uploads them
            os.environ.setdefault("WANDB_SILENT", "true")
        super().__init__(
            project="scalemogen",
            name=f"{kind}/{folder.name}",
            save_dir=folder,
            offline=offline,
            id=identifier,
            job_type=kind,
            group=os.environ.get("WANDB_RUN_GROUP"),
            settings=wandb.Settings(
                init_timeout=_seconds("WANDB_INIT_TIMEOUT", 30.0),
                finish_timeout=_seconds("WANDB_FINISH_TIMEOUT", 120.0),  # but not for artifacts:
                x_graphql_retry_max=RETRIES,
            ),
        )
        self._wandb_init.pop("anonymous")  # Lightning passes None, and W&B warns that the setting is no more

    @property
    def experiment(self) -> Any:
        """The run, made on first use, by the first process only."""
        first: bool = rank_zero_only.rank == 0  # type: ignore[attr-defined]
        if self._experiment is None and first and not self._offline:
            try:
                _reach(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai"))
                return super().experiment
            except (OSError, wandb.Error) as error:
                wandb.teardown()  # forgets the run that was to begin
                self._offline, self._wandb_init["mode"] = True, "offline"
                place = Path(str(self.save_dir)) / "wandb"
                reason = " ".join(str(error).split())
                print(f"W&B: {reason}; this run is kept in {place}, `wandb sync` uploads it", file=sys.stderr)
        return super().experiment


def _seconds(variable: str, default: float) -> float:
    value = os.environ.get(variable, str(default))
    try:
        return float(value)
    except ValueError as error:
        raise UserError(f"{variable} is {value!r}; a number of seconds is needed") from error


def _reach(url: str) -> None:
    """Ask a server for anything, through a proxy if there is one.

    Raises:
        OSError: it does not answer in time.
    """
    try:
        urlopen(url, timeout=PROBE).close()
    except HTTPError:
        return  # it has answered
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ssl.SSLError):  # W&B may know certificates that Python does not
            raise OSError(f"cannot reach {url} ({reason})") from error


def loggers(kind: str, run: Run) -> list[CSVLogger | WandbLogger]:
    """Return a W&B logger and a CSV logger, both in the run's folder.

    A run that goes on keeps its identifier at W&B, where a sweep's agent has not set another one.

    Args:
        kind: see RunLogger.
        run: where it writes.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    identifier = os.environ.get("WANDB_RUN_ID") or _identifier(run)
    return [RunLogger(kind, run.folder, identifier), GrowingCSV(run.folder, run.step)]


@contextmanager
def finished_wandb() -> Iterator[None]:
    """Finish the W&B run that is at work when the block is left, as done or failed.

    Else the next run of this process would be logged as part of this one.
    """
    status = 1
    try:
        yield
        status = 0
    except RunStopped as stop:
        status = stop.status
        raise
    finally:
        finish_wandb(status)


def finish_wandb(status: int) -> None:
    """Finish the W&B run that is at work, if there is one, with an exit status."""
    if wandb.run is None:
        return
    try:
        wandb.finish(exit_code=status)
    except (MailboxClosedError, OSError, wandb.Error) as error:  # its service has died
        print(f"W&B: {type(error).__name__} while uploading; `wandb sync` uploads the rest", file=sys.stderr)


def _identifier(run: Run) -> str:
    path = run.folder / WANDB_ID
    if run.newest is not None and path.is_file():
        return path.read_text().strip()
    identifier = uuid.uuid4().hex[:8]
    if rank_zero_only.rank == 0:  # type: ignore[attr-defined]
        with atomic_path(path) as temporary:
            temporary.write_text(f"{identifier}\n")
    return identifier
