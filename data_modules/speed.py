"""Clips played faster or slower, as if the person had moved so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scalemogen.contracts import DataFacts
from scalemogen.motion import get_layout


@dataclass(frozen=True)
class SpeedChange:
    """Changes the speed of clips in a layout's features.

    Features cannot be interpolated one by one: turns, steps and velocities are per frame, rotations are no vectors and
    contacts depend on speeds. So the features of a clip become a motion, the motion is resampled (rotations by slerp,
    joints by forward kinematics), and the layout describes the result anew: as if the recording had been faster.

    Attributes:
        facts: skeleton, layout and frame rate of the features.
        most: the greatest change, above 0: 0.25 plays at 0.8 to 1.25 times the speed.
        min_frames: no clip becomes shorter than this by a change.
        max_frames: no clip is longer than this afterwards.
    """

    facts: DataFacts
    most: float
    min_frames: int
    max_frames: int

    def factor(self, draw: float, frames: int) -> float:
        """Return the speed for a number in [0, 1): its logarithm is uniform, and 0.5 leaves a clip as it is.

        Args:
            draw: the number.
            frames: of the clip.
        """
        drawn = (1 + self.most) ** (2 * draw - 1)
        fastest = (frames - 1) / self.min_frames
        return drawn if drawn <= fastest else max(1.0, fastest)

    def needed(self, factor: float) -> int:
        """Return how many frames of a clip become `max_frames` at `factor` times its speed."""
        return self.max_frames if _is_one(factor) else math.ceil(self.max_frames * factor) + 1

    def __call__(self, features: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
        """Return features (T', F) of a clip (T, F) at `factor` times its speed.

        T' is floor((T - 1) / factor), at most `max_frames`: the last frame serves the velocities of the one before. At
        its own speed a clip is only cut.
        """
        if _is_one(factor):
            return features[: self.max_frames]
        facts, layout = self.facts, get_layout(self.facts.layout)
        motion = layout.to_motion(torch.from_numpy(np.array(features)), facts.skeleton, facts.fps * factor)
        changed: NDArray[np.float32] = layout.from_motion(motion.resample(facts.fps)).numpy()
        return changed[: self.max_frames]


def _is_one(factor: float) -> bool:
    return math.isclose(factor, 1.0, rel_tol=1e-6)
