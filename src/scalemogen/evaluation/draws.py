"""Which part of which clip is measured with which caption, in each repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.protocols import Protocol
from scalemogen.files import digest_json

LEAST = 6
"""Clips of the smallest split that is measured: two halves of it have a kernel distance."""


@dataclass(frozen=True)
class Window:
    """A part of a clip.

    Attributes:
        clip: index in the store.
        start: first frame.
        frames: number of frames.
    """

    clip: int
    start: int
    frames: int


@dataclass(frozen=True)
class Item:
    """A window and one caption of its clip; `choice` is its place among them."""

    window: Window
    caption: str
    choice: int


@dataclass(frozen=True)
class Left:
    """What a protocol takes away from a split.

    Attributes:
        short, long: clips left out for their lengths.
        silent: clips left out because they have no caption.
        cut: clips that are longer than what is measured of them, but for the rest of a unit.
    """

    short: int
    long: int
    silent: int
    cut: int


@dataclass(frozen=True)
class Draws:
    """The clips of a split under a protocol; `repeat` gives the items of each repeat.

    Args:
        store: where the clips are.
        split: its name.
        protocol: how to draw.
        seed: of all draws.
        max_frames: of the model's longest motion.
        min_frames: of its shortest.
    """

    store: MotionStore
    split: str
    protocol: Protocol
    seed: int
    max_frames: int
    min_frames: int

    @property
    def cut_to(self) -> int:
        """Frames of the longest motion that is measured: whole units."""
        protocol = self.protocol
        longest = min(self.max_frames, protocol.cut_to or self.max_frames)
        return longest // protocol.unit * protocol.unit

    @property
    def clips(self) -> list[int]:
        """The clips that are measured, in the order of the store."""
        return [clip for clip in self._captioned if self._shortest <= self._length(clip) <= self._longest]

    @property
    def left(self) -> Left:
        """What is left out."""
        lengths = [self._length(clip) for clip in self._captioned]
        return Left(
            short=sum(length < self._shortest for length in lengths),
            long=sum(length > self._longest for length in lengths),
            silent=len(self.store.indices(self.split)) - len(lengths),
            cut=sum(self._length(clip) > self.cut_to + self.protocol.unit - 1 for clip in self.clips),
        )

    def repeat(self, number: int, draw: str = "items") -> list[Item]:
        """Return the items of a repeat in the protocol's order, the dropped last pool left out.

        Args:
            number: of the repeat.
            draw: a name; under another one the same clips get other captions, crops and places.

        Raises:
            UserError: fewer clips than one pool.
        """
        protocol, clips = self.protocol, self.clips
        generator = torch.Generator().manual_seed(seed_of(self.seed, draw, self.split, number))
        chances = torch.rand(len(clips), 3, generator=generator, dtype=torch.float64).tolist()
        items = [self._item(clip, *chance) for clip, chance in zip(clips, chances, strict=True)]
        if protocol.order == "shuffled":
            items = [items[at] for at in torch.randperm(len(items), generator=generator).tolist()]
        elif protocol.order == "length":
            items.sort(key=lambda item: self._length(item.window.clip))
        if len(items) < max(protocol.pool, LEAST):
            smaller = f" (--pool {len(items) // 2} makes numbers of their own)" if len(items) >= LEAST else ""
            raise UserError(
                f"split {self.split!r} of {self.store.path} has {len(items)} clips to measure; protocol {protocol.name}"
                f" needs {max(protocol.pool, LEAST)}, to fill one retrieval pool{smaller}"
            )
        if protocol.pools == "consecutive":
            del items[len(items) // protocol.pool * protocol.pool :]
        return items

    def windows(self) -> list[Window]:
        """Return one window of each clip, cut in the middle, whole units: what does not depend on a repeat."""
        sizes = [(clip, self._length(clip), self._whole(self._length(clip))) for clip in self.clips]
        return [Window(clip, (length - frames) // 2, frames) for clip, length, frames in sizes]

    def _item(self, clip: int, crop: float, drop: float, choice: float) -> Item:
        protocol = self.protocol
        frames = self._whole(self._length(clip))
        if drop < protocol.unit_drop and frames > protocol.unit:
            frames -= protocol.unit
        captions = self.store.captions(clip)
        spoken = [at for at, text in enumerate(captions) if text.strip()]
        at = spoken[int(choice * len(spoken)) if protocol.caption == "random" else 0]
        room = self._length(clip) - frames
        start = int(crop * (room + 1)) if protocol.crop == "random" else room // 2
        return Item(Window(clip, start, frames), captions[at], at)

    def _whole(self, length: int) -> int:
        return min(length, self.cut_to) // self.protocol.unit * self.protocol.unit

    def _length(self, clip: int) -> int:
        return int(self.store.lengths[clip])

    @property
    def _shortest(self) -> int:
        return max(self.min_frames, self.protocol.unit, self.protocol.shortest or 0)

    @property
    def _longest(self) -> int:
        return int(np.iinfo(np.int64).max) if self.protocol.longest is None else self.protocol.longest

    @property
    def _captioned(self) -> list[int]:
        clips: Sequence[int] = self.store.indices(self.split).tolist()
        return [clip for clip in clips if any(text.strip() for text in self.store.captions(clip))]


def read_windows(store: MotionStore, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """Return the features (B, T, F) of windows in units, zero beyond their lengths (B,), and these.

    Raises:
        UserError: a clip holds values that are not finite.
    """
    lengths = torch.tensor([window.frames for window in windows])
    padded = np.zeros((len(windows), int(lengths.max()), store.width), np.float32)
    for row, window in zip(padded, windows, strict=True):
        row[: window.frames] = store.clip(window.clip)[window.start : window.start + window.frames]
        if not np.isfinite(row).all():
            raise UserError(
                f"{store.path}: clip {store.ids[window.clip]!r} holds features that are not finite"
                " (`scalemogen data check` lists all of them)"
            )
    return torch.from_numpy(padded), lengths


def seed_of(seed: int, *purpose: str | int) -> int:
    """Return a seed for one purpose: 32 bits, of which torch's CPU generator looks at no more."""
    return int(digest_json([seed, *purpose]), 16) % 2**32
