"""The nearest training clip of a motion, by joint trajectories: which action does it show? For copies see `copies`.

Axis letters: Q motions asked about, R training windows, V neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.evaluation.draws import Window, read_windows
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.metrics.functional import (
    Nearest,
    descriptor_points,
    group_spreads,
    nearest_points,
    trajectory_descriptor,
)
from scalemogen.motion import get_layout

TRAIN = "train"
"""The split whose clips a model has seen."""


class Reference:
    """The training clips of a store, described.

    Args:
        store: the clips.
        max_frames: longer clips are cut into equal windows.
        batching: how they are put together.

    Attributes:
        windows: R parts of clips.
    """

    def __init__(self, store: MotionStore, max_frames: int, batching: Batching) -> None:
        self.windows = equal_windows(store, store.indices(TRAIN).tolist(), max_frames)
        described = describe_windows(store, self.windows, batching, "training clips")
        self._spreads = group_spreads(described)
        self._points = descriptor_points(described, self._spreads)
        self._clips = torch.tensor([window.clip for window in self.windows])

    def nearest(
        self, descriptors: Mapping[str, Tensor], own: Sequence[int] | None = None, neighbours: int = 1
    ) -> Nearest:
        """Return the windows nearest to Q motions.

        Args:
            descriptors: `trajectory_descriptor` of them.
            own: Q clips of the store with which a motion is not compared: the one that it is a part of.
            neighbours: V, at most the windows of other clips.
        """
        owners = None if own is None else (torch.tensor(own), self._clips)
        query = descriptor_points(descriptors, self._spreads)
        return nearest_points(query, self._points, neighbours=neighbours, owners=owners)

    def most_neighbours(self, own: Sequence[int]) -> int:
        """Return how many windows a motion can be compared with when it is none of the clips `own` itself."""
        sizes = torch.bincount(self._clips, minlength=1 + max(own, default=0))
        return len(self.windows) - int(sizes[list(own)].max() if own else 0)


def equal_windows(store: MotionStore, clips: Sequence[int], max_frames: int) -> list[Window]:
    """Return clips whole, or in equal parts where they are longer than `max_frames`."""
    windows = []
    for clip in clips:
        length, start = int(store.lengths[clip]), 0
        for part in torch.arange(length).tensor_split(-(-length // max_frames)):
            windows.append(Window(clip, start, len(part)))
            start += len(part)
    return windows


def describe_windows(store: MotionStore, windows: Sequence[Window], batching: Batching, label: str) -> Samples:
    """Return `trajectory_descriptor` of parts of clips; `label` is the progress bar's.

    Raises:
        UserError: a clip holds values that are not finite.
    """
    layout, facts = get_layout(store.facts.layout), store.facts

    def work(batch: list[Window]) -> Samples:
        features, lengths = read_windows(store, batch)
        return trajectory_descriptor(layout.positions(features), lengths, fps=facts.fps, facing=facts.skeleton.facing)

    return batching.run(windows, [window.frames for window in windows], work, label)
