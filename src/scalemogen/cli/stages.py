"""`scalemogen tokenizer|ar|evaluator fit|validate|test`: the stages as thin LightningCLI programs."""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from jsonargparse.typing import PositiveInt
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]

from scalemogen import machine
from scalemogen.callbacks import (
    EMA,
    BestCheckpoint,
    LastStep,
    ModelFolder,
    NewestCheckpoint,
    RunRecord,
    SampleMotions,
    SkipNonFinite,
    Threads,
    Throughput,
    Watch,
)
from scalemogen.callbacks.newest import REQUEUED, requeue
from scalemogen.checkpoints import read_checkpoint, require_whole
from scalemogen.cli.elastic import meet
from scalemogen.cli.main import FAILED
from scalemogen.cli.precision import chosen_precision, precision_plugin
from scalemogen.cli.progress import progress
from scalemogen.cli.run_folder import Run, find_run, run_folder
from scalemogen.cli.run_loggers import finish_wandb, finished_wandb, loggers
from scalemogen.data_modules import MotionDataModule
from scalemogen.errors import RunStopped, UserError
from scalemogen.files import atomic_path
from scalemogen.tasks import ARTask, EvaluatorTask, TokenizerTask

TASKS: dict[str, type[LightningModule]] = {
    "tokenizer": TokenizerTask,
    "ar": ARTask,
    "evaluator": EvaluatorTask,
}

NOISE = (
    # Lightning's use of what torch and jsonargparse have deprecated; nothing that a user could change.
    r".*LeafSpec.*deprecated",
    r"(?s).*was deprecated in v4\.\d+\.\d+ and will be removed in v5",
    r"(?s).*JSONARGPARSE_DEPRECATION_WARNINGS",
    # Batches are read faster than training takes them; more loading processes do not make it faster.
    r"The '.*_dataloader' does not have many workers",
    # A machine of a cluster also trains without SLURM.
    r"The `srun` command is available on your system but is not used",
    # Batches of a split without clips; the data module says so.
    r"Total length of `list` across ranks is zero",
    # Short epochs are no mistake: steps are logged, whatever epoch they are in.
    r"The number of training batches .* is smaller than the logging interval",
    # A run's folder holds the loggers' files side by side, and --run may name a folder that has been used before.
    r"Experiment logs directory .* exists and is not empty",
    r"Checkpoint directory .* exists and is not empty",
    # A resumed run has its own folder, and starts to look for its best checkpoint anew.
    r"The dirpath has changed from",
    # The best checkpoint is one of those that were validated; the newest is kept whether it was or not.
    r".*could not find the monitored key",
    # Nothing writes in place into what a network returns.
    r"FSDP2-wrapped module .* returned a view tensor",
    # `validate` and `test` use the averaged weights of the checkpoint, which are its state.
    r"You're using the WeightAveraging callback, but loading a checkpoint outside the 'fit' stage",
)
"""Warnings of libraries that tell the user nothing."""

