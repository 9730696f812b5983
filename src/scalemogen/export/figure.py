"""What every picture of a motion shows: bones and their colours, the floor, the way the body faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scalemogen.motion.record import Motion
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.sides import joint_sides

Array = npt.NDArray[np.float64]
"""Coordinates; metres, Y up, where nothing else is said."""

LEFT, RIGHT, MIDDLE = 0, 1, 2
COLOURS = ((36, 99, 235), (220, 53, 53), (55, 61, 74))
"""Colour of left, right and middle bones."""

TINT = 0.5
"""How much of white the lightest body part of a side takes."""

HEAD_RADIUS = 0.1
FLOOR_TOLERANCE = 0.3
ARROW = (0.15, 0.5)


@dataclass(frozen=True)
class Figure:
    """A motion made ready for drawing.

    Attributes:
        positions: (T, J, 3) joints.
        bones: (parent, child) joint indices.
        sides: LEFT, RIGHT or MIDDLE of every bone.
        tints: share of white in the colour of every bone; tells the body parts of a side apart.
        heads: (T, H, 3) centre of the head ball, radius HEAD_RADIUS; H is 1, or 0 for a body without sides.
        facing: (T, 2, 3) start and tip of an arrow on the floor, pointing where the body faces.
        floor: height of the floor: 0, unless the lowest joint of the motion is more than FLOOR_TOLERANCE off.
        fps: frames per second.
    """

    positions: Array
    bones: tuple[tuple[int, int], ...]
    sides: tuple[int, ...]
    tints: tuple[float, ...]
    heads: Array
    facing: Array
    floor: float
    fps: float

    @property
    def frames(self) -> int:
        """T, number of frames."""
        return len(self.positions)

    @property
    def heading(self) -> float:
        """Angle about Y that the body faces in the first frame, radians, 0 at +Z and positive towards +X."""
        start, tip = self.facing[0]
        return float(np.arctan2(tip[0] - start[0], tip[2] - start[2]))


def figure_of(motion: Motion) -> Figure:
    """Make a motion ready for drawing."""
    skeleton = motion.skeleton
    positions = np.asarray(motion.positions.detach().cpu(), dtype=np.float64)
    lowest = float(positions[..., 1].min())
    floor = lowest if abs(lowest) > FLOOR_TOLERANCE else 0.0
    bones = tuple((parent, child) for child, parent in enumerate(skeleton.parents) if parent >= 0)
    sides, tints = sides_of(skeleton), tints_of(skeleton)
    return Figure(
        positions=positions,
        bones=bones,
        sides=tuple(sides[child] for _, child in bones),
        tints=tuple(tints[child] for _, child in bones),
        heads=_heads(motion),
        facing=_facing(positions, skeleton, floor),
        floor=floor,
        fps=motion.fps,
    )


def sides_of(skeleton: Skeleton) -> tuple[int, ...]:
    """Return LEFT, RIGHT or MIDDLE of every joint."""
    sides = joint_sides(skeleton.joints, skeleton.parents, skeleton.offsets, skeleton.mirror)
    return tuple({1: LEFT, -1: RIGHT, 0: MIDDLE}[side] for side in sides)


def tints_of(skeleton: Skeleton) -> tuple[float, ...]:
    """Return the share of white, 0 to TINT, in the colour of every joint: one for each body part of a side.

    The last part of a side (arms; of the middle, the head) has the full colour.
    """
    sides = sides_of(skeleton)
    tints: dict[tuple[int, int], float] = {}
    for side in set(sides):
        parts = sorted({part for joint, part in enumerate(skeleton.part_of) if sides[joint] == side}, reverse=True)
        tints |= {(side, part): TINT * order / max(len(parts) - 1, 1) for order, part in enumerate(parts)}
    return tuple(tints[key] for key in zip(sides, skeleton.part_of, strict=True))


def tinted(side: int, tint: float) -> tuple[int, int, int]:
    """Return the sRGB colour of a side, 0..255, with a share of white."""
    red, green, blue = (round(value + tint * (255 - value)) for value in COLOURS[side])
    return red, green, blue


def document_of(figure: Figure) -> dict[str, Any]:
    """Return what the viewer page needs besides the coordinates, as plain values."""
    return {
        "fps": figure.fps,
        "frames": figure.frames,
        "joints": figure.positions.shape[1],
        "heads": figure.heads.shape[1],
        "bones": [
            [*bone, side, tint] for bone, side, tint in zip(figure.bones, figure.sides, figure.tints, strict=True)
        ],
        "floor": figure.floor,
        "heading": figure.heading,
    }


def head_joints(motion: Motion) -> list[int]:
    """Return the joint that carries the head ball: the leaf in the middle that is highest; none without sides."""
    skeleton = motion.skeleton
    sides, height = sides_of(skeleton), motion.positions[..., 1].mean(dim=0).tolist()
    ends = [j for j, side in enumerate(sides) if side == MIDDLE and j > 0 and j not in skeleton.parents]
    return sorted(ends, key=lambda j: -height[j])[:1] if len(set(sides)) > 1 else []


def head_centres(joints: Array, necks: Array) -> Array:
    """Return the centre (..., 3) of the head ball, a little further along the bone from `necks` to `joints`."""
    bone = joints - necks
    length = np.linalg.norm(bone, axis=-1, keepdims=True)
    centres: Array = joints + bone / np.maximum(length, 1e-6) * (0.8 * HEAD_RADIUS)
    return centres


def _heads(motion: Motion) -> Array:
    positions, joints = np.asarray(motion.positions.detach().cpu(), dtype=np.float64), head_joints(motion)
    return head_centres(positions[:, joints], positions[:, [motion.skeleton.parents[joint] for joint in joints]])


def _facing(positions: Array, skeleton: Skeleton, floor: float) -> Array:
    hips, shoulders = skeleton.facing[:2], skeleton.facing[2:]
    across = sum(positions[:, left] - positions[:, right] for left, right in (hips, shoulders))
    forward = np.cross(across, [0.0, 1.0, 0.0])
    forward = forward / np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-6)
    ground = positions[:, 0] * [1.0, 0.0, 1.0] + [0.0, floor, 0.0]
    return np.stack([ground + reach * forward for reach in ARROW], axis=1)
