"""The motion record: what it refuses, and what resampling, cutting, turning and retargeting keep."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import roma
import torch
from hypothesis import given, settings

from helpers.motions import make_motion, standing
from helpers.trees import prime_joints, random_motion, random_tree, seeds
from scalemogen.errors import UserError
from scalemogen.motion import WRITERS, Motion, register_writer
from scalemogen.motion.heading import facing_angle
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.rotations import about_y, multiply, turn_about_y
from scalemogen.skeletons import get_skeleton


def assert_same(one: Motion, other: Motion, tolerance: float = 1e-6) -> None:
    torch.testing.assert_close(one.positions, other.positions, atol=tolerance, rtol=0)
    assert roma.unitquat_geodesic_distance(one.rotations, other.rotations).max() < max(tolerance, 1e-5)
    assert one.fps == other.fps


def bad(motion: Motion, **changes: object) -> None:
    replace(motion, **changes)  # type: ignore[arg-type]


def test_a_motion_knows_its_length() -> None:
    motion = make_motion(frames=23, fps=20.0)
    assert (motion.frames, motion.seconds) == (23, 23 / 20)
    assert motion.root.shape == (23, 3)
    assert motion.bones.shape == (22, 3)


def test_a_motion_refuses_what_does_not_fit() -> None:
    motion = make_motion()
    hole = motion.positions.clone()
    hole[3, 4, 1] = math.nan
    for changes, message in [
        ({"positions": motion.positions[:, 1:]}, "positions"),
        ({"positions": motion.positions[:0], "rotations": motion.rotations[:0]}, "positions"),
        ({"rotations": motion.rotations[1:]}, "rotations"),
        ({"offsets": torch.zeros(3, 3)}, "offsets"),
        ({"fps": 0.0}, "frames per second"),
        ({"fps": math.inf}, "frames per second"),
        ({"positions": hole}, "not finite"),
        ({"rotations": motion.rotations * 1.1}, "unit"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad(motion, **changes)


def test_slices_are_frames_and_never_empty() -> None:
    motion = make_motion()
    torch.testing.assert_close(motion.slice(3, 7).positions, motion.positions[3:7])
    for start, stop in [(3, 3), (-1, 2), (5, 99)]:
        with pytest.raises(ValueError, match="frames"):
            motion.slice(start, stop)


@settings(max_examples=10)
@given(joints=prime_joints, seed=seeds)
def test_resampling_to_the_own_rate_changes_nothing(joints: int, seed: int) -> None:
    motion = random_motion(random_tree(joints, seed), 7, seed)
    assert_same(motion.resample(motion.fps), motion, 0.0)


@settings(max_examples=10)
@given(joints=prime_joints, seed=seeds)
def test_twice_the_rate_and_back_gives_the_frames_back(joints: int, seed: int) -> None:
    motion = random_motion(random_tree(joints, seed), 7, seed)
    double = motion.resample(2 * motion.fps)
    assert double.frames == 13
    assert_same(double.resample(motion.fps), motion, 1e-5)
    middle = multiply(motion.rotations[:-1] * torch.tensor([-1, -1, -1, 1.0]), motion.rotations[1:])
    half = roma.unitquat_to_rotvec(middle).norm(dim=-1) / 2
    torch.testing.assert_close(
        roma.unitquat_geodesic_distance(motion.rotations[:-1], double.rotations[1::2]), half, atol=2e-3, rtol=0
    )


def test_resampled_joints_follow_from_resampled_rotations() -> None:
    motion = make_motion(frames=23, fps=30.0)
    other = motion.resample(20.0)
    assert other.frames == 15
    rebuilt = forward_kinematics(other.rotations, other.root, other.bones, other.skeleton.parents)
    torch.testing.assert_close(other.positions, rebuilt, atol=1e-5, rtol=0)


def test_resampling_does_not_care_for_the_sign_of_quaternions() -> None:
    motion = make_motion(frames=11, fps=30.0)
    signs = torch.where(torch.arange(11)[:, None, None] % 2 == 0, 1.0, -1.0)
    assert_same(replace(motion, rotations=motion.rotations * signs).resample(24.0), motion.resample(24.0))


@pytest.mark.parametrize("fps", [0.0, -20.0, math.nan, math.inf])
def test_frame_rates_are_positive(fps: float) -> None:
    with pytest.raises(UserError, match="frames per second: must be positive"):
        make_motion().resample(fps)


def test_one_frame_can_be_resampled() -> None:
    assert make_motion(frames=1, fps=30.0).resample(20.0).frames == 1


@settings(max_examples=10)
@given(seed=seeds)
def test_canonical_motions_start_over_the_origin_facing_front(seed: int) -> None:
    motion = make_motion(seed=seed)
    moved = moved_about(motion, seed)
    start = moved.canonical(floor=True)
    assert start.root[0, [0, 2]].abs().max() < 1e-6
    assert facing_angle(start.positions[0], motion.skeleton.facing).abs() < 1e-5
    assert start.positions[..., 1].min().abs() < 1e-6
    assert_same(start, motion.canonical(floor=True), 1e-5)


def moved_about(motion: Motion, seed: int) -> Motion:
    """Return the motion turned about Y and carried elsewhere."""
    draw = torch.Generator().manual_seed(seed)
    angle, shift = 6.0 * torch.rand(1, generator=draw).double(), torch.randn(3, generator=draw)
    root = multiply(about_y(angle), motion.rotations[:, 0].double()).float()
    positions = turn_about_y(motion.positions.double(), angle[:, None]).float() + shift
    return replace(motion, positions=positions, rotations=torch.cat((root[:, None], motion.rotations[:, 1:]), dim=1))


def test_heights_stay_unless_asked_for() -> None:
    motion = make_motion()
    torch.testing.assert_close(motion.canonical().root[:, 1], motion.root[:, 1])


def test_a_standing_person_faces_where_it_was_turned() -> None:
    for name in ("humanml3d", "kit", "snapmogen"):
        motion = standing(name, heading=0.7)
        angle = facing_angle(motion.positions[0], motion.skeleton.facing)
        assert abs(float(angle) - 0.7) < 1e-3, name


def test_motions_from_positions_reach_them() -> None:
    motion = make_motion("humanml3d")
    fitted = Motion.from_positions(motion.skeleton, motion.positions, motion.fps)
    rebuilt = forward_kinematics(fitted.rotations, fitted.root, fitted.bones, motion.skeleton.parents)
    torch.testing.assert_close(rebuilt, motion.positions, atol=1e-4, rtol=0)
    assert fitted.offsets is None


def test_retargeting_gives_the_skeletons_bones_and_scales_the_path() -> None:
    motion = make_motion("humanml3d")
    giant = Motion.from_rotations(motion.skeleton, motion.rotations, motion.root * 2, 20.0, motion.bones * 2)
    torch.testing.assert_close(giant.positions, motion.positions * 2, atol=1e-5, rtol=0)
    assert_same(giant.retargeted(), motion, 1e-5)
    assert motion.retargeted() is motion


def test_saving_asks_the_writer_of_the_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WRITERS, ".old", lambda motion, path: None)
    written: list[Path] = []

    @register_writer(".TST")
    def write(motion: Motion, path: Path) -> None:
        written.append(path)

    try:
        assert make_motion().save(tmp_path / "a.tst") == tmp_path / "a.tst"
    finally:
        del WRITERS[".tst"]
    assert written == [tmp_path / "a.tst"]
    with pytest.raises(UserError, match=r"no writer for the suffix '.xyz'; known: .*\.bvh.*\.old"):
        make_motion().save(tmp_path / "a.xyz")


def test_shipped_skeletons_have_motions() -> None:
    assert Motion.from_rotations(
        get_skeleton("kit"), torch.tensor([0.0, 0, 0, 1]).expand(2, 21, 4), torch.zeros(2, 3), 12.5
    ).seconds == pytest.approx(0.16)
