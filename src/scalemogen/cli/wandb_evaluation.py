"""An evaluation as a W&B run: its figures, what it measured, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalemogen.callbacks.lineage import data_artifact, is_model_folder, model_artifact, record, result_artifact
from scalemogen.cli.arguments.evaluate import RESULT
from scalemogen.cli.run_loggers import RunLogger, finished_wandb
from scalemogen.data_modules import MotionStore

ORIGIN = ("run", "data", "model", "evaluator", "protocol", "settings")


def log_evaluation(folder: Path, result: Mapping[str, Any], store: MotionStore) -> None:
    """Log a finished evaluation; its run is in `folder`/wandb, and on the server where there is a key.

    Args:
        folder: where its files are.
        result: the content of result.json.
        store: the data.
    """
    with finished_wandb():
        run = RunLogger("evaluate", folder).experiment
        run.config.update({name: result[name] for name in ORIGIN})
        record(run, data_artifact(store), used=True)
        for used in (result["model"]["path"], result["evaluator"]["path"]):
            if is_model_folder(used) or Path(used).is_file():
                record(run, model_artifact(used), used=True)
        run.summary.update(
            {
                f"{split}/{row}/{figure}": value["mean"]
                for split, content in result["splits"].items()
                for row, figures in content["rows"].items()
                for figure, value in figures.items()
            }
        )
        files = [folder / RESULT, folder / "report.md", folder / "report.html"]
        record(run, result_artifact(files, result["data"]["name"]))
