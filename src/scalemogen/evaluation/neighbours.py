"""The nearest training clip of a motion, by joint trajectories: is it a copy, and which action does it show?

Axis letters: Q motions asked about, R training windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.samples import Samples
from scalemogen.metrics.functional import nearest_labels
from scalemogen.metrics.functional.neighbours import WEIGHTS

TRAIN = "train"
"""The split whose clips must not be copied."""

QUERIES = 512
"""Motions whose distances to all training windows are in memory at a time."""

NEAR = 0.01
"""Share of held-out real motions that are as near to a training clip as counts as near."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest training window of Q motions.

    Attributes:
        distances: (Q,).
        windows: (Q,) its number.
    """

    distances: Tensor
    windows: Tensor


@dataclass(frozen=True)
class Reference:
    """The training clips, described.

    Attributes:
        windows: R parts of clips.
        descriptors: (R, ...) of each, see `trajectory_descriptor`.
    """

    windows: list[Window]
    descriptors: Samples

    def nearest(self, descriptors: Mapping[str, Tensor], own: Sequence[int]) -> Neighbours:
        """Return the nearest window of Q motions.

        Args:
            descriptors: (Q, ...), may hold other values too.
            own: Q clips of the store with which a motion is not compared: the one that it is a part of.
        """
        clips, mine = torch.tensor([window.clip for window in self.windows]), torch.tensor(own)
        labels, found = [""] * len(clips), []
        for start in range(0, len(mine), QUERIES):
            rows = slice(start, start + QUERIES)
            query = {name: descriptors[name][rows] for name in WEIGHTS}
            found.append(nearest_labels(query, self.descriptors, labels, exclude=mine[rows, None] == clips))
        return Neighbours(torch.cat([part.distances for part in found]), torch.cat([part.indices for part in found]))


def equal_windows(store: MotionStore, split: str, max_frames: int) -> list[Window]:
    """Return the clips of a split whole, or in equal parts where they are longer than `max_frames`."""
    windows = []
    for clip in store.indices(split).tolist():
        length, start = int(store.lengths[clip]), 0
        for part in torch.arange(length).tensor_split(-(-length // max_frames)):
            windows.append(Window(clip, start, len(part)))
            start += len(part)
    return windows


def memorisation(made: Tensor, real: Tensor) -> dict[str, Any]:
    """Compare how near generated and held-out real motions come to training clips.

    Args:
        made: (Q,) distances of generated motions to their nearest training clips.
        real: (Q',) of real motions that were not trained on.

    Returns:
        Quantiles of both; the distance that NEAR of the real motions fall short of, and the share of generated ones
        that do: far more than NEAR means copies; and the distances.
    """
    threshold = real.double().quantile(NEAR)
    quantiles = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95}
    return {
        "threshold": float(threshold),
        "generated_nearer": float((made < threshold).double().mean()),
        **{
            name: {at: float(values.double().quantile(share)) for at, share in quantiles.items()}
            for name, values in (("generated", made), ("real", real))
        },
        "distances": {"generated": made.tolist(), "real": real.tolist()},
    }
