"""New motion in a given one: nothing else moves, and the path has no jump."""

from __future__ import annotations

import math

import pytest
import roma
import torch
from torch import Tensor

from helpers.motions import make_motion
from scalemogen.contracts import DataFacts
from scalemogen.editing import Blended, blend, joint_weights, make_take, place, time_weights
from scalemogen.motion import Motion, get_layout
from scalemogen.motion.rotations import turn_about_y
from scalemogen.skeletons import get_skeleton

FRAMES, FPS = 41, 20.0
SKELETON = get_skeleton("humanml3d")
LAYOUTS = pytest.mark.parametrize("name", ["humanml3d", "snapmogen"])
RIGHT_ARM = SKELETON.parts.index("right arm")


def facts(name: str) -> DataFacts:
    return DataFacts("test", SKELETON, name, FPS, torch.zeros(1), torch.ones(1), "none", "none", {})


def features(seed: int, name: str, frames: int = FRAMES) -> Tensor:
    motion = make_motion(frames=frames, seed=seed)
    motion = motion.mirrored() if seed else motion  # turns the other way
    return make_take(motion, facts(name)).features


def mixed(name: str, weights: Tensor, stay: bool = False) -> tuple[Blended, Blended]:
    layout, source, new = get_layout(name), features(0, name), features(1, name)
    none = torch.zeros_like(weights)
    return (
        blend(layout, SKELETON, FPS, source, new, none),
        blend(layout, SKELETON, FPS, source, new, weights, source if stay else None),
    )


@LAYOUTS
def test_a_take_has_every_frame_and_comes_back(name: str) -> None:
    motion = make_motion(frames=FRAMES)
    take = make_take(motion, facts(name))
    assert len(take.features) == FRAMES
    given = blend(get_layout(name), SKELETON, FPS, take.features, take.features, torch.zeros(FRAMES, 22))
    back = place(given.motion, given.motion, motion)
    torch.testing.assert_close(back.positions, motion.positions, atol=2e-4, rtol=0)


@LAYOUTS
def test_all_new_is_the_new_motion(name: str) -> None:
    _, after = mixed(name, torch.ones(FRAMES, 22))
    layout = get_layout(name)
    expected = layout.to_motion(features(1, name), SKELETON, FPS)
    torch.testing.assert_close(after.motion.positions, expected.positions, atol=2e-4, rtol=0)


@LAYOUTS
def test_one_part_moves_that_part_alone(name: str) -> None:
    before, after = mixed(name, joint_weights(SKELETON, {RIGHT_ARM}, torch.ones(FRAMES)))
    moved = torch.linalg.vector_norm(after.motion.positions - before.motion.positions, dim=-1).amax(0)
    below_collar = {"right_shoulder", "right_elbow", "right_wrist"}
    for joint, part, distance in zip(SKELETON.joints, SKELETON.part_of, moved.tolist(), strict=True):
        if part != RIGHT_ARM:
            assert distance < 1e-5, joint
        elif joint in below_collar:
            assert distance > 0.02, joint


@LAYOUTS
def test_frames_outside_a_range_stay_and_the_path_goes_on(name: str) -> None:
    """Before the range nothing moves; after it the motion is the same up to one turn and one shift."""
    weights = joint_weights(SKELETON, range(7), time_weights(FRAMES, 12, 29, 5))
    before, after = mixed(name, weights)
    old, new = before.motion.positions, after.motion.positions
    torch.testing.assert_close(new[:12], old[:12], atol=1e-5, rtol=0)
    turn = (after.heading - before.heading)[29:]
    assert float(turn.abs().max()) > 0.05, "the edit turned"
    torch.testing.assert_close(turn, turn[:1].expand(12), atol=1e-9, rtol=0)
    back = turn_about_y((new - new[29:30, :1])[29:], -turn[:, None].float().expand(12, 22))
    height = (new - old)[29:, :1, 1:2].expand(12, 22, 1)
    torch.testing.assert_close(back[..., [0, 2]], (old - old[29:30, :1])[29:][..., [0, 2]], atol=1e-5, rtol=0)
    assert float(height.abs().max()) < 1e-5
    step = new[:, 0].diff(dim=0).norm(dim=-1)
    steps = torch.stack([features_step(seed, name) for seed in (0, 1)])
    assert float(step.max()) < 1.2 * float(steps.max()), "no jump"


def features_step(seed: int, name: str) -> Tensor:
    return get_layout(name).root_path(features(seed, name))[1].diff(dim=0).norm(dim=-1).max()


@LAYOUTS
def test_what_comes_after_can_stay_where_it_was(name: str) -> None:
    weights = joint_weights(SKELETON, range(7), time_weights(FRAMES, 12, 29, 5))
    before, after = mixed(name, weights, stay=True)
    old, new = before.motion.positions, after.motion.positions
    torch.testing.assert_close(new[:12], old[:12], atol=1e-5, rtol=0)
    torch.testing.assert_close(new[29:], old[29:], atol=1e-5, rtol=0)
    assert float((new - old)[13:28].abs().max()) > 0.05
    step = new[:, 0].diff(dim=0).norm(dim=-1)
    assert float(step.max()) < 0.2, "the way back is spread over the range"


def test_staying_changes_nothing_where_no_step_is_new() -> None:
    weights = joint_weights(SKELETON, {RIGHT_ARM}, time_weights(FRAMES, 12, 29, 5))
    _, follow = mixed("humanml3d", weights)
    _, stay = mixed("humanml3d", weights, stay=True)
    torch.testing.assert_close(follow.motion.positions, stay.motion.positions, atol=1e-5, rtol=0)


def test_weights_over_time() -> None:
    weights = time_weights(20, 4, 16, 3)
    assert weights[:4].eq(0).all()
    assert weights[16:].eq(0).all()
    assert weights[7:13].eq(1).all()
    assert weights[4] > 0
    torch.testing.assert_close(weights, weights.flip(0))
    x = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    torch.testing.assert_close(weights[4:7], x * x * (3 - 2 * x))
    assert time_weights(20, 0, 20, 3).eq(1).all(), "nothing to come from, nothing to go to"
    assert time_weights(20, 7, 8, 3)[7] == 1, "one frame has no room for a rise"
    assert time_weights(20, 0, 9, 3)[:6].eq(1).all()


@pytest.mark.parametrize("angle", [0.0, 2.0, -3.1])
def test_a_motion_returns_to_where_it_stood(angle: float) -> None:
    motion = make_motion(frames=11)
    turned = Motion.from_rotations(SKELETON, motion.rotations, motion.root, FPS)
    shift = torch.tensor([3.0, 0.4, -7.0])
    world = place(turned, turned, turned)
    torch.testing.assert_close(world.positions, motion.positions, atol=1e-5, rtol=0)
    placed = turn_about_y(motion.positions, torch.full((11, 22), angle)) + shift
    half = torch.tensor([0.0, math.sin(angle / 2), 0.0, math.cos(angle / 2)])
    root = roma.quat_product(half.expand(11, 4), motion.rotations[:, 0])
    elsewhere = Motion(SKELETON, placed, torch.cat((root[:, None], motion.rotations[:, 1:]), 1), FPS)
    back = place(motion, motion, elsewhere)
    torch.testing.assert_close(back.positions, elsewhere.positions, atol=1e-4, rtol=0)
    torch.testing.assert_close(back.rotations.abs(), elsewhere.rotations.abs(), atol=1e-5, rtol=0)
