"""Speed, waiting and memory while training."""

from __future__ import annotations

import time

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from scalemogen.contracts import MotionBatch, TokenSpec
from scalemogen.cost.tracker import ATTENTION
from scalemogen.distributed import mean_over_ranks, world_size
from scalemogen.machine import peak_flops, peak_memory
from scalemogen.scales import Pyramid


class Throughput(Callback):
    """Logs how fast training is, over the steps between two log entries; validation does not count.

    Between log entries nothing waits for the device or for other processes. Logged as "train/NAME":

        clips_per_s, frames_per_s, tokens_per_s   of all processes together; tokens where the stage has any
        data_wait                                 share of the time that this process waited for its next batch
        process_gb, device_gb                     most memory so far of this process, and of its tensors on a GPU
        mfu                                       floating point operations over what the device could do at best

    "mfu" is there where the device's peak is known (`machine.peak_flops`), and networks are not compiled. Operations
    are counted in one step, the second one, as `scalemogen.cost` counts them, and are taken to grow with the frames.
    """

    def __init__(self) -> None:
        self._counter: FlopCounterMode | None = None
        self._warm = False
        self._flops_per_frame = 0.0
        self._peak: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find out what is known of the device, and start the clock."""
        self._step = trainer.global_step
        self._peak = None if _compiled(pl_module) else peak_flops(pl_module.device, str(trainer.precision))
        spec = getattr(pl_module, "spec", None)
        self._tokens = _tokens_of_cells(spec) if isinstance(spec, TokenSpec) else None
        self._reset(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restart the clock."""
        self._reset(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restart the clock."""
        self._reset(trainer)

    def _reset(self, trainer: Trainer) -> None:
        self._lengths: list[Tensor] = []
        self._waited = _waited(trainer)
        self._start = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Count the operations of one step."""
        if self._peak and self._warm and not self._flops_per_frame:
            self._counter = FlopCounterMode(display=False, custom_mapping=ATTENTION)
            self._counter.__enter__()  # type: ignore[no-untyped-call]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: MotionBatch, batch_idx: int
    ) -> None:
        """Remember the batch, and log at the trainer's logging interval."""
        if self._counter is not None:
            counted = self._stop_counting()
            self._flops_per_frame = counted / int(batch.lengths.sum())
        self._warm = True
        self._lengths.append(batch.lengths)
        stepped, self._step = trainer.global_step != self._step, trainer.global_step
        if stepped and self._step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            pl_module.log_dict({f"train/{name}": value for name, value in self._figures(trainer, pl_module).items()})
            self._reset(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop counting."""
        if self._counter is not None:
            self._stop_counting()

    def _stop_counting(self) -> int:
        counter, self._counter = self._counter, None
        if counter is None:
            return 0
        counter.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        return int(counter.get_total_flops())

    def _figures(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Tensor | float]:
        lengths = torch.cat(self._lengths).cpu()  # waits for the device
        seconds = time.perf_counter() - self._start
        counts = {"clips": float(len(lengths)), "frames": float(lengths.sum())}
        if self._tokens is not None:
            frames_per_cell, tokens = self._tokens
            counts["tokens"] = float(tokens[-(-lengths // frames_per_cell)].sum())
        mine = torch.tensor(list(counts.values()), device=pl_module.device) / seconds
        everyone = (mean_over_ranks(mine) * world_size()).unbind()
        figures: dict[str, Tensor | float] = {
            f"{name}_per_s": rate for name, rate in zip(counts, everyone, strict=True)
        }
        waited = _waited(trainer)
        if waited is not None and self._waited is not None:
            figures["data_wait"] = (waited - self._waited) / seconds
        figures["process_gb"] = peak_memory() / 1e9
        if pl_module.device.type == "cuda":
            figures["device_gb"] = torch.cuda.max_memory_allocated(pl_module.device) / 1e9
        if self._peak and self._flops_per_frame:
            figures["mfu"] = self._flops_per_frame * counts["frames"] / seconds / self._peak
        return figures


def _waited(trainer: Trainer) -> float | None:
    """Return the seconds that training has waited for batches so far, None where its loader does not tell."""
    waited: float | None = getattr(trainer.train_dataloader, "waited", None)
    return waited


def _tokens_of_cells(spec: TokenSpec) -> tuple[int, Tensor]:
    """Return the frames of a latent cell, and the tokens of motions of 0, 1, ... cells."""
    pyramid = Pyramid(spec)
    tokens = [sum(times * groups for times, groups in pyramid.sizes(cells)) for cells in range(1, spec.cells + 1)]
    return spec.frames_per_cell, torch.tensor([0, *tokens])


def _compiled(module: LightningModule) -> bool:
    """Tell whether torch.compile has been at work: operators that it has joined cannot be counted."""
    return any(m._compiled_call_impl is not None or hasattr(m, "_orig_mod") for m in module.modules())