TALK = ("💡", "TPU available", "You're using the WeightAveraging", "Found current_model_state", "`weights_only` was")
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

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint whose bytes are all as they were written.

        Raises:
            UserError: missing or damaged.
        """
        require_whole(path)
        return super().load_checkpoint(path, map_location, weights_only)


class StageCLI(LightningCLI):
    """LightningCLI with a folder of its own for every run, W&B offline without a key, and EMA weights."""

    stage: str = ""
    words: tuple[str, ...] = ()
    run: Run

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
        parser.add_argument(
            "--resume",
            action="store_true",
            help="fit: go on from the newest whole checkpoint in the folder of --run, or begin if it has none",
        )
        parser.add_lightning_class_args(Watch, "watch")
        parser.add_lightning_class_args(EMA, "ema")
        parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
        parser.add_lightning_class_args(SkipNonFinite, "finite")
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
        try:
            self.config = parser.parse_args(args)
        except UnicodeDecodeError as error:
            raise UserError(f"a configuration file is not UTF-8: {error.reason} at byte {error.start}") from error
        subcommand = self.config.get("subcommand")
        path = self.config[subcommand].get("ckpt_path") if subcommand else None
        if path is not None and path not in ("best", "last", "hpc"):
            read_checkpoint(path, self.stage)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Give the run its folder, whole checkpoints, and loggers unless the user chose others."""
        asked = self._get(self.config_init, "trainer", default={})
        self.run = self._find_run(asked.get("default_root_dir"))
        folder, checkpoints = str(self.run.folder), self.run.folder / "checkpoints"
        newest = self._checkpoints(checkpoints)
        kwargs["default_root_dir"] = folder
        kwargs["plugins"] = [*_several(asked.get("plugins")), WholeCheckpoints()]
        kwargs["callbacks"] = [*_several(asked.get("callbacks")), ModelFolder(), self._record()]
        kwargs["callbacks"] += [LastStep(), Throughput(), newest]
        kwargs["callbacks"].append(Threads(self._get(self.config_init, "threads")))
        if asked.get("logger") in (None, True):
            fits = self.subcommand in ("fit", None)
            kwargs["logger"] = loggers(self.stage if fits else f"{self.stage} {self.subcommand}", self.run)
        if kwargs.get("logger", asked.get("logger")):
            kwargs["callbacks"].append(LearningRateMonitor("step"))
        if asked.get("enable_progress_bar") is not False:
            kwargs["callbacks"].append(progress())
        precision = chosen_precision(asked)
        if precision is not None:
            plugin = precision_plugin(precision.name)
            kwargs["precision"] = None if plugin else precision.name
            kwargs["plugins"] += [plugin] if plugin else []
        trainer: Trainer = super().instantiate_trainer(**kwargs)
        if trainer.is_global_zero:
            print(f"run: {folder}", flush=True)
            if precision is not None:
                print(f"precision: {precision}", flush=True)
        return trainer

    def _record(self) -> RunRecord:
        config = self.config[self.subcommand] if self.subcommand else self.config
        recipe = json.loads(self._parser(self.subcommand).dump(config, format="json", skip_none=False))
        return RunRecord(shlex.join(["scalemogen", self.stage, *self.words]), recipe)

    def _find_run(self, root: str | None) -> Run:
        asked, start = self._get(self.config_init, "run") or root, self._get(self.config_init, "ckpt_path")
        if self.subcommand != "fit":
            return Run(Path(run_folder(self.stage, asked, self.words)))
        resume = self._get(self.config_init, "resume")
        return find_run(self.stage, asked, self.words, resume=resume, start=start)

    def _checkpoints(self, folder: Path) -> NewestCheckpoint:
        """Give the best checkpoint its folder, and the newest one the best one's steps and times.

        Where validation decides, a checkpoint between two validations can be the newest, but not the best.
        """
        asked = self._get(self.config, "checkpoint")
        steps, interval = asked.every_n_train_steps or 0, asked.train_time_interval
        if asked.monitor is not None:
            options = {**asked.as_dict(), "every_n_train_steps": None, "train_time_interval": None}
            self.config_init.get(str(self.subcommand), self.config_init)["checkpoint"] = BestCheckpoint(**options)
        best = self._get(self.config_init, "checkpoint")
        best.dirpath = best.dirpath or str(folder)
        return NewestCheckpoint(folder, steps, **({} if interval is None else {"interval": interval}))

    def fit(self, **kwargs: Any) -> None:
        """Train, and say where the model is; also after a stop.

        Raises:
            RunStopped: a signal asked for it.
            KeyboardInterrupt: a second one did.
            SystemExit: another process of the training has ended.
        """
        meet()
        kwargs["weights_only"] = True  # what else a checkpoint's pickle may hold is never executed
        if self.run.newest is not None:
            kwargs["ckpt_path"] = str(self.run.newest)
            if self.trainer.is_global_zero:
                print(f"resume: {self.run.newest} ({self.run.step} steps)", flush=True)
        try:
            self.trainer.fit(**kwargs)
        except RunStopped as stop:
            self._report_stop(stop)
            raise
        except SystemExit as error:
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            raise KeyboardInterrupt from error
        except RuntimeError as error:
            if not (isinstance(error, dist.DistError) or "/gloo/" in str(error)):
                raise
            reason = str(error).strip().splitlines()[0].split("] ", 1)[-1].partition(". ")[0]
            print(f"scalemogen: error: another process of this training has ended: {reason}", file=sys.stderr)
            sys.exit(FAILED)
        finally:  # Lightning ends the loading processes of the validation alone where a run ends inside of one
            self.trainer.fit_loop.teardown()
        self._report()

    def _report_stop(self, stop: RunStopped) -> None:
        """Say how to go on, and put a SLURM job back into its queue when all is written.

        A process that Lightning has started leaves quietly, else Lightning kills the first one.
        """
        self._report()
        outside = _started_from_outside(self.trainer)
        if self.trainer.is_global_zero:
            name = signal.Signals(stop.number).name
            print(f"stopped by {name} after {self.trainer.global_step} steps: {stop.checkpoint} is whole;", end=" ")
            print(f"the same command with --run {self.run.folder} --resume goes on", flush=True)
        elif not outside:
            sys.exit(0)
        if stop.number in REQUEUED:
            if self.trainer.is_global_zero:
                finish_wandb(stop.status)
                requeue()
            if outside:  # srun ends all processes when one of them has left
                self.trainer.strategy.barrier("requeued")

    def _report(self) -> None:
        folder = Path(self.trainer.default_root_dir) / "model"
        if self.trainer.is_global_zero and folder.is_dir():
            print(f"model: {folder}", flush=True)


def _started_from_outside(trainer: Trainer) -> bool:
    launcher = trainer.strategy.launcher
    return not (
        isinstance(launcher, _SubprocessScriptLauncher)
        and not launcher.cluster_environment.creates_processes_externally
    )


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


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
    cli_class = type(f"{stage.capitalize()}CLI", (StageCLI,), {"stage": stage, "words": tuple(arguments)})
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
    with quiet_libraries(), finished_wandb():
        make_cli(stage, argv)
    return 0
