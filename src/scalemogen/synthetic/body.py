"""The body: bone lengths of one person, and the solver from a few meaningful angles to joint rotations.

The 22 joints of HumanML3D. T frames; sides in the order left, right; metres and radians.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scalemogen.skeletons import Skeleton, get_skeleton
from scalemogen.synthetic.curves import Array, ramp, soft_min
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.turns import about_x, about_y, about_z, cross, frame, unit, upright

PELVIS, SPINE1, SPINE2, SPINE3, NECK, HEAD = 0, 3, 6, 9, 12, 15
HIPS, KNEES, ANKLES, TOES = (1, 2), (4, 5), (7, 8), (10, 11)
COLLARS, SHOULDERS, ELBOWS, WRISTS = (13, 14), (16, 17), (18, 19), (20, 21)
TRUNK = (PELVIS, SPINE1, SPINE2, SPINE3, NECK, HEAD)

SIGN = np.array([1.0, -1.0])
"""+1 for the left side, -1 for the right: multiply what is mirrored."""

_TOE_HEIGHT = 0.02
_DOWN, _LEFT = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])
_GROWTH = {
    "legs": (1, 2, 4, 5, 7, 8),
    "feet": (10, 11),
    "trunk": (3, 6, 9, 12, 15),
    "shoulders": (13, 14, 16, 17),
    "arms": (18, 19, 20, 21),
}


@dataclass(frozen=True)
class Body:
    """Bone lengths of one person.

    Attributes:
        skeleton: the 22 joints.
        offsets: (J, 3) bone offsets of the T-pose, metres.
    """

    skeleton: Skeleton
    offsets: Array

    @classmethod
    def draw(cls, dice: Dice) -> Body:
        """Draw a person: overall size within about 10 %, limbs within another 4 %."""
        skeleton = get_skeleton("humanml3d")
        scale = np.full((len(skeleton.joints), 1), dice.around(1.0, 0.045))
        for joints in _GROWTH.values():
            scale[list(joints)] *= dice.around(1.0, 0.02)
        return cls(skeleton, np.asarray(skeleton.offsets) * scale)

    def length(self, joint: int) -> float:
        """Return the length of the bone that leads to a joint."""
        return float(np.linalg.norm(self.offsets[joint]))

    @property
    def leg(self) -> float:
        """Hip to ankle, stretched."""
        return self.length(KNEES[0]) + self.length(ANKLES[0])

    @property
    def arm(self) -> float:
        """Shoulder to wrist, stretched."""
        return self.length(ELBOWS[0]) + self.length(WRISTS[0])

    @property
    def toe_height(self) -> float:
        """Height of the ball of the foot over the floor, standing."""
        return _TOE_HEIGHT

    @property
    def ankle_height(self) -> float:
        """Height of the ankle over the floor, standing flat."""
        return _TOE_HEIGHT - float(self.offsets[TOES[0], 1])

    @property
    def foot(self) -> float:
        """Ankle to the ball of the foot, along the floor."""
        return float(self.offsets[TOES[0], 2])

    @property
    def hip_drop(self) -> float:
        """Height of the pelvis over the hips."""
        return -float(self.offsets[HIPS[0], 1])

    @property
    def stance(self) -> float:
        """Natural distance of a standing foot from the middle."""
        return 1.35 * float(self.offsets[HIPS[0], 0])

    @property
    def standing(self) -> float:
        """Height of the pelvis, standing with easy knees."""
        return self.ankle_height + 0.995 * self.leg + self.hip_drop


@dataclass(frozen=True)
class Pose:
    """What the solver needs for every frame.

    Attributes:
        root: (T, 3) pelvis.
        trunk: (T, 6, 3) pelvis, spine1, spine2, spine3, neck, head in the world: turn to the left, tip forward,
            lean to the left (see `turns.upright`).
        arm_base: (T, 3) frame the arms hang in, angles as for the trunk.
        arms: (T, 2, 4) lift to the front, lift to the side, turn inwards, bend of the elbow.
        ankles: (T, 2, 3).
        feet: (T, 2, 2) turn to the left in the world, toes up.
        knees: (T, 2) turn to the left, in the world, of the plane the knee bends in.
    """

    root: Array
    trunk: Array
    arm_base: Array
    arms: Array
    ankles: Array
    feet: Array
    knees: Array


def hips(body: Body, pose: Pose) -> Array:
    """Return hip positions (T, 2, 3)."""
    pelvis = upright(pose.trunk[:, 0])
    offsets: Array = np.einsum("tij,sj->tsi", pelvis, body.offsets[list(HIPS)])
    return pose.root[:, None] + offsets


def solve(body: Body, pose: Pose) -> Array:
    """Return the rotation of every joint in the world, (T, J, 3, 3).

    Knees and elbows are hinges: they bend one way only. A foot that is out of reach is followed as far as the leg
    goes. The collar bones follow the arms.
    """
    world = np.empty((len(pose.root), len(body.offsets), 3, 3))
    world[:, TRUNK] = upright(pose.trunk)
    world[:, COLLARS], world[:, SHOULDERS], world[:, ELBOWS] = _arms(body, pose, world[:, SPINE3])
    world[:, WRISTS] = world[:, ELBOWS]
    world[:, HIPS], world[:, KNEES] = _legs(body, pose)
    world[:, ANKLES] = about_y(pose.feet[..., 0]) @ about_x(-pose.feet[..., 1])
    world[:, TOES] = world[:, ANKLES]
    return world


def joint_positions(body: Body, root: Array, world: Array) -> Array:
    """Return positions (T, J, 3) from the root (T, 3) and every joint's rotation in the world (T, J, 3, 3)."""
    positions = np.empty(world.shape[:3])
    positions[:, 0] = root
    for joint, parent in enumerate(body.skeleton.parents[1:], start=1):
        positions[:, joint] = positions[:, parent] + world[:, parent] @ body.offsets[joint]
    return positions


