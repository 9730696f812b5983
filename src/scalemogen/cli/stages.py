"""`scalemogen tokenizer|ar fit|validate|test`: both stages as thin LightningCLI programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from scalemogen.callbacks import EMA, ModelFolder, SampleMotions, Throughput
from scalemogen.data_modules import MotionDataModule
from scalemogen.errors import UserError
from scalemogen.tasks import ARTask, TokenizerTask

TASKS: dict[str, type[LightningModule]] = {"tokenizer": TokenizerTask, "ar": ARTask}
RUN_VARIABLE = "SCALEMOGEN_RUN"


class StageCLI(LightningCLI):
    """LightningCLI with a folder of its own for every run, W&B offline without a key, and EMA weights."""

    stage: str = ""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what every run has: EMA, checkpoints, samples; one maximum length for data and model."""
        parser.add_argument("--run", type=str | None, default=None, help="folder of this run (default: runs/STAGE/TIME)")
        parser.add_lightning_class_args(EMA, "ema")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/loss",
                "checkpoint.filename": "step-{step}",
                "checkpoint.auto_insert_metric_name": False,
                "checkpoint.save_last": True,
                "checkpoint.enable_version_counter": False,
            }
        )
        parser.add_lightning_class_args(SampleMotions, "samples")
        if self.stage == "tokenizer":
            parser.link_arguments("data.init_args.max_frames", "model.max_frames")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give the run its folder, and loggers unless the user chose others."""
        asked = self._get(self.config_init, "trainer", default={})
        run = self._get(self.config_init, "run")
        folder = run_folder(self.stage, run or asked.get("default_root_dir"))
        kwargs["default_root_dir"] = folder
        if asked.get("logger") in (None, True):
            kwargs["logger"] = loggers(self.stage, folder)
        trainer: Trainer = super().instantiate_trainer(**kwargs)
        return trainer


def run_folder(stage: str, asked: str | None) -> str:
    """Return the folder of this run, the same in all processes that this one starts."""
    if asked is not None:
        return str(asked)
    if RUN_VARIABLE not in os.environ:
        name = os.environ.get("SLURM_JOB_ID") or datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        os.environ[RUN_VARIABLE] = str(Path("runs") / stage / name)
    return os.environ[RUN_VARIABLE]


def loggers(stage: str, folder: str) -> list[Any]:
    """Return a W&B logger (offline without a key) and a CSV logger, both in the run's folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    offline = os.environ.get("WANDB_MODE", "online" if has_wandb_key() else "offline") != "online"
    wandb = WandbLogger(project="scalemogen", name=f"{stage}/{Path(folder).name}", save_dir=folder, offline=offline)
    return [wandb, CSVLogger(folder, name="", version="")]


def has_wandb_key() -> bool:
    """Return whether this machine knows a W&B key."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc().authenticators("api.wandb.ai") is not None
    except (OSError, NetrcParseError):
        return False


def main(stage: str, argv: Sequence[str]) -> int:
    """Run one stage's command line.

    Raises:
        UserError: a missing configuration or checkpoint file.
    """
    arguments = list(argv)
    for option, value in zip(arguments, arguments[1:], strict=False):
        if option in ("--config", "-c", "--ckpt_path") and value.endswith((".yaml", ".ckpt")) and not Path(value).is_file():
            raise UserError(f"{option} {value}: no such file")
    cli_class = type(f"{stage.capitalize()}CLI", (StageCLI,), {"stage": stage})
    torch.set_float32_matmul_precision("high")
    cli = cli_class(
        TASKS[stage],
        MotionDataModule,
        subclass_mode_data=True,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={
            "callbacks": [ModelFolder(), Throughput(), LearningRateMonitor("step")],
            "use_distributed_sampler": False,
            "num_sanity_val_steps": 0,
        },
        parser_kwargs={"prog": f"scalemogen {stage}"},
        args=arguments,
    )
    folder = Path(cli.trainer.default_root_dir) / "model"
    if cli.trainer.is_global_zero and cli.subcommand == "fit" and folder.is_dir():
        print(f"model: {folder}")
    return 0

