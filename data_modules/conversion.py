"""Motions to the features of a store, and clips into it: what builders of stores share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scalemogen.data_modules.captions import swap_attributes, swap_sides
from scalemogen.data_modules.table import Entry
from scalemogen.data_modules.writer import TRAIN, StoreWriter
from scalemogen.files import digest_bytes
from scalemogen.motion import Motion, get_layout

Floor = Literal["lowest", "keep"]
Layout = Literal["humanml3d", "humanml3d-published", "snapmogen"]

BLOCK = 20
"""Clips of which one is for validation and one for test."""


@dataclass(frozen=True)
class Converter:
    """Turns a motion into the features of one layout.

    Attributes:
        layout: feature layout name.
        floor: "lowest" puts the lowest joint of a clip at height 0, "keep" leaves heights as recorded.
    """

    layout: str
    floor: Floor

    def __call__(self, motion: Motion) -> NDArray[np.float32]:
        """Return features (T-1, F)."""
        start = motion.canonical(floor=self.floor == "lowest")
        features: NDArray[np.float32] = get_layout(self.layout).from_motion(start).numpy()
        return features


@dataclass(frozen=True)
class Converted:
    """Features of a clip and of its mirrored copy, or what went wrong.

    Attributes:
        features: (T, F), None if there is a fault.
        mirrored: (T, F), None if not asked for.
        fault: reason and detail.
    """

    features: NDArray[np.float32] | None = None
    mirrored: NDArray[np.float32] | None = None
    fault: tuple[str, str] | None = None


def block_split(index: int) -> str:
    """Return the split of clip `index`: in every block of 20, one for "val" and one for "test", by a hash."""
    block, position = divmod(index, BLOCK)
    number = int(digest_bytes(f"block {block}".encode()), 16)
    val = number % BLOCK
    test = (val + 1 + number // BLOCK % (BLOCK - 1)) % BLOCK
    return {val: "val", test: "test"}.get(position, TRAIN)


def add_clip(writer: StoreWriter, entry: Entry, result: Converted) -> None:
    """Add a clip and its mirrored copy to a store, or set it aside."""
    if result.features is None:
        writer.quarantine(entry.clip, *(result.fault or ("unreadable file", entry.file)))
        return
    added = writer.add(entry.clip, result.features, entry.captions, entry.split, entry.attributes)
    if added and result.mirrored is not None:
        captions = [swap_sides(caption) for caption in entry.captions if caption.strip()]
        writer.add(f"M{entry.clip}", result.mirrored, captions, entry.split, swap_attributes(dict(entry.attributes)))
