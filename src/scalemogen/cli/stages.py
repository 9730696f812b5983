"""`scalemogen tokenizer|ar|evaluator fit|validate|test`: the stages as thin LightningCLI programs."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import torch
import wandb
from jsonargparse.typing import PositiveInt
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from lightning.pytorch.plugins import Precision as PrecisionPlugin
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from scalemogen import machine
from scalemogen.callbacks import EMA, ModelFolder, SampleMotions, Threads, Throughput
from scalemogen.checkpoints import read_checkpoint
from scalemogen.cli.account import has_wandb_key
from scalemogen.data_modules import MotionDataModule
from scalemogen.errors import UserError
from scalemogen.files import atomic_path
from scalemogen.tasks import ARTask, EvaluatorTask, TokenizerTask

TASKS: dict[str, type[LightningModule]] = {
    "tokenizer": TokenizerTask,
    "ar": ARTask,
    "evaluator": EvaluatorTask,
}
RUN_VARIABLE = "SCALEMOGEN_RUN"
RUNS = Path("runs")

NOISE = (
    # Lightning's use of what torch and jsonargparse have deprecated; nothing that a user could change.
    r".*LeafSpec.*deprecated",
    r"(?s).*was deprecated in v4\.\d+\.\d+ and will be removed in v5",
    r"(?s).*JSONARGPARSE_DEPRECATION_WARNINGS",
    # Clips come out of a memory map; more loading processes do not make training faster.
    r"The '.*_dataloader' does not have many workers",
    # Short epochs are no mistake: steps are logged, whatever epoch they are in.
    r"The number of training batches .* is smaller than the logging interval",
    # A run's folder holds the loggers' files side by side, and --run may name a folder that has been used before.
    r"Experiment logs directory .* exists and is not empty",
    r"Checkpoint directory .* exists and is not empty",
    # A resumed run has its own folder, and starts to look for its best checkpoint anew.
    r"The dirpath has changed from",
    # The best checkpoint is one of those that were validated; the newest is kept whether it was or not.
    r".*could not find the monitored key",
    # `validate` and `test` use the averaged weights of the checkpoint, which are its state.
    r"You're using the WeightAveraging callback, but loading a checkpoint outside the 'fit' stage",
)
"""Warnings of libraries that tell the user nothing."""

TALK = ("💡", "TPU available", "You're using the WeightAveraging", "Found current_model_state")
"""Beginnings of Lightning's messages that tell the user nothing: an advertisement, absent devices, bookkeeping."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside their place and renames them: a killed run or a full disk leaves whole files only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            UserError: it cannot be written.
        """
        with atomic_path(path) as temporary:
            torch.save(checkpoint, temporary)


class StageCLI(LightningCLI):
    """LightningCLI with a folder of its own for every run, W&B offline without a key, and EMA weights."""

    stage: str = ""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the trainer's methods that are commands, and which of their arguments are not options."""
        evaluation = {"model", "dataloaders", "datamodule"}
        return {
            "fit": {"model", "train_dataloaders", "val_dataloaders", "datamodule"},
            "validate": evaluation,
            "test": evaluation,
        }

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what every run has: EMA, checkpoints, samples; one maximum length for data and model."""
        parser.add_argument("--run", type=str | None, default=None, help="this run's folder (default: runs/STAGE/TIME)")
        help_threads = "CPU threads (default: as many as other processes leave free cores for, looked at every second)"
        parser.add_argument("--threads", type=PositiveInt | None, default=None, help=help_threads)
        parser.add_lightning_class_args(EMA, "ema")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/loss",
                "checkpoint.filename": "step-{step}",
                "checkpoint.auto_insert_metric_name": False,
                "checkpoint.enable_version_counter": False,
            }
        )
        parser.add_lightning_class_args(SampleMotions, "samples")
        if self.stage == "tokenizer":
            parser.link_arguments("data.init_args.loading.max_frames", "model.max_frames")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and look at the checkpoint to start from before anything else does.

        Raises:
            UserError: a checkpoint that is missing, damaged or of another kind.
        """
        self.config = parser.parse_args(args)
        subcommand = self.config.get("subcommand")
        path = self.config[subcommand].get("ckpt_path") if subcommand else None
        if path is not None and path not in ("best", "last", "hpc"):
            read_checkpoint(path, self.stage)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give the run its folder, whole checkpoints, and loggers unless the user chose others."""
        asked = self._get(self.config_init, "trainer", default={})
        folder = run_folder(self.stage, self._get(self.config_init, "run") or asked.get("default_root_dir"))
        checkpoints = str(Path(folder) / "checkpoints")
        best = self._get(self.config_init, "checkpoint")
        best.dirpath = best.dirpath or checkpoints
        kwargs["default_root_dir"] = folder
        kwargs["plugins"] = [*_several(asked.get("plugins")), WholeCheckpoints()]
        kwargs["callbacks"] = [*_several(asked.get("callbacks")), *callbacks(checkpoints)]
        kwargs["callbacks"].append(Threads(self._get(self.config_init, "threads")))
        if asked.get("logger") in (None, True):
            kwargs["logger"] = loggers(self.stage, folder)
        if kwargs.get("logger", asked.get("logger")):
            kwargs["callbacks"].append(LearningRateMonitor("step"))
        if asked.get("enable_progress_bar") is not False:
            kwargs["callbacks"].append(TQDMProgressBar())
        precision = chosen_precision(asked)
        if precision is not None:
            kwargs["precision"] = precision.name
        trainer: Trainer = super().instantiate_trainer(**kwargs)
        if trainer.is_global_zero:
            print(f"run: {folder}", flush=True)
            if precision is not None:
                print(f"precision: {precision}", flush=True)
        return trainer

    def fit(self, **kwargs: Any) -> None:
        """Train, and say where the model is; also after an interrupt, which Lightning turns into an exit."""
        try:
            self.trainer.fit(**kwargs)
        except SystemExit as error:
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            self._report()
            raise KeyboardInterrupt from error
        self._report()

    def _report(self) -> None:
        folder = Path(self.trainer.default_root_dir) / "model"
        if self.trainer.is_global_zero and folder.is_dir():
            print(f"model: {folder}", flush=True)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def callbacks(checkpoints: str) -> list[Callback]:
    """Return the callbacks that every run has: the newest checkpoint is kept beside the best one."""
    last = ModelCheckpoint(checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    return [ModelFolder(), Throughput(), last]


def chosen_precision(asked: Mapping[str, Any]) -> machine.Precision | None:
    """Return the precision that the user names, else the one that suits the device; None where a plugin settles it.

    What the user names is obeyed, with a warning on stderr where this CPU must emulate it.

    Args:
        asked: of the trainer.
    """
    accelerator = asked.get("accelerator")
    own = any(isinstance(plugin, PrecisionPlugin) for plugin in _several(asked.get("plugins")))
    if own or not isinstance(accelerator, str):
        return None
    kind = machine.device_kind(accelerator)
    if asked.get("precision") is None:
        return machine.choose_precision(kind)
    name = str(asked["precision"])
    factor = machine.emulation_factor(name, kind)
    if factor is not None and not rank_zero_only.rank:  # type: ignore[attr-defined]
        print(
            f"scalemogen: warning: {name} is emulated on this CPU: a matrix product takes {factor:.1f} times as long "
            "as in float32 (--trainer.precision=null takes what suits the machine)",
            file=sys.stderr,
        )
    return machine.Precision(name, "as asked")


def run_folder(stage: str, asked: str | Path | None) -> str:
    """Return the folder of this run: a new one, but the same again for a requeued SLURM step.

    Processes that this one starts for the same run find it in their environment.
    """
    if asked is not None:
        return str(asked)
    if rank_zero_only.rank:  # type: ignore[attr-defined]  # such a process writes nothing
        return os.environ.get(RUN_VARIABLE, str(RUNS / stage))
    step = [os.environ.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID")]
    if all(step) and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        folder = RUNS / stage / f"slurm-{'.'.join(step)}"
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = new_folder(RUNS / stage / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))
    os.environ[RUN_VARIABLE] = str(folder)
    return str(folder)


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


def loggers(stage: str, folder: str) -> list[Any]:
    """Return a W&B logger (offline without a key) and a CSV logger, both in the run's folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    offline = os.environ.get("WANDB_MODE", "online" if has_wandb_key() else "offline") != "online"
    if offline:  # nothing to say: the files are in the run's folder, and `wandb sync` uploads them
        os.environ.setdefault("WANDB_SILENT", "true")
    name = f"{stage}/{Path(folder).name}"
    logger = WandbLogger(project="scalemogen", name=name, save_dir=folder, offline=offline)
    logger._wandb_init.pop("anonymous")  # Lightning passes None, and W&B warns that the setting is no more
    return [logger, CSVLogger(folder, name="", version="")]


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Leave out what libraries say and the user cannot act on."""

    def worth_saying(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(TALK)

    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    logger.addFilter(worth_saying)
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logger.removeFilter(worth_saying)


def make_cli(stage: str, arguments: Sequence[str], run: bool = True) -> StageCLI:
    """Parse a stage's command line, make its objects and run it.

    Args:
        stage: "tokenizer", "ar" or "evaluator".
        arguments: as typed after the stage's name; with run=False, without `fit`, `validate` or `test`.
        run: False only makes the objects.

    Raises:
        UserError: something in the command line or in a configuration file is wrong.
    """
    cli_class = type(f"{stage.capitalize()}CLI", (StageCLI,), {"stage": stage})
    options = {"exit_on_error": False}
    commands = {name: dict(options) for name in StageCLI.subcommands()} if run else {}
    try:
        cli: StageCLI = cli_class(
            TASKS[stage],
            MotionDataModule,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            seed_everything_default=0,
            save_config_kwargs={"overwrite": True},
            trainer_defaults={
                "use_distributed_sampler": False,
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
            },
            parser_kwargs={"prog": f"scalemogen {stage}", **options, **commands},
            args=list(arguments),
            run=run,
        )
    except (argparse.ArgumentError, MisconfigurationException) as error:
        raise UserError(str(error)) from error
    return cli


def main(stage: str, argv: Sequence[str]) -> int:
    """Run one stage's command line.

    Raises:
        UserError: see `make_cli`, and whatever the run finds wrong with its input.
    """
    torch.set_float32_matmul_precision("high")
    machine.keep_freed_memory()
    with quiet_libraries():
        try:
            make_cli(stage, argv)
        finally:
            if wandb.run is not None:  # else the next run of this process would be logged as part of this one
                wandb.finish()
    return 0
