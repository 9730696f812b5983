"""Ends a run of several processes that has stopped getting on, and says which of them the others wait for."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, NoReturn

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from scalemogen.distributed import rank, world_size
from scalemogen.errors import UserError

STATUS = 1
LONGEST_PAUSE = 5.0


class Note(NamedTuple):
    """What a process has told last.

    Attributes:
        beats: how often it has told anything; a stopped process tells no more.
        progress: how many parts of training it has begun.
        doing: the last of them.
    """

    beats: int
    progress: int
    doing: str


class Watch(Callback):
    """Ends training on several processes when it has not got on for `limit` seconds.

    A process that is stopped, stuck or lost with its machine makes all others wait in their next collective. A thread
    of each process tells the store, through which they have met, every few seconds that it lives and what it does.
    When its own process has not got on for `limit` seconds it reads what the others have told, prints one line that
    names the processes that are behind, what they did last and the call in which this one waits, and leaves with
    exit status 1, within a third more of the limit and 40 seconds at most. The launcher may start the run anew.

    Args:
        limit: seconds in which a step, a batch of validation or a checkpoint must be done. The process group's own
            limit, 30 minutes, comes first if this one is longer.

    Raises:
        UserError: a limit that is not above 0.
    """

    def __init__(self, limit: float = 600.0) -> None:
        if not limit > 0:
            raise UserError(f"watch.limit is {limit}; it must be above 0 (seconds)")
        self.limit = limit
        self._pause = min(LONGEST_PAUSE, limit / 25)
        self._beats, self._progress, self._doing = 0, 0, ""
        self._since = 0.0
        self._over = threading.Event()
        self._launcher: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to watch; one process alone has nobody to wait for."""
        if world_size() == 1:
            return
        self._launcher = trainer.strategy.launcher
        self._over.clear()
        self._begin("the start of training")
        threading.Thread(target=self._watch, args=(rank(), world_size()), daemon=True, name="watch").start()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        """Note it."""
        self._begin(f"the forward pass of step {trainer.global_step + 1}")

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: object) -> None:
        """Note it."""
        self._begin(f"the backward pass of step {trainer.global_step + 1}")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: object) -> None:
        """Note it."""
        self._begin(f"the update of step {trainer.global_step + 1}")

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        """Note it."""
        self._begin(f"the end of step {trainer.global_step}, or the loading of the next batch")

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, *_: object
    ) -> None:
        """Note it."""
        self._begin(f"the validation after step {trainer.global_step}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note it."""
        self._begin(f"the end of the validation after step {trainer.global_step}")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: object) -> None:
        """Note it."""
        self._begin(f"a checkpoint after step {trainer.global_step}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop to watch."""
        self._over.set()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop to watch."""
        self._over.set()

    def _begin(self, doing: str) -> None:
        self._progress, self._doing, self._since = self._progress + 1, doing, time.monotonic()

    def _watch(self, mine: int, world: int) -> None:
        names = [f"scalemogen/watch/{number}" for number in range(world)]
        store: TCPStore | None = None
        while not self._over.wait(self._pause):
            try:
                store = store or _connect(timedelta(seconds=2 * self._pause))
                self._tell(store, names[mine])
            except RuntimeError:  # the store's: it is gone, or not there yet
                continue
            finally:
                if time.monotonic() - self._since > self.limit:
                    self._leave(self._find(store, names, mine), mine)

    def _find(self, store: TCPStore | None, names: Sequence[str], mine: int) -> str:
        """Return what is wrong. Of a store that a stopped process keeps, torch's client awaits an answer for ever."""
        found: list[str] = []

        def ask() -> None:
            with suppress(RuntimeError):
                found.append(self._diagnose(store or _connect(timedelta(seconds=self._pause)), names, mine))

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(6 * self._pause)
        address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        return found[0] if found else f"rank 0, which keeps the store at {address}, does not answer"

    def _tell(self, store: TCPStore, name: str) -> None:
        self._beats += 1
        store.set(name, json.dumps(Note(self._beats, self._progress, self._doing)))

    def _diagnose(self, store: TCPStore, names: Sequence[str], mine: int) -> str:
        """Return what all processes are to say: the finding of the first one that has one."""
        before = _read(store, names)
        for _ in range(3):
            time.sleep(self._pause)
            self._tell(store, names[mine])
        found = f"{behind(before, _read(store, names))}; rank {mine} waits in {_call()}"
        return str(store.compare_set("scalemogen/watch/found", "", found).decode())

    def _leave(self, found: str, mine: int) -> NoReturn:
        sys.stderr.write(
            f"\nscalemogen: error: training has not got on for {self.limit:g} seconds (watch.limit): {found}\n"
        )
        sys.stderr.flush()
        if mine == 0:  # with it goes the store, from which the others learn the same
            time.sleep(2 * self._pause)
        if hasattr(self._launcher, "kill"):  # Lightning's own: nobody else would end a process that is stopped
            self._launcher.kill(signal.SIGKILL)
        os._exit(STATUS)  # the main thread is inside of a collective and hears nothing


def behind(before: Sequence[Note], after: Sequence[Note]) -> str:
    """Return which processes the others wait for, from what each has told at two times."""
    silent = [number for number, (one, two) in enumerate(zip(before, after, strict=True)) if one.beats == two.beats]
    if silent:
        return "; ".join(f"rank {number} does not answer, and was last in {after[number].doing}" for number in silent)
    least = min(note.progress for note in after)
    slow = [number for number, note in enumerate(after) if note.progress == least]
    return "; ".join(f"rank {number} is in {after[number].doing}" for number in slow)


def _connect(timeout: timedelta) -> TCPStore:
    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=timeout)


def _read(store: TCPStore, names: Sequence[str]) -> list[Note]:
    return [Note(*json.loads(value)) for value in store.multi_get(list(names))]


def _call() -> str:
    """Return the innermost function of Python in which the main thread is."""
    code = sys._current_frames()[threading.main_thread().ident or 0].f_code
    return f"{code.co_qualname} ({os.path.basename(code.co_filename)})"
