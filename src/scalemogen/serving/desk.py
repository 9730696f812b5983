"""The queue and the thread that works it off, batch by batch."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.sampling import watching
from scalemogen.serving.orders import Made, Order, kind_of
from scalemogen.serving.store import Piece, State, Store

Fulfil = Callable[[Sequence[Order]], list[Made]]
STOP_SECONDS = 10.0
_log = logging.getLogger(__name__)


class QueueFull(Exception):
    """As many requests wait as may."""


@dataclass(frozen=True)
class Progress:
    """How far an order is.

    Attributes:
        ahead: orders before it in the queue, and one more while others are computed; 0 when it is computed itself.
        scale, scales: scales done and in all, of what is computed. An edit may go over the scales twice.
    """

    ahead: int
    scale: int = 0
    scales: int = 0


class Desk:
    """Takes orders and works them off in the order they came, those of one kind together.

    Args:
        fulfil: does orders of one kind.
        store: gets a piece for each order, and the results.
        queue: orders that may wait.
        batch: orders done together.
    """

    def __init__(self, fulfil: Fulfil, store: Store, queue: int, batch: int) -> None:
        self._fulfil, self._store, self._queue, self._batch = fulfil, store, queue, batch
        self._waiting: OrderedDict[str, Order] = OrderedDict()
        self._current: tuple[str, ...] = ()
        self._done = (0, 0)
        self._open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is computed, drop what waits."""
        with self._changed:
            self._open = False
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(STOP_SECONDS)

    def submit(self, order: Order, piece: Piece) -> str:
        """Queue an order; returns the name under which its piece is kept.

        Raises:
            QueueFull: as many wait as may.
        """
        with self._changed:
            if len(self._waiting) >= self._queue or not self._open:
                raise QueueFull
            name = self._store.add(piece)
            self._waiting[name] = order
            self._changed.notify()
        return name

    def withdraw(self, name: str) -> None:
        """Take an order back. One that is computed already is computed to its end, for nobody."""
        with self._changed:
            self._waiting.pop(name, None)
        self._store.remove(name)

    def progress(self, name: str) -> Progress:
        """Tell how far an order is; all zeros when it is neither waiting nor computed."""
        with self._changed:
            if name in self._current:
                return Progress(0, *self._done)
            if name in self._waiting:
                return Progress(list(self._waiting).index(name) + bool(self._current))
            return Progress(0)

    def _work(self) -> None:
        while batch := self._take():
            self._do(batch)
            with self._changed:
                self._current = ()

    def _take(self) -> dict[str, Order]:
        """Wait for orders; return the first and those behind it that can be done with it, nothing when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open)
            if not self._open:
                return {}
            kind = kind_of(next(iter(self._waiting.values())))
            names = [name for name, order in self._waiting.items() if kind_of(order) == kind][: self._batch]
            self._current, self._done = tuple(names), (0, 0)
            batch = {name: self._waiting.pop(name) for name in names}
        for name in batch:
            self._note(name, "working")
        return batch

    def _do(self, batch: dict[str, Order]) -> None:
        """Do orders together; where one is refused, do each by itself, so that only that one fails."""
        try:
            with watching(self._watch):
                made = self._fulfil(list(batch.values()))
        except UserError as error:
            if len(batch) == 1:
                self._fail(batch, str(error))
                return
            for name, order in batch.items():
                self._do({name: order})
        except Exception:  # noqa: BLE001 - the thread serves everybody, also after this
            _log.exception("a batch of %d failed", len(batch))
            self._fail(batch, "this could not be computed; the log of the server says why")
        else:
            for name, (motion, report) in zip(batch, made, strict=True):
                self._note(name, "done", motion=motion, report=report)

    def _fail(self, batch: dict[str, Order], reason: str) -> None:
        for name in batch:
            self._note(name, "failed", error=reason)

    def _note(
        self,
        name: str,
        state: State,
        *,
        motion: Motion | None = None,
        report: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Write down what became of an order, unless it was taken back."""
        piece = self._store.get(name)
        if piece is not None:
            self._store.change(name, replace(piece, state=state, motion=motion, report=report, error=error))

    def _watch(self, done: int, scales: int) -> None:
        with self._changed:
            self._done = (done, scales)
