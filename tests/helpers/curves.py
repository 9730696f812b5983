"""Twenty steps on one or several processes with the same batch over all of them, and all figures that are logged."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from helpers.source import ROOT
from helpers.training import TINY, recipe
from scalemogen.cli.main import main
from scalemogen.cli.run_folder import RUN_VARIABLE

BATCH = 4
CLIPS = 150
"""7 for validation: a batch of 4 over all processes and a short one of 3, uneven on any number of them."""
SAME_DRAWS = {
    "tokenizer": ["--model.dropout=0", "--model.scale_dropout=0.5"],
    "ar": [
        *("--model.dropout=0", "--model.drop_path=0", "--model.text.dropout=0"),
        *("--model.flip_strength=0", "--model.text_dropout=0"),
    ],
    "evaluator": ["--model.dropout=0", "--model.text.dropout=0"],
}
"""What is drawn apart on every process is off."""
OF_THE_MACHINE = {
    f"train/{name}"
    for name in ("clips_per_s", "frames_per_s", "tokens_per_s", "data_wait", "process_gb", "device_gb", "mfu")
}
Curve = dict[tuple[int, str], float]


def options(stage: str, place: Path, world: int) -> list[str]:
    """Return those of a tiny training that validates and logs."""
    return [
        *("--config", str(recipe(stage)), "--trainer.accelerator=cpu", "--threads=1", *TINY[stage], *SAME_DRAWS[stage]),
        *("--data=scalemogen.data_modules.Synthetic", f"--data.init_args.clips={CLIPS}"),
        *(f"--data.init_args.root={place / 'data'}", f"--data.init_args.loading.batch_size={BATCH // world}"),
        *(f"--data.init_args.loading.{key}" for key in ("min_frames=16", "workers=0", "balance=")),
        *("--trainer.max_steps=20", "--trainer.check_val_every_n_epoch=null", "--trainer.val_check_interval=10"),
        *("--trainer.log_every_n_steps=1", "--model.schedule.warmup_steps=5", "--samples.every=1", "--samples.count=1"),
        *("--model.optimizer=torch.optim.AdamW", "--model.optimizer.lr=1e-3", "--model.optimizer.betas=[0.9, 0.97]"),
        *(f"--trainer.devices={world}", "--trainer.enable_progress_bar=false", "--ema.decay=0.9"),
        *([f"--model.latents={place / 'latents'}"] if stage == "ar" else []),
    ]


def words(stage: str, place: Path, run: Path, world: int, *more: str) -> list[str]:
    """Return a whole command line of scalemogen, for a run in the folder `run`."""
    logger = ["--trainer.logger=lightning.pytorch.loggers.CSVLogger", f"--trainer.logger.init_args.save_dir={run}"]
    logger += ["--trainer.logger.init_args.name=", "--trainer.logger.init_args.version="]
    return [stage, "fit", *options(stage, place, world), *logger, f"--run={run}", *more]


def launch(stage: str, place: Path, run: Path, world: int, *more: str) -> subprocess.CompletedProcess[str]:
    """Train in `world` new processes, in the folder `run`."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", RUN_VARIABLE))}
    return subprocess.run(
        [sys.executable, "-m", "scalemogen", *words(stage, place, run, world, *more)],
        env={**keep, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])},
        cwd=place,
        capture_output=True,
        text=True,
    )


def train(stage: str, place: Path, world: int, *more: str) -> Path:
    """Train in `world` processes, one being this one; returns the run's folder, a new one in `place`."""
    run = place / f"{stage}-{len(list(place.glob(f'{stage}-*')))}"
    if world == 1:
        assert main(words(stage, place, run, 1, *more)) == 0
        return run
    result = launch(stage, place, run, world, *more)
    assert result.returncode == 0, result.stderr[-3000:]
    return run


def curve(run: Path) -> Curve:
    """Return what a run has logged, by step and name."""
    figures = {}
    with (run / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if value and name not in {*OF_THE_MACHINE, "step", "epoch"}:
                    figures[int(row["step"]), name] = float(value)
    return figures


def apart(mine: Curve, theirs: Curve) -> dict[str, float]:
    """Return by name the largest difference between two curves, relative to the larger of 1 and the figure."""
    assert mine.keys() == theirs.keys()
    found: dict[str, float] = {}
    for (step, name), value in mine.items():
        other = theirs[step, name]
        found[name] = max(found.get(name, 0.0), abs(value - other) / max(1.0, abs(other)))
    return found
