"""Plausibility against formulas written out here, and motions whose faults are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.motions import make_motion, standing
from helpers.shared import SHARED, needs_data
from scalemogen.errors import UserError
from scalemogen.metrics import Plausibility, plausibility_figures
from scalemogen.metrics.functional import (
    bone_length_deviation,
    floating,
    floor_penetration,
    foot_skating,
    hinge_angles,
    jitter,
    range_violations,
    rotation_position_gap,
    skating_gmd,
)
from scalemogen.motion import Motion, get_layout
from scalemogen.skeletons import derive_skeleton, get_skeleton
from scalemogen.synthetic import synthetic_clips

SKELETON = get_skeleton("humanml3d")
FPS = 20.0
JOINT = {name: number for number, name in enumerate(SKELETON.joints)}


def stand(frames: int) -> Tensor:
    """Return someone standing on the floor, (frames, J, 3)."""
    positions = standing(frames=frames).positions
    return positions - torch.tensor([0.0, float(positions[..., 1].min()), 0.0])


def pad(*clips: Tensor) -> tuple[Tensor, Tensor]:
    """Return clips (B, T, J, 3), NaN outside, and their lengths."""
    lengths = torch.tensor([len(clip) for clip in clips])
    batch = torch.full((len(clips), int(lengths.max()), *clips[0].shape[1:]), math.nan)
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    return batch, lengths


def slide(positions: Tensor, speed: float, start: int = 0) -> Tensor:
    """Move a body to its left at `speed` metres per second from frame `start` on."""
    way = (torch.arange(len(positions)) - start).clamp_min(0) * speed / FPS
    return positions + way[:, None, None] * torch.tensor([1.0, 0.0, 0.0])


def test_skating_of_known_slides() -> None:
    batch, lengths = pad(stand(13), slide(stand(17), 1.2), slide(stand(21), 0.8, start=10), slide(stand(11), 0.2))
    found = foot_skating(batch, lengths, skeleton=SKELETON, fps=FPS)
    torch.testing.assert_close(found.ratio, torch.tensor([0.0, 1.0, 0.5, 0.0]))
    torch.testing.assert_close(found.speed, torch.tensor([0.0, 1.2, 0.4, 0.2]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.contact, torch.ones(4))
    raised = foot_skating(batch + torch.tensor([0.0, 0.3, 0.0]), lengths, skeleton=SKELETON, fps=FPS)
    torch.testing.assert_close(raised.ratio, found.ratio)  # it does not matter where the floor is


def test_a_foot_in_the_air_does_not_skate() -> None:
    clip = stand(17)
    clip[4:, [JOINT["left_ankle"], JOINT["left_foot"]]] += torch.tensor([0.0, 0.2, 0.0])
    swung = clip.clone()
    swung[4:, [JOINT["left_ankle"], JOINT["left_foot"]], 2] += torch.arange(13.0)[:, None] * 0.1
    toes = stand(17)
    toes[:, JOINT["left_ankle"], 2] += torch.arange(17.0) * 0.1  # the toes stay: a foot that turns on them
    batch, lengths = pad(swung, toes)
    found = foot_skating(batch, lengths, skeleton=SKELETON, fps=FPS)
    torch.testing.assert_close(found.ratio, torch.zeros(2))
    torch.testing.assert_close(found.speed, torch.zeros(2), atol=1e-6, rtol=0)


def gmd_by_hand(clip: Tensor) -> float:
    """The skating ratio of GMD in plain loops over a clip (T, J, 3)."""
    steps, slides = len(clip) - 1, set()
    for toes in (JOINT["left_foot"], JOINT["right_foot"]):
        way = [[float(clip[t, toes, axis]) for axis in range(3)] for t in range(len(clip))]
        speeds = [FPS * math.hypot(way[t + 1][0] - way[t][0], way[t + 1][2] - way[t][2]) for t in range(steps)]
        for t in range(steps):
            mean = sum(speeds[at] for at in range(t - 2, t + 3) if 0 <= at < steps) / 5
            if way[t][1] < 0.05 and way[t + 1][1] < 0.05 and speeds[t] > 0.5 and mean > 0.5:
                slides.add(t)
    return len(slides) / steps


def test_skating_as_gmd_counts_it() -> None:
    draw = torch.Generator().manual_seed(0)
    steps = torch.randn(23, 1, 3, generator=draw) * torch.tensor([0.03, 0.02, 0.03])
    shaken = stand(23) + steps.cumsum(0) * torch.tensor([1.0, 0.0, 1.0]) + steps * torch.tensor([0.0, 1.0, 0.0])
    clips = [stand(13), slide(stand(17), 1.2), slide(stand(21), 0.8, start=10), slide(stand(11), 0.2), shaken, stand(2)]
    found = skating_gmd(*pad(*clips), skeleton=SKELETON, fps=FPS)
    torch.testing.assert_close(found, torch.tensor([gmd_by_hand(clip) for clip in clips]))
    assert found[0] == found[3] == 0
    assert found[1] == 1
    assert 0 < found[2] < 0.5
    assert 0 < found[4] < 1
    raised = [clip + torch.tensor([0.0, 0.3, 0.0]) for clip in clips]  # its heights are over the floor
    torch.testing.assert_close(skating_gmd(*pad(*raised), skeleton=SKELETON, fps=FPS), torch.zeros(len(clips)))
    again = skating_gmd(*pad(*raised), skeleton=SKELETON, fps=FPS, floor=0.3)
    torch.testing.assert_close(again, found)


def test_floor_by_hand() -> None:
    clip = stand(12)
    clip[:3] -= torch.tensor([0.0, 0.08, 0.0])
    batch, lengths = pad(clip, stand(7) + torch.tensor([0.0, 0.1, 0.0]), stand(9))
    depth = floor_penetration(batch, lengths)
    torch.testing.assert_close(depth, torch.tensor([3 * 0.08 / 12, 0.0, 0.0]), atol=1e-6, rtol=0)
    height = floating(batch, lengths, fps=FPS)
    torch.testing.assert_close(height, torch.tensor([0.0, 0.1, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(floor_penetration(batch, lengths, floor=0.1)[1:], torch.tensor([0.0, 0.1]))


def hop(frames: int, start: int, seconds: float, hangs: bool) -> Tensor:
    """Return someone who leaves the floor for so long: on a parabola, or going straight up, hanging, and down."""
    clip = stand(frames)
    time = ((torch.arange(frames) - start) / FPS).clamp(0, seconds)
    parabola = 0.5 * 9.81 * time * (seconds - time)
    height = torch.full((frames,), float(parabola.max())) * (parabola > 0) if hangs else parabola
    return clip + height[:, None, None] * torch.tensor([0.0, 1.0, 0.0])


def test_a_jump_is_no_floating_and_hanging_is() -> None:
    batch, lengths = pad(hop(41, 12, 0.6, hangs=False), hop(41, 8, 1.2, hangs=True))
    jumps, hangs = floating(batch, lengths, fps=FPS).tolist()
    assert jumps == pytest.approx(0, abs=1e-4)
    assert hangs > 0.05
    jump = next(clip for clip in synthetic_clips(40, 3) if clip.attributes["acts"][0]["action"] == "jump")
    lowest = jump.motion.positions[..., 1].amin(-1)
    assert float(floating(jump.motion.positions[None], None, fps=FPS)) < float(lowest.median()) + 0.015
    assert float(lowest.max()) > 0.1


def test_jitter_bones_and_gap_by_formula() -> None:
    motion = make_motion(frames=23)
    draw = torch.Generator().manual_seed(2)
    shaken = motion.positions + 0.02 * torch.randn(motion.positions.shape, generator=draw)
    batch, lengths = pad(shaken, shaken[:11])
    x = shaken.double().numpy()
    bones = np.stack([np.linalg.norm(x[:, j] - x[:, SKELETON.parents[j]], axis=-1) for j in range(1, 22)], axis=-1)
    rest = np.linalg.norm(np.array(SKELETON.offsets)[1:], axis=-1)
    away = np.linalg.norm(x - motion.positions.double().numpy(), axis=-1)
    away_from_root = np.linalg.norm(
        (x - x[:, :1]) - (motion.positions - motion.positions[:, :1]).double().numpy(), axis=-1
    )
    assert away.mean() > 0.02
    rotations, _ = pad(motion.rotations, motion.rotations[:11])
    reference = torch.from_numpy(rest)
    for row, size in enumerate((23, 11)):
        jerk = (x[3:size] - 3 * x[2 : size - 1] + 3 * x[1 : size - 2] - x[: size - 3]) * FPS**3
        assert jitter(batch, lengths, fps=FPS)[row].item() == pytest.approx(np.linalg.norm(jerk, axis=-1).mean())
        change = np.abs(bones[:size] - np.median(bones[:size], axis=0)).mean()
        assert bone_length_deviation(batch, lengths, parents=SKELETON.parents)[row].item() == pytest.approx(change)
        found = bone_length_deviation(batch, lengths, parents=SKELETON.parents, reference=reference)[row]
        assert found.item() == pytest.approx(np.abs(bones[:size] - rest).mean())
        gap = rotation_position_gap(batch, rotations, lengths, skeleton=SKELETON)[row]
        assert gap.item() == pytest.approx(away_from_root[:size].mean(), rel=1e-4)


def test_too_short_clips_are_nan() -> None:
    assert jitter(*pad(stand(5), stand(3)), fps=FPS).isnan().tolist() == [False, True]
    assert foot_skating(*pad(stand(5), stand(1)), skeleton=SKELETON, fps=FPS).ratio.isnan().tolist() == [False, True]


def bent(limb: str, degrees: float) -> Tensor:
    """Return someone standing with the left lower leg swung back, or the left lower arm forward, by this angle."""
    hinge, moved = (("left_knee", ("left_ankle", "left_foot")), ("left_elbow", ("left_wrist",)))[limb == "elbow"]
    clip, angle = stand(3), math.radians(degrees)
    joints = [JOINT[name] for name in moved]
    x, y, z = (clip[:, joints] - clip[:, [JOINT[hinge]]]).unbind(-1)
    sine, cosine = math.sin(angle), math.cos(angle)
    turned = (cosine * x + sine * z, y, cosine * z - sine * x)
    if limb == "knee":
        turned = (x, cosine * y - sine * z, sine * y + cosine * z)
    clip[:, joints] = clip[:, [JOINT[hinge]]] + torch.stack(turned, dim=-1)
    return clip


@pytest.mark.parametrize(
    ("limb", "degrees", "allowed"),
    [("knee", 100, True), ("knee", 170, False), ("knee", -40, False), ("elbow", 140, True), ("elbow", 172, False)],
)
def test_hinges_bend_as_far_as_people_can(limb: str, degrees: float, allowed: bool) -> None:
    clip = bent(limb, degrees)[None]
    names, angles = hinge_angles(clip, SKELETON)
    left = angles[0, 0, names.index(limb)].item()
    assert left == pytest.approx(degrees, abs=0.5)
    violations = range_violations(clip, None, skeleton=SKELETON)
    assert violations.item() == pytest.approx(0.0 if allowed else 1 / 6)  # of two knees, two ankles, two elbows


def faults(positions: Tensor, motion: Motion) -> dict[str, float]:
    figures = plausibility_figures(positions[None], motion.rotations[None], skeleton=motion.skeleton, fps=motion.fps)
    return {name: value.item() for name, value in figures.items()}


def test_order_of_truth_noise_gliding_and_frozen_poses() -> None:
    walks = (clip for clip in synthetic_clips(100, 3) if clip.attributes["acts"][0]["action"] == "walk")
    clip = next(walk for walk in walks if walk.attributes["acts"][0]["speed"] != "slow")
    motion = clip.motion.retargeted()
    draw = torch.Generator().manual_seed(0)
    truth = faults(motion.positions, motion)
    noise = faults(motion.positions + 0.02 * torch.randn(motion.positions.shape, generator=draw), motion)
    root = motion.positions[:, :1] - motion.positions[:1, :1]
    glide = faults(motion.positions[:1] + root, motion)  # one pose along the path of a walk
    frozen = faults(motion.positions[:1].expand_as(motion.positions), motion)
    for name in ("jitter_m_per_s3", "skating_cm_per_s", "bone_change_mm", "rotation_gap_mm", "penetration_cm"):
        assert truth[name] < noise[name], name
    assert truth["skating_cm_per_s"] < 0.25 * glide["skating_cm_per_s"]
    assert truth["skating_ratio"] < 0.05 < 0.4 < glide["skating_ratio"]
    assert frozen["jitter_m_per_s3"] == frozen["skating_cm_per_s"] == 0
    assert truth["range_violation_ratio"] == 0
    mirrored = faults(motion.mirrored().positions, motion.mirrored())
    backwards = replace(motion, positions=motion.positions.flip(0), rotations=motion.rotations.flip(0))
    reverse = faults(backwards.positions, backwards)
    for name in ("jitter_m_per_s3", "skating_cm_per_s", "bone_length_mm", "penetration_cm"):
        assert mirrored[name] == pytest.approx(truth[name], rel=1e-3, abs=1e-3), name
        assert reverse[name] == pytest.approx(truth[name], rel=1e-3, abs=1e-3), name


def test_class_is_the_mean_over_motions_as_they_come_from_features() -> None:
    layout = get_layout("humanml3d")
    features = [layout.from_motion(make_motion(frames=frames, seed=frames)) for frames in (29, 17)]
    batch = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
    lengths = torch.tensor([len(clip) for clip in features])
    positions, rotations = layout.decode(batch, SKELETON)
    together, apart = Plausibility(SKELETON, FPS), Plausibility(SKELETON, FPS)
    together.update(positions, rotations, lengths)
    for clip in features:
        one, turns = layout.decode(clip, SKELETON)
        apart.update(one[None], turns[None])
    for name, value in together.compute().items():
        torch.testing.assert_close(value, apart.compute()[name], rtol=1e-5, atol=1e-6, equal_nan=True)
    assert together.compute()["rotation_gap_mm"] < 0.1


def test_bad_input_ends_in_one_clear_line() -> None:
    motion = standing(frames=7)
    positions, rotations = motion.positions[None].clone(), motion.rotations[None]
    positions[0, 4, 2, 1] = math.inf
    metric = Plausibility(SKELETON, FPS)
    with pytest.raises(
        UserError, match="positions are not finite in 1 of 1 clips of the batch, first in clip 0 at fra"
    ):
        metric.update(positions, rotations)
    with pytest.raises(UserError, match="skeleton kit has 21 joints"):
        Plausibility(get_skeleton("kit"), FPS).update(positions, rotations)
    chain = derive_skeleton("chain", ("a", "b", "c"), (-1, 0, 1), [(0, 0, 0), (0, 1, 0), (0, 1, 0)], contacts=())
    with pytest.raises(UserError, match="chain has no contact joints"):
        foot_skating(torch.zeros(1, 5, 3, 3), None, skeleton=chain, fps=FPS)
    with pytest.raises(UserError, match="chain has no contact joints"):
        skating_gmd(torch.zeros(1, 5, 3, 3), None, skeleton=chain, fps=FPS)
    with pytest.raises(UserError, match="chain has no legs or arms"):
        range_violations(torch.zeros(1, 5, 3, 3), None, skeleton=chain)
    with pytest.raises(ValueError, match=r"positions \(B, T, J, 3\)"):
        jitter(torch.zeros(5, 3, 3), None, fps=FPS)


@needs_data("humanml3d_sample")
def test_a_real_clip_is_plausible_and_a_shaken_one_is_not() -> None:
    joints = torch.from_numpy(np.load(SHARED / "humanml3d_sample" / "new_joints" / "012314.npy"))
    motion = Motion.from_positions(SKELETON, joints, FPS)
    draw = torch.Generator().manual_seed(0)
    truth = faults(motion.positions, motion)
    shaken = faults(motion.positions + 0.02 * torch.randn(joints.shape, generator=draw), motion)
    assert truth["skating_ratio"] < 0.1
    assert truth["penetration_cm"] == pytest.approx(0, abs=0.1)
    assert truth["floating_cm"] < 5
    assert truth["range_violation_ratio"] == 0
    assert truth["bone_change_mm"] < 1
    for name in ("skating_cm_per_s", "penetration_cm", "jitter_m_per_s3", "bone_change_mm", "rotation_gap_mm"):
        assert shaken[name] > truth[name], name
