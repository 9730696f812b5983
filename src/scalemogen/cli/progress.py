"""How far a training is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, TQDMProgressBar

SECONDS = 20.0
"""Between two lines."""


def progress() -> ProgressBar:
    """Return a bar where a terminal shows it, else lines."""
    return Bar() if sys.stderr.isatty() else Lines()


class Bar(TQDMProgressBar):
    """Lightning's bar, without the loggers' version."""

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return what the bar shows."""
        return _figures(super().get_metrics(trainer, pl_module))


class Lines(ProgressBar):
    """Prints a line every `SECONDS` to stderr, for files and pipes, and one for each validation."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._told, self._step = 0.0, 0

    def disable(self) -> None:
        """Print nothing: of other processes than the first."""
        self._enabled = False

    def enable(self) -> None:
        """Print."""
        self._enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._told, self._step = time.monotonic(), trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Print a line, if it is time."""
        if time.monotonic() - self._told >= SECONDS:
            self._tell(trainer, pl_module, "")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print a line."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            measured = {name: value for name, value in trainer.callback_metrics.items() if name == "val/loss"}
            self._tell(trainer, pl_module, "validated, ", measured)

    def _tell(
        self, trainer: Trainer, pl_module: LightningModule, what: str, more: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        now, steps = time.monotonic(), trainer.global_step
        rate = (steps - self._step) / max(now - self._told, 1e-9)
        self._told, self._step = now, steps
        if not self._enabled:
            return
        total = trainer.estimated_stepping_batches
        known = isinstance(total, int) and total > 0 and rate > 0
        left = f", about {(total - steps) / rate / 60:.0f} min left" if known else ""
        figures = _figures({**self.get_metrics(trainer, pl_module), **more})
        shown = "".join(f", {name} {float(value):.4g}" for name, value in figures.items() if _is_number(value))
        print(f"{what}step {steps} of {total}, {rate:.2f} a second{left}{shown}", file=sys.stderr, flush=True)


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "v_num"}


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
