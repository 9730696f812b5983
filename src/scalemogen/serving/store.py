"""Motions in memory, by names that cannot be guessed: bounded in number, bytes and time."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from scalemogen.motion import Motion

State = Literal["waiting", "working", "done", "failed"]
NAME_BYTES = 16


@dataclass(frozen=True)
class Piece:
    """One motion that was asked for.

    Attributes:
        text: what it is to show.
        seed: of its random numbers; None where it was uploaded.
        source: name of the motion that it was made of.
        whole: whether `text` is one sentence about all of the motion.
        state: how far it is.
        motion: the result, when done.
        report: what an edit kept and moved.
        error: why there is none, when failed.
    """

    text: str
    seed: int | None = None
    source: str | None = None
    whole: bool = True
    state: State = "waiting"
    motion: Motion | None = None
    report: dict[str, Any] | None = None
    error: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ("done", "failed")

    @property
    def size(self) -> int:
        """Bytes of its motion."""
        if self.motion is None:
            return 0
        return self.motion.positions.nbytes + self.motion.rotations.nbytes


class Store:
    """Pieces by name; safe to use from several threads.

    A piece that is waited for is never dropped. Of the others, those not asked for in a while go, and then the one
    asked for longest ago, until the rest fits.

    Args:
        keep: pieces.
        keep_seconds: after a piece was last asked for.
        keep_bytes: of all motions.
        clock: seconds.
    """

    def __init__(
        self, keep: int, keep_seconds: float, keep_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep, self._seconds, self._bytes, self._clock = keep, keep_seconds, keep_bytes, clock
        self._pieces: OrderedDict[str, tuple[Piece, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            self._tidy()
            return len(self._pieces)

    def add(self, piece: Piece) -> str:
        """Keep a piece; returns its new name."""
        name = secrets.token_urlsafe(NAME_BYTES)
        with self._lock:
            self._pieces[name] = (piece, self._clock())
            self._tidy(spare=name)
        return name

    def get(self, name: str) -> Piece | None:
        """Return a piece, None where there is none of this name (any more)."""
        with self._lock:
            self._tidy()
            if name not in self._pieces:
                return None
            piece, _ = self._pieces[name]
            self._pieces[name] = (piece, self._clock())
            self._pieces.move_to_end(name)
            return piece

    def change(self, name: str, piece: Piece) -> None:
        """Put another piece in the place of one, unless that was taken out meanwhile."""
        with self._lock:
            if name in self._pieces:
                self._pieces[name] = (piece, self._clock())
                self._tidy(spare=name)

    def remove(self, name: str) -> None:
        """Take a piece out, if it is there."""
        with self._lock:
            self._pieces.pop(name, None)

    def _tidy(self, spare: str | None = None) -> None:
        oldest = self._clock() - self._seconds
        count, held = len(self._pieces), sum(piece.size for piece, _ in self._pieces.values())
        for name, (piece, used) in list(self._pieces.items()):
            if used >= oldest and count <= self._keep and held <= self._bytes:
                break
            if piece.settled and name != spare:
                del self._pieces[name]
                count, held = count - 1, held - piece.size
