"""What can be measured on a motion, whoever made it: smoothed tracks in the body's own heading, and counts.

T frames. Everything tolerates a few centimetres of noise on every joint, and needs no annotation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scalemogen.motion import Motion
from scalemogen.synthetic.body import (
    ANKLES,
    ELBOWS,
    HEAD,
    HIPS,
    KNEES,
    NECK,
    PELVIS,
    SHOULDERS,
    TOES,
    WRISTS,
)
from scalemogen.synthetic.curves import Array, smooth

_ANKLE, _TOES = 0.066, 0.02
"""Heights of ankles and toes over the floor, standing, metres."""


def count_rises(signal: Array, low: float, high: float) -> int:
    """Count how often a signal (T,) climbs above `high` after having been below `low` (or at its start)."""
    rises, armed = 0, True
    for value in signal:
        if armed and value > high:
            rises, armed = rises + 1, False
        elif value < low:
            armed = True
    return rises


@dataclass(frozen=True)
class Measures:
    """Tracks of a motion, or of a part of it.

    Attributes:
        joints: (T, J, 3) positions, metres, the floor at height 0.
        fps: frames per second.
    """

    joints: Array
    fps: float

    @classmethod
    def of(cls, motion: Motion) -> Measures:
        """Take the measures of a motion on a skeleton of these 22 joints."""
        joints = motion.positions.detach().cpu().double().numpy()
        floor = np.quantile(joints[:, list(TOES), 1].min(axis=1), 0.2)
        return cls(joints - np.array([0.0, floor - _TOES, 0.0]), motion.fps)

    def part(self, start: int, stop: int) -> Measures:
        """Return the measures of frames start..stop-1."""
        return Measures(self.joints[start:stop], self.fps)

    def at(self, seconds: float) -> Array:
        """Return the joints (T, J, 3) smoothed by a Gaussian of this width."""
        return smooth(self.joints, seconds * self.fps)

    @cached_property
    def calm(self) -> Array:
        """Joints (T, J, 3) with noise smoothed away."""
        return self.at(0.07)

    @cached_property
    def leg(self) -> float:
        """Length of a leg, hip to ankle."""
        thigh = self._bones(KNEES, HIPS)
        return thigh + self._bones(ANKLES, KNEES)

    @cached_property
    def arm(self) -> float:
        """Length of an arm, shoulder to wrist."""
        return self._bones(ELBOWS, SHOULDERS) + self._bones(WRISTS, ELBOWS)

    def _bones(self, joints: tuple[int, int], parents: tuple[int, int]) -> float:
        bones = self.calm[:, list(joints)] - self.calm[:, list(parents)]
        return float(np.linalg.norm(bones, axis=-1).mean())

    @cached_property
    def heading(self) -> Array:
        """Direction the hips face (T,), radians to the left of +Z, unwrapped."""
        slow = self.at(0.12)
        across = slow[:, HIPS[0]] - slow[:, HIPS[1]] + 0.5 * (slow[:, SHOULDERS[0]] - slow[:, SHOULDERS[1]])
        return np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))

    @cached_property
    def turned(self) -> float:
        """Net change of heading, radians to the left."""
        edge = max(1, round(0.2 * self.fps))
        return float(self.heading[-edge:].mean() - self.heading[:edge].mean())

    def local(self, vectors: Array) -> Array:
        """Turn world vectors (T, 3) or (T, J, 3) into left, up, forward of the body."""
        heading = self.heading.reshape(-1, *[1] * (vectors.ndim - 2))
        sine, cosine = np.sin(heading), np.cos(heading)
        x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
        return np.stack((cosine * x - sine * z, y, sine * x + cosine * z), axis=-1)

    @cached_property
    def drift(self) -> Array:
        """Way of the pelvis (2,) to the left and forward, summed along the changing heading, metres."""
        steps = np.diff(self.at(0.12)[:, PELVIS], axis=0, prepend=self.at(0.12)[:1, PELVIS])
        way: Array = self.local(steps)[:, [0, 2]].sum(axis=0)
        return way

    @cached_property
    def speed(self) -> float:
        """Typical speed of the pelvis over the floor while it moves, metres per second."""
        steps = np.diff(self.at(0.15)[:, PELVIS][:, [0, 2]], axis=0)
        speeds = np.linalg.norm(steps, axis=-1) * self.fps
        return float(np.quantile(speeds, 0.8)) if len(speeds) else 0.0

    @cached_property
    def pelvis(self) -> Array:
        """Height of the pelvis (T,) against standing, in leg lengths: 0 upright, -0.5 in a deep squat."""
        hips: Array = self.calm[:, list(HIPS), 1].mean(axis=1)
        return (hips - self.leg - _ANKLE) / self.leg

    @cached_property
    def seat(self) -> Array:
        """How far the pelvis (T,) is behind the middle of the ankles, in leg lengths."""
        back = self.calm[:, list(ANKLES)].mean(axis=1) - self.calm[:, PELVIS]
        return self.local(back)[:, 2] / self.leg

    @cached_property
    def pitch(self) -> Array:
        """How far the trunk (T,) tips forward, radians."""
        trunk = self.local(self.calm[:, NECK] - self.calm[:, PELVIS])
        return np.arctan2(trunk[:, 2], trunk[:, 1])

    @cached_property
    def nod(self) -> Array:
        """How far the head joint (T,) lies in front of the neck, as an angle from upright, radians."""
        head = self.local(self.calm[:, HEAD] - self.calm[:, NECK])
        return np.arctan2(head[:, 2], head[:, 1])

    @cached_property
    def hands(self) -> Array:
        """Wrists (T, 2, 3) from their shoulders: left, up, forward, in arm lengths."""
        return self.local(self.calm[:, list(WRISTS)] - self.calm[:, list(SHOULDERS)]) / self.arm

    @cached_property
    def hands_height(self) -> Array:
        """Height of the wrists (T, 2) over the floor, in leg lengths."""
        return self.calm[:, list(WRISTS), 1] / self.leg

    @cached_property
    def over_head(self) -> Array:
        """Height of the wrists (T, 2) over the head joint, metres."""
        return self.calm[:, list(WRISTS), 1] - self.calm[:, HEAD, None, 1]

    @cached_property
    def feet(self) -> Array:
        """Ankles (T, 2, 3) from the pelvis: left, up, forward, in leg lengths."""
        return self.local(self.calm[:, list(ANKLES)] - self.calm[:, PELVIS, None]) / self.leg

    @cached_property
    def feet_height(self) -> Array:
        """Height of the ankles (T, 2) over standing, metres."""
        return self.at(0.05)[:, list(ANKLES), 1] - _ANKLE

    @cached_property
    def airborne(self) -> Array:
        """Height of the lower foot's toes (T,) over the floor, metres."""
        toes: Array = self.at(0.05)[:, list(TOES), 1].min(axis=1)
        return toes - _TOES

    @cached_property
    def gaze(self) -> Array:
        """Turn of the shoulders against the hips (T,), radians to the left."""
        slow = self.at(0.12)
        shoulders = slow[:, SHOULDERS[0]] - slow[:, SHOULDERS[1]]
        facing = np.unwrap(np.arctan2(-shoulders[:, 2], shoulders[:, 0]))
        hips = slow[:, HIPS[0]] - slow[:, HIPS[1]]
        return facing - np.unwrap(np.arctan2(-hips[:, 2], hips[:, 0]))

    @cached_property
    def waist(self) -> Array:
        """Pelvis (T,) to the left of the middle of the ankles, in leg lengths."""
        slow = self.at(0.12)
        return self.local(slow[:, PELVIS] - slow[:, list(ANKLES)].mean(axis=1))[:, 0] / self.leg

    @cached_property
    def swings(self) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        """Swings of the left and of the right foot: (first, last frame), where the foot moves at least 9 cm."""
        return self._swings(0), self._swings(1)

    def _swings(self, foot: int) -> tuple[tuple[int, int], ...]:
        toe = self.at(0.07)[:, TOES[foot]][:, [0, 2]] * 0.5 + self.at(0.07)[:, ANKLES[foot]][:, [0, 2]] * 0.5
        speed = np.linalg.norm(np.diff(toe, axis=0, prepend=toe[:1]), axis=-1) * self.fps
        moving = speed > max(0.3, 0.3 * float(speed.max()))
        edges = np.flatnonzero(np.diff(np.concatenate(([0], moving.astype(int), [0]))))
        spans = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return tuple((a, b) for a, b in spans if np.linalg.norm(toe[b] - toe[max(a - 1, 0)]) > 0.09)
