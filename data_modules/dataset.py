"""A split of a store as items of bounded length, and batches of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from scalemogen.contracts import MotionBatch
from scalemogen.data_modules.sampler import Draws
from scalemogen.data_modules.speed import SpeedChange
from scalemogen.data_modules.store import MotionStore
from scalemogen.errors import UserError
from scalemogen.motion import Normaliser


@dataclass(frozen=True)
class Items:
    """Parts of clips, each at most `max_frames` long when used.

    Attributes:
        clips: (items,) clip in the store.
        starts: (items,) first frame within the clip.
        lengths: (items,) frames that an item may be cut from.
        frames: (items,) frames of the item, at most its length.
        windows: (items,) 1, 2, ... for consecutive windows of a clip; 0 if the item stands for the whole clip.
        left_out: clips and windows that were shorter than asked for.
    """

    clips: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    frames: NDArray[np.int64]
    windows: NDArray[np.int64]
    left_out: int

    def __len__(self) -> int:
        return len(self.clips)

    def kept(self, mask: NDArray[np.bool_]) -> Items:
        """Return the items where `mask` (items,) is True."""
        clips, starts, lengths = self.clips[mask], self.starts[mask], self.lengths[mask]
        return Items(clips, starts, lengths, self.frames[mask], self.windows[mask], self.left_out)


def nothing() -> Items:
    """Return no items."""
    none = np.zeros(0, np.int64)
    return Items(none, none, none, none, none, 0)


def random_crops(store: MotionStore, split: str, min_frames: int, max_frames: int) -> Items:
    """Return one item a clip, to be cut at random where the clip is longer than `max_frames`."""
    clips = store.indices(split)
    lengths = store.lengths[clips]
    keep = lengths >= min_frames
    clips, lengths = clips[keep], lengths[keep]
    zeros = np.zeros_like(clips)
    return Items(clips, zeros, lengths, np.minimum(lengths, max_frames), zeros, int((~keep).sum()))


def windows(store: MotionStore, split: str, min_frames: int, max_frames: int) -> Items:
    """Return every clip as consecutive windows of `max_frames`, the last one shorter."""
    clips = store.indices(split)
    counts = -(-store.lengths[clips] // max_frames)
    first = np.repeat(counts.cumsum() - counts, counts)
    number = np.arange(len(first)) - first
    clips = np.repeat(clips, counts)
    starts = number * max_frames
    frames = np.minimum(store.lengths[clips] - starts, max_frames)
    number = np.where(np.repeat(counts, counts) > 1, number + 1, 0)
    keep = frames >= min_frames
    kept = frames[keep]
    return Items(clips[keep], starts[keep], kept, kept, number[keep], int((~keep).sum()))


def balanced(store: MotionStore, clips: NDArray[np.int64], key: str) -> NDArray[np.float64]:
    """Return a weight for each clip such that every value of the attribute `key` weighs the same in total.

    Raises:
        UserError: a clip has no such attribute.
    """
    values: list[str] = []
    for clip in clips.tolist():
        attributes = store.attributes(clip)
        if key not in attributes:
            known = ", ".join(sorted(attributes)) or "none"
            raise UserError(
                f"{store.path}: cannot balance by {key!r}, clip {store.ids[clip]!r} has no such attribute"
                f" (it has {known})"
            )
        values.append(json.dumps(attributes[key], sort_keys=True))
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return 1.0 / counts[codes]


class MotionDataset(Dataset[MotionBatch]):
    """Batches of items: read from the store, padded to the longest, normalised all at once.

    Args:
        store: an opened store.
        items: see `random_crops` and `windows`.
        speed: changes the speed of items as drawn; None leaves all as they are.
    """

    def __init__(self, store: MotionStore, items: Items, speed: SpeedChange | None = None) -> None:
        self.store = store
        self.items = items
        self.speed = speed
        self._normaliser = Normaliser(store.facts.mean, store.facts.std)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, draws: Draws) -> MotionBatch:
        """Return the batch that a sampler drew."""
        items, rows = self.items, draws.items
        clips = items.clips[rows]
        pieces = [self._piece(*draw) for draw in zip(rows, draws.crops, draws.speeds, strict=True)]
        frames = np.array([len(piece) for piece in pieces], np.int64)
        padded = np.zeros((len(rows), int(frames.max()), self.store.width), np.float32)
        for row, piece in zip(padded, pieces, strict=True):
            row[: len(piece)] = piece
        inside = torch.from_numpy(np.arange(padded.shape[1]) < frames[:, None])
        features = self._normaliser.normalise(torch.from_numpy(padded))
        return MotionBatch(
            features=torch.where(inside[..., None], features, 0.0),
            lengths=torch.from_numpy(frames),
            captions=[self.store.caption(clip, choice) for clip, choice in zip(clips, draws.choices, strict=True)],
            clip_ids=[self._name(clip, window) for clip, window in zip(clips, items.windows[rows], strict=True)],
            altered=self.speed is not None,
        )

    def _piece(self, item: int, crop: float, speed: float) -> NDArray[np.float32]:
        """Return features (T, F) of an item, cut where drawn: as in the store, unless the speed changes."""
        length, frames, factor = int(self.items.lengths[item]), int(self.items.frames[item]), 1.0
        if self.speed is not None:
            factor = self.speed.factor(speed, length)
            frames = min(length, self.speed.needed(factor))
        start = int(self.items.starts[item]) + int(crop * (length - frames + 1))
        piece = self.store.clip(int(self.items.clips[item]), start, start + frames)
        return piece if self.speed is None else self.speed(piece, factor)

    def _name(self, clip: int, window: int) -> str:
        return self.store.ids[clip] + (f"#w{window}" if window else "")
