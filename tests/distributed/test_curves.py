"""Twenty steps on one, two and four processes with the same batch over all of them: every figure that is logged."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.source import ROOT
from helpers.training import TINY, fit, recipe
from scalemogen.cli.run_folder import RUN_VARIABLE

CLIPS = 150
"""7 for validation: with a batch of 4 over all processes, a full batch and a short one of 3, uneven on any number."""
BATCH = 4
SAME_DRAWS = {
    "tokenizer": ["--model.dropout=0", "--model.scale_dropout=0.5"],
    "ar": [
        *("--model.dropout=0", "--model.drop_path=0", "--model.text.dropout=0"),
        *("--model.flip_strength=0", "--model.text_dropout=0"),
    ],
}
"""What is drawn apart on every process is off."""
OF_ONE_PROCESS = ("train/clips_per_s", "train/frames_per_s")
ACCUMULATED = ["--trainer.accumulate_grad_batches=2"]


def options(stage: str, place: Path, world: int) -> list[str]:
    return [
        *("--config", str(recipe(stage)), "--trainer.accelerator=cpu", "--threads=1", *TINY[stage], *SAME_DRAWS[stage]),
        *("--data=scalemogen.data_modules.Synthetic", f"--data.init_args.clips={CLIPS}"),
        *(f"--data.init_args.root={place / 'data'}", f"--data.init_args.loading.batch_size={BATCH // world}"),
        *(f"--data.init_args.loading.{key}" for key in ("min_frames=16", "workers=0", "balance=")),
        *("--trainer.max_steps=20", "--trainer.check_val_every_n_epoch=null", "--trainer.val_check_interval=10"),
        *("--trainer.log_every_n_steps=1", "--model.schedule.warmup_steps=5", "--samples.every=0"),
        *("--model.optimizer=torch.optim.AdamW", "--model.optimizer.lr=1e-3", "--model.optimizer.betas=[0.9, 0.97]"),
        *(f"--trainer.devices={world}", "--trainer.enable_progress_bar=false"),
        "--trainer.logger=lightning.pytorch.loggers.CSVLogger",
        *([f"--model.latents={place / 'latents'}"] if stage == "ar" else []),
    ]


def curve(stage: str, place: Path, world: int, *more: str, quick: bool = False) -> dict[tuple[int, str], float]:
    """Train, in a process of its own unless it is `quick`; returns figures by step and name."""
    run = place / f"{stage}-{world}-{len(list(place.glob(f'{stage}-*')))}"
    logger = [f"--trainer.logger.init_args.save_dir={run}", "--trainer.logger.init_args.name=", f"--run={run}"]
    words = [stage, "fit", *options(stage, place, world), *more, *logger, "--trainer.logger.init_args.version="]
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", RUN_VARIABLE))}
    environment = {**keep, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    result = subprocess.run(
        [sys.executable, "-m", "scalemogen", *words], env=environment, cwd=place, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    figures = {}
    with next(run.rglob("metrics.csv")).open() as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if value and name not in (*OF_ONE_PROCESS, "step", "epoch"):
                    figures[int(row["step"]), name] = float(value)
    return figures


def apart(mine: dict[tuple[int, str], float], theirs: dict[tuple[int, str], float]) -> dict[str, float]:
    """Return by name the largest difference between two curves, relative to the larger of 1 and the figure."""
    assert mine.keys() == theirs.keys()
    found: dict[str, float] = {}
    for (step, name), value in mine.items():
        other = theirs[step, name]
        found[name] = max(found.get(name, 0.0), abs(value - other) / max(1.0, abs(other)))
    return found
