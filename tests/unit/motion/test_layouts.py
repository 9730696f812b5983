"""Feature layouts: against a slow reference, there and back, symmetries, gradients, channels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helpers.motions import make_motion
from helpers.slow_features import mended, published
from helpers.trees import matrices, prime_joints, random_motion, random_tree, seeds
from scalemogen.errors import UserError
from scalemogen.motion import LAYOUTS, Motion, get_layout
from scalemogen.motion.heading import heading, smooth, unwrap
from scalemogen.motion.kinematics import global_rotations
from scalemogen.motion.rotations import about_y, multiply, turn_about_y
from scalemogen.skeletons import SKELETONS, get_skeleton

EXACT = ["humanml3d", "snapmogen"]
both = pytest.mark.parametrize("name", EXACT)
every = pytest.mark.parametrize("name", list(LAYOUTS))


def started(motion: Motion) -> tuple[Tensor, Tensor]:
    """Return positions and rotations as they come back: over the origin, at heading 0, without the last frame."""
    positions, rotations = motion.positions.double(), motion.rotations.double()
    angle = -heading(positions, motion.skeleton.facing, motion.fps)[:1]
    placed = turn_about_y(positions - positions[0, 0] * torch.tensor([1.0, 0.0, 1.0]), angle[:, None])
    root = multiply(about_y(angle), rotations[:, 0])
    return placed[:-1], torch.cat((root[:, None], rotations[:, 1:]), dim=1)[:-1]


def assert_there_and_back(name: str, motion: Motion) -> None:
    layout = get_layout(name)
    positions, rotations = layout.decode(layout.from_motion(motion), motion.skeleton)
    expected = started(motion)
    assert (positions - expected[0]).abs().max() < 1e-5
    assert roma.unitquat_geodesic_distance(rotations.double(), expected[1]).max() < 1e-3


def carried(motion: Motion, angle: float, x: float, z: float) -> Motion:
    """Return the motion turned about Y and moved along the ground."""
    turn = torch.tensor([angle], dtype=torch.float64)
    positions = turn_about_y(motion.positions.double(), turn[:, None]) + torch.tensor([x, 0.0, z]).double()
    root = multiply(about_y(turn), motion.rotations[:, 0].double())
    rotations = torch.cat((root[:, None].float(), motion.rotations[:, 1:]), dim=1)
    return replace(motion, positions=positions.float(), rotations=rotations)


@settings(max_examples=10)
@given(joints=prime_joints, seed=seeds, fps=st.sampled_from([12.5, 20.0, 30.0]))
def test_mended_features_equal_the_slow_reference(joints: int, seed: int, fps: float) -> None:
    motion = random_motion(random_tree(joints, seed), 7, seed, fps)
    tree = motion.skeleton
    slow = mended(
        motion.positions.double().numpy(), matrices(motion.rotations), tree.parents, tree.facing, tree.contacts, fps
    )
    np.testing.assert_allclose(get_layout("humanml3d").from_motion(motion).numpy(), slow, atol=2e-6)


def test_published_features_equal_the_slow_reference() -> None:
    motion = make_motion("humanml3d", frames=31).canonical()
    features = get_layout("humanml3d-published").from_motion(motion)
    np.testing.assert_allclose(features.numpy(), published(motion.positions.double().numpy()), atol=1e-5)


@both
@settings(max_examples=15)
@given(joints=prime_joints, seed=seeds)
def test_motions_of_any_tree_survive(name: str, joints: int, seed: int) -> None:
    assert_there_and_back(name, random_motion(random_tree(joints, seed), 7, seed))


@pytest.mark.parametrize(
    ("name", "skeleton"),
    [*(("snapmogen", skeleton) for skeleton in SKELETONS), *(("humanml3d", s) for s in SKELETONS if s != "snapmogen")],
)
def test_motions_of_shipped_skeletons_survive_two_turns(name: str, skeleton: str) -> None:
    motion = make_motion(skeleton, frames=61)
    extra = about_y(torch.linspace(0, 4 * math.pi, 61, dtype=torch.float64))
    rotations = motion.rotations.double()
    spun = torch.cat((multiply(extra, rotations[:, 0])[:, None], rotations[:, 1:]), dim=1)
    assert_there_and_back(name, Motion.from_rotations(motion.skeleton, spun, motion.root.double(), 20.0))


@every
def test_a_batch_is_its_clips(name: str) -> None:
    motions = [make_motion("humanml3d", frames=11, seed=seed) for seed in range(3)]
    skeleton, layout = motions[0].skeleton, get_layout(name)
    features = layout.encode(
        torch.stack([m.positions for m in motions]), torch.stack([m.rotations for m in motions]), skeleton, 20.0
    )
    assert features.shape == (3, 10, layout.width(skeleton))
    positions, rotations = layout.decode(features, skeleton)
    for row, motion in enumerate(motions):
        alone = layout.from_motion(motion)
        torch.testing.assert_close(features[row], alone, atol=1e-6, rtol=0)
        torch.testing.assert_close(positions[row], layout.positions(alone), atol=1e-6, rtol=0)
        assert roma.unitquat_geodesic_distance(rotations[row], layout.decode(alone, skeleton)[1]).max() < 1e-3


@every
@settings(max_examples=10)
@given(seed=seeds, angle=st.floats(-9, 9), x=st.floats(-5, 5), z=st.floats(-5, 5))
def test_place_and_direction_do_not_show(name: str, seed: int, angle: float, x: float, z: float) -> None:
    motion, layout = make_motion("humanml3d", frames=11, seed=seed), get_layout(name)
    moved = layout.from_motion(carried(motion, angle, x, z))
    torch.testing.assert_close(moved, layout.from_motion(motion), atol=1e-5, rtol=0)


@every
def test_frames_after_the_end_do_not_matter(name: str) -> None:
    layout = get_layout(name)
    features = layout.from_motion(make_motion("humanml3d", frames=23))
    torch.testing.assert_close(layout.positions(features)[:11], layout.positions(features[:11]))
    heading_all, path_all = layout.root_path(features)
    heading_part, path_part = layout.root_path(features[:11])
    torch.testing.assert_close((heading_all[:11], path_all[:11]), (heading_part, path_part))


@every
def test_gradients_reach_every_frame_of_the_path(name: str) -> None:
    layout = get_layout(name)
    features = layout.from_motion(make_motion("humanml3d", frames=8)).double()[None].requires_grad_()
    angle, path = layout.root_path(features)
    (grad,) = torch.autograd.grad(angle[0, -1] + path[0, -1].sum(), features)
    assert (grad[0, :-1, :3] != 0).all()
    assert (grad[0, -1, :3] == 0).all()
    assert torch.autograd.gradcheck(layout.positions, features[:, :3].detach().requires_grad_())


@every
def test_the_path_of_positions_is_the_root_path(name: str) -> None:
    layout = get_layout(name)
    features = layout.from_motion(make_motion("humanml3d", frames=13))
    torch.testing.assert_close(layout.positions(features)[:, 0], layout.root_path(features)[1], atol=1e-6, rtol=0)


def test_the_path_by_hand() -> None:
    """A step forward, a quarter turn to the left, a step forward: one metre to the front, one to the left."""
    features = torch.zeros(3, 263)
    features[:, 3] = 0.9
    features[0, 2] = 1.0
    features[1, 0], features[1, 2] = -math.pi / 4, 1.0
    angle, path = get_layout("humanml3d").root_path(features)
    torch.testing.assert_close(angle, torch.tensor([0.0, 0.0, math.pi / 2]))
    torch.testing.assert_close(path, torch.tensor([[0.0, 0.9, 0.0], [0.0, 0.9, 1.0], [1.0, 0.9, 1.0]]))


@pytest.mark.parametrize(
    ("name", "skeleton", "width", "root", "ankle"),
    [
        (
            "humanml3d",
            "humanml3d",
            263,
            [0, 1, 2, 3, 193, 194, 195],
            [*range(22, 25), *range(103, 109), *range(214, 217), 259],
        ),
        ("humanml3d-published", "kit", 251, [0, 1, 2, 3, 184, 185, 186], None),
        ("snapmogen", "snapmogen", 296, [*range(10), *range(148, 151), *range(220, 223)], None),
        ("humanml3d", "bandai_namco", 251, [0, 1, 2, 3, 184, 185, 186], None),
    ],
)
def test_channels_by_hand(name: str, skeleton: str, width: int, root: list[int], ankle: list[int] | None) -> None:
    tree, layout = get_skeleton(skeleton), get_layout(name)
    channels = layout.channels(tree)
    assert layout.width(tree) == width
    assert list(channels[0]) == root
    assert ankle is None or list(channels[7]) == ankle
    assert sorted(c for joint in channels for c in joint) == list(range(width))
    for number, joint in enumerate(tree.contacts):
        assert channels[joint][-1] == width - len(tree.contacts) + number


def test_published_features_need_a_published_skeleton() -> None:
    with pytest.raises(UserError, match=r"not defined for skeleton 'bandai_namco'; allowed: humanml3d, kit"):
        get_layout("humanml3d-published").from_motion(make_motion("bandai_namco"))


def test_unknown_layouts_short_motions_and_many_contacts_are_refused() -> None:
    with pytest.raises(UserError, match="'hml' is not known; allowed: humanml3d, humanml3d-published, snapmogen"):
        get_layout("hml")
    with pytest.raises(UserError, match="at least 2 frames"):
        get_layout("humanml3d").from_motion(make_motion(frames=1))
    with pytest.raises(UserError, match="12 contact joints; at most 11"):
        get_layout("humanml3d").width(random_tree(13, 0, contacts=12))


def test_published_rotations_come_back_as_a_pose_of_the_positions() -> None:
    motion, layout = make_motion("humanml3d", frames=11), get_layout("humanml3d-published")
    back = layout.to_motion(layout.from_motion(motion), motion.skeleton, 20.0)
    rebuilt = Motion.from_rotations(motion.skeleton, back.rotations, back.root, 20.0)
    assert (rebuilt.positions - back.positions).abs().max() < 1e-4


def test_the_published_heading_turns_the_wrong_way_at_half_a_turn_and_the_mended_one_does_not() -> None:
    motion = make_motion("humanml3d", frames=61)
    for name, drift in (("humanml3d-published", (0.01, 9.0)), ("humanml3d", (0.0, 1e-5))):
        layout = get_layout(name)
        path = layout.positions(layout.from_motion(motion))[:, 0, [0, 2]]
        chord = (path[-1] - path[0]).norm() - (motion.root[-2] - motion.root[0])[[0, 2]].norm()
        assert drift[0] <= chord.abs() < drift[1], name


@settings(max_examples=10)
@given(seed=seeds)
def test_a_root_whose_children_lie_on_one_line_keeps_what_can_be_seen(seed: int) -> None:
    """The twist between root and children is open: joints and the rotations below are kept."""
    motion, layout = make_motion("snapmogen", frames=7, seed=seed), get_layout("humanml3d")
    tree = motion.skeleton
    back = layout.to_motion(layout.from_motion(motion), tree, 20.0)
    positions, rotations = started(motion)
    rebuilt = Motion.from_rotations(tree, back.rotations, back.root, 20.0)
    torch.testing.assert_close(rebuilt.positions, positions.float(), atol=1e-5, rtol=0)
    apart = roma.unitquat_geodesic_distance(
        global_rotations(back.rotations.double(), tree.parents), global_rotations(rotations, tree.parents)
    )
    assert apart[:, 1:].max() < 1e-3


def test_a_root_that_its_child_does_not_turn_against_comes_back() -> None:
    motion = make_motion("snapmogen", frames=7)
    still = motion.rotations.clone()
    still[:, [j for j, parent in enumerate(motion.skeleton.parents) if parent == 0]] = torch.tensor([0.0, 0, 0, 1])
    assert_there_and_back("humanml3d", Motion.from_rotations(motion.skeleton, still, motion.root, 20.0))


@settings(max_examples=10)
@given(seed=seeds)
def test_unwrapped_angles_never_jump(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    angles = (2.0 * torch.randn(3, 17, generator=draw, dtype=torch.float64)).cumsum(-1).clamp(-30, 30)
    wrapped = torch.atan2(torch.sin(angles), torch.cos(angles))
    np.testing.assert_allclose(unwrap(wrapped).numpy(), np.unwrap(wrapped.numpy()), atol=1e-9)


def test_smoothing_keeps_straight_lines_and_constants() -> None:
    line = torch.arange(101, dtype=torch.float64)[None] * 0.3
    torch.testing.assert_close(smooth(line, 5.0)[:, 20:-20], line[:, 20:-20])
    torch.testing.assert_close(smooth(torch.full((2, 3), 1.7), 5.0), torch.full((2, 3), 1.7))
    assert smooth(line, 0.0) is line


def test_a_resting_foot_touches_the_ground_and_a_lifted_or_fast_one_does_not() -> None:
    motion = make_motion("humanml3d", frames=3)
    positions = torch.zeros(3, 22, 3) + motion.positions[:1]
    left_toe, right_toe = motion.skeleton.joints.index("left_foot"), motion.skeleton.joints.index("right_foot")
    positions[:, left_toe] = torch.tensor([[0.0, 0, 0], [0.01, 0, 0], [0.05, 0, 0]])
    positions[:, right_toe] = torch.tensor([[0.0, 0.2, 0], [0.0, 0.2, 0], [0.0, 0.0, 0]])
    features = get_layout("humanml3d").encode(positions, motion.rotations, motion.skeleton, 20.0)
    assert features[:, 260].tolist() == [1.0, 0.0]
    assert features[:, 262].tolist() == [0.0, 0.0]
