"""The humanml3d features one clip and one joint at a time, in float64 matrices: what the fast layouts must equal."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from helpers.trees import Array

UP = np.array([0.0, 1.0, 0.0])
# Directions of bones in the pose that the published rotations refer to, per joint of HumanML3D.
REST = np.zeros((22, 3))
REST[[1, 13], 0] = 1.0
REST[[2, 14], 0] = -1.0
REST[[0, 3, 6, 9, 12], 1] = 1.0
REST[[4, 5, 7, 8, 16, 17, 18, 19, 20, 21], 1] = -1.0
REST[[10, 11, 15], 2] = 1.0
CHAINS = [[0, 2, 5, 8, 11], [0, 1, 4, 7, 10], [0, 3, 6, 9, 12, 15], [9, 14, 17, 19, 21], [9, 13, 16, 18, 20]]


def yaw(angle: float) -> Array:
    """Matrix that turns +Z towards +X."""
    sin, cos = math.sin(angle), math.cos(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def gaussian(values: Array, sigma: float) -> Array:
    """Filter (T, n) along time, ends repeated, cut at 4 sigma."""
    radius = int(4 * sigma + 0.5)
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    found = np.zeros_like(values)
    for frame in range(len(values)):
        for k, weight in zip(range(-radius, radius + 1), weights, strict=True):
            found[frame] += weight * values[min(max(frame + k, 0), len(values) - 1)]
    return found / sum(weights)


def swing(source: Array, target: Array) -> Array:
    """Smallest rotation matrix between two directions (Rodrigues' formula)."""
    source, target = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis, cos = np.cross(source, target), float(source @ target)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cos)


def published(positions: Array) -> Array:
    """Return features (T-1, 263) of joints (T, 22, 3) that face +Z in their first frame."""
    across = positions[:, 1] - positions[:, 2] + positions[:, 17] - positions[:, 16]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    forward = gaussian(np.cross(UP, across), 20.0)
    angles = np.arctan2(forward[:, 0], forward[:, 2])
    angles[0] = 0.0
    rows = []
    for t in range(len(positions) - 1):
        now, after = yaw(-angles[t]), yaw(-angles[t + 1])
        turn = math.asin(math.sin(-(angles[t + 1] - angles[t]) / 2))
        step = after @ (positions[t + 1, 0] - positions[t, 0])
        local: dict[int, Array] = {}
        for chain in CHAINS:
            before = now
            for parent, joint in pairwise(chain):
                turned = swing(REST[joint], positions[t, joint] - positions[t, parent])
                local[joint] = before.T @ turned
                before = turned
        row = [turn, step[0], step[2], positions[t, 0, 1]]
        for joint in range(1, 22):
            row += list(now @ (positions[t, joint] - positions[t, 0] * [1, 0, 1]))
        for joint in range(1, 22):
            row += [*local[joint][:, 0], *local[joint][:, 1]]
        for joint in range(22):
            row += list(now @ (positions[t + 1, joint] - positions[t, joint]))
        for joint in (7, 10, 8, 11):
            row.append(float(((positions[t + 1, joint] - positions[t, joint]) ** 2).sum() < 0.002))
        rows.append(row)
    return np.array(rows)


def mended(
    positions: Array,
    rotations: Array,
    parents: tuple[int, ...],
    facing: tuple[int, ...],
    contacts: tuple[int, ...],
    fps: float,
) -> Array:
    """Return features (T-1, 12 J - 5 + C) of joints (T, J, 3) and local rotation matrices (T, J, 3, 3)."""
    left_hip, right_hip, left_shoulder, right_shoulder = facing
    across = positions[:, right_hip] - positions[:, left_hip]
    across = across + positions[:, right_shoulder] - positions[:, left_shoulder]
    forward = np.cross(UP, across)
    raw = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    angles = gaussian(raw[:, None], 0.25 * fps)[:, 0]
    lowest = positions[..., 1].min(axis=0)
    rows = []
    for t in range(len(positions) - 1):
        now, after = yaw(-angles[t]), yaw(-angles[t + 1])
        step = after @ (positions[t + 1, 0] - positions[t, 0])
        row = [-(angles[t + 1] - angles[t]) / 2, step[0], step[2], positions[t, 0, 1]]
        for joint in range(1, len(parents)):
            row += list(now @ (positions[t, joint] - positions[t, 0] * [1, 0, 1]))
        for joint in range(1, len(parents)):
            matrix = rotations[t, joint]
            if parents[joint] == 0:
                matrix = now @ rotations[t, 0] @ matrix
            row += [*matrix[:, 0], *matrix[:, 1]]
        for joint in range(len(parents)):
            row += list(now @ (positions[t + 1, joint] - positions[t, joint]))
        for joint in contacts:
            slow = np.linalg.norm(positions[t + 1, joint] - positions[t, joint]) * fps < 0.3
            row.append(float(slow and positions[t, joint, 1] - lowest[joint] < 0.05))
        rows.append(row)
    return np.array(rows)