def _arms(body: Body, pose: Pose, chest: Array) -> tuple[Array, Array, Array]:
    """Rotations in the world (T, 2, 3, 3) of collars, shoulders and elbows, the chest's being (T, 3, 3)."""
    front, side, inward, bend = np.moveaxis(pose.arms, -1, 0)
    base = upright(pose.arm_base)[:, None]
    upper = base @ about_x(-front) @ about_z(SIGN * side) @ about_y(-SIGN * inward)
    height = -np.cos(side) * np.cos(front)
    forward = np.cos(side) * np.sin(front)
    shrug = 0.42 * ramp(height, -0.5, 1.0)
    collars = chest[:, None] @ about_y(-SIGN * 0.2 * forward) @ about_z(SIGN * shrug)
    rest_upper, rest_fore = _rest_frames(body.skeleton, "arms")
    return collars, upper @ rest_upper, upper @ about_x(-bend) @ rest_fore


def _legs(body: Body, pose: Pose) -> tuple[Array, Array]:
    """Rotations in the world (T, 2, 3, 3) of hips and knees."""
    thigh, shin = body.length(KNEES[0]), body.length(ANKLES[0])
    reach = pose.ankles - hips(body, pose)
    distance = np.sqrt((reach * reach).sum(axis=-1))
    along = reach / distance[..., None]
    distance = soft_min(distance, 0.9995 * body.leg, 0.001 * body.leg)
    axis = _knee_axis(pose.knees, along)
    outward = cross(along, axis)
    cosine = (thigh**2 + distance**2 - shin**2) / (2.0 * thigh * distance)
    sine = np.sqrt(1.0 - np.clip(cosine, -1.0, 1.0) ** 2)
    upper = cosine[..., None] * along + sine[..., None] * outward
    lower = unit(distance[..., None] * along - thigh * upper)
    rest_upper, rest_lower = _rest_frames(body.skeleton, "legs")
    return frame(upper, axis) @ rest_upper, frame(lower, axis) @ rest_lower


def _knee_axis(turned: Array, along: Array) -> Array:
    """Hinge axes (T, 2, 3) of legs that point along (T, 2, 3), carried from a leg that hangs by the smallest turn.

    Args:
        turned: (T, 2) turn to the left of the plane in which a hanging leg bends.
        along: unit vectors from hip to ankle.
    """
    axis = np.stack((np.cos(turned), np.zeros_like(turned), -np.sin(turned)), axis=-1)
    tilt = (axis * along).sum(axis=-1) / np.maximum(1.0 - along[..., 1], 1e-3)
    return unit(axis - tilt[..., None] * (along + _DOWN))


@lru_cache(maxsize=8)
def _rest_frames(skeleton: Skeleton, limbs: str) -> tuple[Array, Array]:
    """Matrices (2, 3, 3), left and right, from the rest pose of the upper and of the lower bone to limb axes.

    For arms the limb hangs down with the elbow bending to the front; for legs the result takes the frame of
    `turns.frame` (direction, hinge) to the bone's rotation in the world.
    """
    children = (ELBOWS, WRISTS) if limbs == "arms" else (KNEES, ANKLES)
    bend = 1.0 if limbs == "arms" else -1.0
    hanging = frame(_DOWN, -_LEFT) if limbs == "arms" else np.eye(3)
    offsets = np.asarray(skeleton.offsets)
    result = []
    for joints in children:
        along = unit(offsets[list(joints)])
        hinge = unit(cross(along, np.array([0.0, 0.0, bend])))
        result.append(hanging @ np.swapaxes(frame(along, hinge), -1, -2))
    return result[0], result[1]
