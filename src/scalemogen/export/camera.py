"""A perspective camera that looks at a moving target and is placed so that the whole motion fits its picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalemogen.export.figure import HEAD_RADIUS, Array, Figure

YAW, PITCH = np.radians(40.0), np.radians(14.0)
"""Three-quarter view: this far to the body's left of where it faces in the first frame, and this far above."""

DISTANCE = 3.0
"""From camera to target, in sizes of what must be seen; smaller is a stronger perspective."""

FIXED_EXTENT = 3.5
"""Metres of ground that a motion may cover before the camera follows it."""

FOLLOW_SECONDS = 0.5


@dataclass(frozen=True)
class Camera:
    """Projection of world points to pixels, per frame.

    Attributes:
        axes: (3, 3) rows right, up, towards the camera; orthonormal.
        targets: (T, 3) the point looked at.
        distance: metres from target to camera.
        scale: pixels per metre at the target.
        centre: (2,) pixel of the target, (x, y) with y downwards.
        reach: metres on the ground around the target that the body needs over all frames.
    """

    axes: Array
    targets: Array
    distance: float
    scale: float
    centre: Array
    reach: float

    def project(self, points: Array, frame: int) -> Array:
        """Return pixels of points at a frame.

        Args:
            points: (..., 3) metres.
            frame: index into `targets`.

        Returns:
            (..., 3): x, y in pixels, and depth: metres towards the camera, for ordering.
        """
        seen = (points - self.targets[frame]) @ self.axes.T
        near = self.scale / (1 - seen[..., 2:] / self.distance)
        flat = self.centre + seen[..., :2] * near * [1.0, -1.0]
        return np.concatenate([flat, seen[..., 2:]], axis=-1)


def fit_camera(figure: Figure, targets: Array, size: tuple[int, int], margin: float = 0.06) -> Camera:
    """Return the three-quarter camera in whose picture every joint of every frame is seen.

    Args:
        figure: the motion.
        targets: (T, 3) the point looked at in each frame.
        size: width and height of the picture, pixels.
        margin: free border as a share of the picture.
    """
    yaw = figure.heading + YAW
    towards = np.array([np.sin(yaw) * np.cos(PITCH), np.sin(PITCH), np.cos(yaw) * np.cos(PITCH)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    axes = np.stack([right, np.cross(towards, right), towards])
    points = np.concatenate([figure.positions, figure.heads + np.array([0.0, HEAD_RADIUS, 0.0]), figure.facing], axis=1)
    seen = (points - targets[:, None]) @ axes.T
    distance = DISTANCE * max(float(np.linalg.norm(seen, axis=-1).max()), 1.0)
    flat = seen[..., :2] / (1 - seen[..., 2:] / distance) * [1.0, -1.0]
    low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
    extent = np.maximum(high - low, 0.5)
    scale = float(min(np.asarray(size) * (1 - 2 * margin) / extent))
    reach = float(np.linalg.norm((points - targets[:, None])[..., [0, 2]], axis=-1).max())
    return Camera(axes, targets, distance, scale, np.asarray(size) / 2 - scale * (low + high) / 2, reach)


def steady_targets(figure: Figure) -> Array:
    """Return (T, 3) targets for a moving picture: one point if the motion stays about, else the smoothed root path."""
    root = figure.positions[:, 0]
    low, high = root.min(axis=0), root.max(axis=0)
    if float((high - low)[[0, 2]].max()) <= FIXED_EXTENT:
        return np.broadcast_to((low + high) / 2, root.shape)
    reach = max(int(FOLLOW_SECONDS * figure.fps), 1)
    weights = np.hanning(2 * reach + 3)[1:-1]
    padded = np.pad(root, ((reach, reach), (0, 0)), mode="edge")
    weights /= weights.sum()
    smooth = np.stack([np.convolve(column, weights, mode="valid") for column in padded.T], axis=1)
    smooth[:, 1] = (low[1] + high[1]) / 2
    return smooth


def root_targets(figure: Figure) -> Array:
    """Return (T, 3) targets for still pictures: the root's place on the ground, at the root's mean height."""
    targets = figure.positions[:, 0].copy()
    targets[:, 1] = targets[:, 1].mean()
    return targets
