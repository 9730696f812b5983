"""A motion as a model takes it, and the way back to where it stood."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from scalemogen.contracts import DataFacts
from scalemogen.errors import UserError
from scalemogen.motion import Motion, get_layout
from scalemogen.motion.rest import in_own_rest
from scalemogen.motion.rotations import about_y, inverse, multiply, slerp, turn_about_y

SAME_BONES = 1e-3
"""Metres by which bones may differ from the skeleton's and still count as them."""

SLACK = 1e-6
"""Of a frame: what rounding may add to a frame number at another rate."""


@dataclass(frozen=True)
class Take:
    """One motion to work on.

    Attributes:
        features: (T, F) of the motion started over the origin, in their own units.
        motion: the same T frames in the world: on the model's skeleton, at its frame rate.
        given_frames, given_fps: of the motion as it was given, in which ranges of frames are counted.
    """

    features: Tensor
    motion: Motion
    given_frames: int
    given_fps: float

    def frames(self, first: int, last: int) -> tuple[int, int]:
        """Return the range of frames that holds frames first..last-1 of the given motion.

        Raises:
            UserError: they are none, or not in the given motion.
        """
        if first >= last:
            raise UserError(f"frames {first}:{last} are none: the first must lie before the one after the last")
        if not 0 <= first < last <= self.given_frames:
            seconds = self.given_frames / self.given_fps
            raise UserError(
                f"frames {first}:{last} are not in the motion, which has frames 0:{self.given_frames}"
                f" ({seconds:.2f} seconds at {self.given_fps:g} frames per second)"
            )
        rate, total = self.motion.fps / self.given_fps, self.motion.frames
        start = min(math.floor(first * rate + SLACK), total - 1)
        stop = total if last == self.given_frames else min(math.ceil(last * rate - SLACK), total)
        return start, max(stop, start + 1)


def align(motion: Motion, facts: DataFacts) -> Motion:
    """Return a motion on a model's skeleton, at its frame rate, where it stands.

    Rotations that start from a T-pose are told from the skeleton's own rest pose instead; joints stay where they are.

    Raises:
        UserError: no motion; one of other joints; rotations that start from a rest pose that is neither of the two.
    """
    given: object = motion
    if not isinstance(given, Motion):
        name = repr(given) if isinstance(given, str | Path) else f"this {type(given).__name__}"
        raise UserError(f"{name} is no motion; read a file with scalemogen.export.read_motion")
    own, skeleton = motion.skeleton, facts.skeleton
    if own.joints != skeleton.joints or own.parents != skeleton.parents:
        raise UserError(
            f"the motion has skeleton {own.name} of {len(own.joints)} joints;"
            f" this model was trained on {skeleton.name} of {len(skeleton.joints)} joints"
        )
    told = in_own_rest(replace(motion, skeleton=skeleton, offsets=motion.bones))
    same = torch.allclose(told.bones[1:], torch.tensor(skeleton.offsets)[1:], rtol=0, atol=SAME_BONES)
    return replace(told, offsets=None if same else told.bones).retargeted().resample(facts.fps)


def make_take(motion: Motion, facts: DataFacts) -> Take:
    """Return a motion as a model of these facts takes it.

    Features look one frame ahead; so that no frame is lost, the motion first gets one more that goes on as it ended.

    Raises:
        UserError: the motion has other joints.
    """
    aligned = align(motion, facts)
    return Take(_features(aligned, facts), aligned, motion.frames, motion.fps)


def with_gaps(take: Take, known: Tensor, facts: DataFacts) -> Take:
    """Return a take whose unknown frames lie between known ones; beyond the ends, as there.

    So the features of known frames, which look at their surroundings, hold nothing of what stood in the unknown ones.

    Args:
        take: T frames.
        known: (T,) bool, at least one True.
        facts: of the model's training data.
    """
    before, after, share = neighbours(known)
    rotations, root = take.motion.rotations.double(), take.motion.root.double()
    turned = slerp(rotations[before], rotations[after], share[:, None, None].expand(*rotations.shape[:2], 1))
    path = torch.lerp(root[before], root[after], share[:, None])
    motion = Motion.from_rotations(take.motion.skeleton, turned, path, take.motion.fps)
    return replace(take, features=_features(motion, facts), motion=motion)


def neighbours(known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each frame the known ones (T,) before and after it, and how far (T,) float64 it is between them.

    A known frame is its own neighbour; beyond the ends both are the known frame that is nearest.
    """
    index, places = torch.arange(len(known)), known.nonzero()[:, 0]
    after = places[torch.searchsorted(places, index).clamp_max(len(places) - 1)]
    before = places[(torch.searchsorted(places, index, right=True) - 1).clamp_min(0)]
    return before, after, ((index - before).double() / (after - before).clamp_min(1)).clamp(0.0, 1.0)


def _features(motion: Motion, facts: DataFacts) -> Tensor:
    return get_layout(facts.layout).from_motion(_with_next_frame(motion).canonical(floor=True))


def place(motion: Motion, start: Motion, world: Motion) -> Motion:
    """Move and turn `motion` as it takes the first frame of `start` to that of `world`.

    Args:
        motion: any motion that begins where `start` does.
        start: a motion started over the origin.
        world: the same motion where it stood.
    """
    turn = multiply(world.rotations[0, 0].double(), inverse(start.rotations[0, 0].double()))
    angle = 2.0 * torch.atan2(turn[1], turn[3])
    move = world.root[0].double() - turn_about_y(start.root[0].double(), angle)
    joints = motion.positions.double()
    positions = turn_about_y(joints, angle.expand(joints.shape[:2])) + move
    root = multiply(about_y(angle).expand(motion.frames, 4), motion.rotations[:, 0].double()).float()
    rotations = torch.cat((root[:, None], motion.rotations[:, 1:]), dim=1)
    return replace(motion, positions=positions.float(), rotations=rotations)


def _with_next_frame(motion: Motion) -> Motion:
    """Return the motion with one more frame: the last step and turn of every joint once more."""
    before, last = motion.rotations[-2:-1].double(), motion.rotations[-1:].double()
    if motion.frames == 1:
        before = last
    root = 2.0 * motion.root[-1:].double() - motion.root[max(motion.frames - 2, 0)][None].double()
    turned = slerp(before, last, last.new_tensor(2.0))
    more = Motion.from_rotations(motion.skeleton, turned, root, motion.fps, motion.offsets)
    return replace(
        motion,
        positions=torch.cat((motion.positions, more.positions)),
        rotations=torch.cat((motion.rotations, more.rotations)),
    )
